"""What stands on pills in general: how often each token occurs on the market, beside characters at random.

A likelihood ratio for identity must divide by how common the text is: half the pills of one maker carry its name,
so reading that name says little about which of them it is, or whether the pill is in the gallery at all. The
shares are counted once, when the recogniser is fitted, and travel with it: a score never depends on which pills
are enrolled.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bentos.runtime.errors import ContractError
from bentos.runtime.lattice import Strings
from bentos.runtime.typing_channel import TypingChannel

WORLD_FILE = "imprint_world.json"
MIN_COUNT = 3


class ImprintWorld(BaseModel):
    """Folded token -> its share of all tokens on pills, for the common ones; the rest is characters at random."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shares: dict[str, Annotated[float, Field(gt=0, lt=1)]] = {}

    @classmethod
    def load(cls, path: Path) -> "ImprintWorld":
        """Read the file that `write` wrote.

        Raises:
            ContractError: it is not of this form.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise ContractError(f"{path} holds no shares of imprint tokens: {error}") from error

    def write(self, path: Path) -> None:
        """Write the shares as JSON."""
        path.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")

    def log_excess(self, token: str, *, error_rate: float) -> float:
        """Log p(typed token | the world) - log p(typed token | each character one in twenty), nats."""
        if not self.shares:
            return 0.0
        return self._mixed(self._channel.log_ratio(token, error_rate=error_rate))

    def line_excess(self, lattice_TK: np.ndarray) -> float:
        """Log p(lattice | the world) - log p(lattice | some text), nats."""
        if not self.shares:
            return 0.0
        return self._mixed(self._strings.log_ratio(lattice_TK))

    def _mixed(self, ratio_S: np.ndarray) -> float:
        known = float(self._share_S.sum())
        return float(np.logaddexp(math.log1p(-known), np.logaddexp.reduce(np.log(self._share_S) + ratio_S)))

    @cached_property
    def _share_S(self) -> np.ndarray:
        return np.array(list(self.shares.values()))

    @cached_property
    def _channel(self) -> TypingChannel:
        return TypingChannel(list(self.shares))

    @cached_property
    def _strings(self) -> Strings:
        return Strings(list(self.shares))


NO_WORLD = ImprintWorld()


def count_tokens(imprints: Iterable[Sequence[str]], *, min_count: int = MIN_COUNT) -> ImprintWorld:
    """Shares of the tokens that at least `min_count` of the imprints bear.

    Args:
        imprints: the folded tokens of each pill that looks its own; a token counts once for each.
    """
    counts = Counter(token for tokens in imprints for token in set(tokens) if token)
    total = sum(counts.values())
    return ImprintWorld(shares={token: num / (total + 1) for token, num in _common(counts, min_count).items()})


def _common(counts: Mapping[str, int], min_count: int) -> dict[str, int]:
    return {token: num for token, num in sorted(counts.items()) if num >= min_count}
