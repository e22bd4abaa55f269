"""The latent-imprint channel: how likely a typed or read text is, given what an appearance's imprint says.

A noisy channel in the sense of Shannon: the person types some of the pill's tokens, in any order and split
in any way, with characters exchanged that look alike. The score is log p(text | appearance) - log p(text |
the world), in nats; the world is what stands on pills in general (`ImprintWorld`), fixed when the recogniser is
fitted, so that a score never depends on which other appearances are enrolled. Lines that were read from a picture
are scored against the same strings, character lattice by character lattice.
"""

import math
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import permutations

import numpy as np
from rapidfuzz.distance import Levenshtein

from bentos.runtime.imprint_world import NO_WORLD, ImprintWorld
from bentos.runtime.lattice import Strings, log_nothing
from bentos.runtime.medication import fold_imprint
from bentos.runtime.read import Line
from bentos.runtime.typing_channel import NATS_PER_CHARACTER, TypingChannel, confusion_class

_OTHER_SHARE = 0.05
_UNTYPED = math.log(0.6)
_MAX_TYPED_TOKENS = 8
_RUNS_AROUND_FROM, _SHORTEST_PART, _PART_SHARE = 5, 3, 0.2
_NO_STRING = ""


def typed_tokens(text: str) -> list[str]:
    """Split typed text at spaces and punctuation and fold each piece; at most eight pieces."""
    pieces = (fold_imprint(piece) for piece in re.split(r"[\s;,|/]+", text))
    return [piece for piece in pieces if piece][:_MAX_TYPED_TOKENS]


def whole_match(text: str, *, error_rate: float, world: ImprintWorld = NO_WORLD) -> float:
    """The log-likelihood ratio that an imprint of exactly this typed text would have, nats."""
    per_character = math.log1p(-error_rate) + NATS_PER_CHARACTER
    tokens = typed_tokens(text)
    return sum(len(token) * per_character - world.log_excess(token, error_rate=error_rate) for token in tokens)


def shows_typed(read: str, typed: str) -> bool:
    """Whether a string that was read stands for the same glyphs as typed text, a slip or two and look-alikes aside.

    What was read may be a part of what was typed, or hold all of a token.
    """
    tokens = [confusion_class(token) for token in typed_tokens(typed)]
    wholes, seen = [*tokens, "".join(tokens)], confusion_class(read)
    if any(seen in whole or (len(whole) >= _SHORTEST_PART and whole in seen) for whole in wholes):
        return True
    return any(Levenshtein.distance(seen, whole) <= _slips(whole) for whole in wholes)


def _slips(token: str) -> int:
    return 0 if len(token) < 2 else 1 if len(token) < 5 else 2


class ImprintIndex:
    """The imprints of A appearances, prepared for scoring typed text against all of them at once."""

    def __init__(self, imprints: Sequence[Sequence[str]]) -> None:
        """`imprints[a]` are the tokens of appearance `a`; empty where it carries none."""
        self._tokens = [[folded for token in tokens if (folded := fold_imprint(token))] for tokens in imprints]

    @cached_property
    def _single(self) -> "_Vocabulary":
        return _Vocabulary([dict.fromkeys(_compounds(tokens), 0.0) | _in_part(tokens) for tokens in self._tokens])

    @cached_property
    def _joined(self) -> "_Vocabulary":
        return _Vocabulary([dict.fromkeys(_orders(tokens), 0.0) for tokens in self._tokens])

    @cached_property
    def _num_tokens_A(self) -> np.ndarray:
        return np.array([len(tokens) for tokens in self._tokens])

    @cached_property
    def _spelled(self) -> dict[str, list[int]]:
        numbers: dict[str, list[int]] = {}
        for a, tokens in enumerate(self._tokens):
            for key in {*_orders(tokens), _sorted_key(tokens)}:
                numbers.setdefault(key, []).append(a)
        return numbers

    def spelled_by(self, text: str) -> list[int]:
        """Numbers of the appearances whose whole imprint the typed text is, to the letter, in any order."""
        tokens = typed_tokens(text)
        keys = ("".join(tokens), _sorted_key(tokens)) if tokens else ()
        return sorted({a for key in keys for a in self._spelled.get(key, ())})

    def score(self, text: str, *, error_rate: float, world: ImprintWorld = NO_WORLD) -> np.ndarray:
        """Log-likelihood ratio of `text` for every appearance, (A,), nats.

        `error_rate` is the share of characters a person mistypes. Text without a letter or digit scores 0.
        """
        tokens = typed_tokens(text)
        if not tokens:
            return np.zeros(len(self._tokens))
        excess = [world.log_excess(token, error_rate=error_rate) for token in tokens]
        by_token = sum(self._single.best(token, error_rate=error_rate, excess=more)
                       for token, more in zip(tokens, excess, strict=True))  # fmt: skip
        untyped = np.maximum(self._num_tokens_A - len(tokens), 0) * _UNTYPED
        whole = self._joined.best("".join(tokens), error_rate=error_rate, excess=sum(excess))
        return np.maximum(by_token + untyped, whole)

    def score_lines(self, lines: Sequence[Line], *, stray_share: float, world: ImprintWorld = NO_WORLD) -> np.ndarray:
        """Log-likelihood ratio of the lines read from a pill for every appearance, (A,), nats.

        A line may be something else than the catalogue's imprint, by `stray_share`; a line in which hardly a
        character is to be read says next to nothing. No lines score 0.
        """
        total_A = np.zeros(len(self._tokens))
        for line in lines:
            total_A += self._single.line_ratio(line, stray_share=stray_share, world=world)
        return total_A


class _Vocabulary:
    """The distinct strings of all appearances, and which appearance carries which at what price.

    Shapes: S strings, I pairs of an appearance and a string.
    """

    def __init__(self, strings_of: Sequence[Mapping[str, float]]) -> None:
        """`strings_of[a]` are the strings of appearance `a`, each with its log share of what is seen, nats."""
        self._strings = sorted({string for strings in strings_of for string in strings}) or [""]
        self._channel = TypingChannel(self._strings)
        number = {string: i for i, string in enumerate(self._strings)} | {_NO_STRING: len(self._strings)}
        pairs_of = [strings or {_NO_STRING: 0.0} for strings in strings_of]
        self._number_I = np.array([number[string] for pairs in pairs_of for string in pairs], np.int64)
        self._price_I = np.array([price for pairs in pairs_of for price in pairs.values()], float)
        self._start_A = np.cumsum([0, *map(len, pairs_of)])[:-1]

    @cached_property
    def _for_lattices(self) -> Strings:
        return Strings(self._strings)

    def line_ratio(self, line: Line, *, stray_share: float, world: ImprintWorld) -> np.ndarray:
        """The best string's log-likelihood ratio for every appearance, over all directions of the line."""
        some_D = np.array([-math.expm1(log_nothing(lattice_TK)) for lattice_TK in line.lattices])
        readable = 1 - float(np.prod(1 - some_D))
        ratio_S = sum(
            some / max(some_D.sum(), 1e-9)
            * np.exp(self._for_lattices.log_ratio(lattice_TK) - world.line_excess(lattice_TK))
            for some, lattice_TK in zip(some_D, line.lattices, strict=True)
        )  # fmt: skip
        best_A = self._best_of(np.append(ratio_S, 0.0)[self._number_I] * np.exp(self._price_I))
        return np.log(1 - readable + readable * (stray_share + (1 - stray_share) * best_A))

    def best(self, typed: str, *, error_rate: float, excess: float) -> np.ndarray:
        """The best string's log-likelihood ratio for every appearance, floored by "it is something else".

        `excess` is by how much the world explains the text better than characters at random do, nats.
        """
        ratio_S = self._channel.log_ratio(typed, error_rate=error_rate) - excess
        best_A = self._best_of(np.append(ratio_S, -np.inf)[self._number_I] + self._price_I)
        return np.logaddexp(math.log(_OTHER_SHARE), math.log1p(-_OTHER_SHARE) + best_A)

    def _best_of(self, value_I: np.ndarray) -> np.ndarray:
        """The largest of each appearance's values, (A,)."""
        return np.maximum.reduceat(value_I, self._start_A) if len(self._start_A) else np.zeros(0)


def _sorted_key(tokens: Sequence[str]) -> str:
    return " ".join(sorted(tokens))


def _in_part(tokens: Sequence[str]) -> dict[str, float]:
    """The tokens, and what is left of a long one that runs around the pill, with the log shares, nats."""
    found = {}
    for token in (token for token in tokens if len(token) >= _RUNS_AROUND_FROM):
        parts = {part for num in range(_SHORTEST_PART, len(token)) for part in (token[:num], token[-num:])}
        found |= {part: math.log(_PART_SHARE / len(parts)) for part in parts}
    return found | dict.fromkeys(tokens, 0.0)


def _compounds(tokens: Sequence[str]) -> list[str]:
    return ["".join(pair) for pair in permutations(tokens, 2)] if len(tokens) <= 4 else []


def _orders(tokens: Sequence[str]) -> list[str]:
    orders = permutations(tokens) if len(tokens) <= 4 else [tokens, tokens[::-1]]
    return sorted({"".join(order) for order in orders} - {""})
