"""The latent-imprint channel: how likely a typed or read text is, given what an appearance's imprint says.

A noisy channel in the sense of Shannon: the person types some of the pill's tokens, in any order and split
in any way, with characters exchanged that look alike. The score is log p(text | appearance) - log p(text |
any pill), in nats; the second term is a fixed character model, so that a score never depends on which other
appearances are enrolled. Lines that were read from a picture are scored against the same strings, character
lattice by character lattice.
"""

import math
import re
from collections.abc import Sequence
from functools import cached_property
from itertools import permutations

import numpy as np
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist

from bentos.runtime.lattice import Strings, log_nothing
from bentos.runtime.medication import fold_imprint
from bentos.runtime.read import Line

CONFUSABLE: tuple[str, ...] = ("0ODQ", "1IL", "5S", "8B", "2Z", "6G", "UV")
_CLASS = str.maketrans({char: group[0] for group in CONFUSABLE for char in group})
_CONFUSION_SHARE = 0.3
_OTHER_SHARE = 0.05
_UNTYPED = math.log(0.6)
_NATS_PER_CHARACTER = math.log(20)
_MAX_TYPED_TOKENS = 8


def confusion_class(folded: str) -> str:
    """Replace each character by the first of its look-alikes: `O`, `D` and `Q` become `0`."""
    return folded.translate(_CLASS)


def typed_tokens(text: str) -> list[str]:
    """Split typed text at spaces and punctuation and fold each piece; at most eight pieces."""
    pieces = (fold_imprint(piece) for piece in re.split(r"[\s;,|/]+", text))
    return [piece for piece in pieces if piece][:_MAX_TYPED_TOKENS]


def whole_match(text: str, *, error_rate: float) -> float:
    """The log-likelihood ratio that an imprint of exactly this typed text would have, nats."""
    return sum(len(token) for token in typed_tokens(text)) * (math.log1p(-error_rate) + _NATS_PER_CHARACTER)


class ImprintIndex:
    """The imprints of A appearances, prepared for scoring typed text against all of them at once."""

    def __init__(self, imprints: Sequence[Sequence[str]]) -> None:
        """`imprints[a]` are the tokens of appearance `a`; empty where it carries none."""
        self._tokens = [[folded for token in tokens if (folded := fold_imprint(token))] for tokens in imprints]

    @cached_property
    def _single(self) -> "_Vocabulary":
        return _Vocabulary([[*tokens, *_compounds(tokens)] for tokens in self._tokens])

    @cached_property
    def _joined(self) -> "_Vocabulary":
        return _Vocabulary([_orders(tokens) for tokens in self._tokens])

    @cached_property
    def _num_tokens_A(self) -> np.ndarray:
        return np.array([len(tokens) for tokens in self._tokens])

    def score(self, text: str, *, error_rate: float) -> np.ndarray:
        """Log-likelihood ratio of `text` for every appearance, (A,), nats.

        `error_rate` is the share of characters a person mistypes. Text without a letter or digit scores 0.
        """
        tokens = typed_tokens(text)
        if not tokens:
            return np.zeros(len(self._tokens))
        by_token = sum(self._single.best(token, error_rate=error_rate) for token in tokens)
        untyped = np.maximum(self._num_tokens_A - len(tokens), 0) * _UNTYPED
        whole = self._joined.best("".join(tokens), error_rate=error_rate)
        return np.maximum(by_token + untyped, whole)

    def score_lines(self, lines: Sequence[Line], *, stray_share: float) -> np.ndarray:
        """Log-likelihood ratio of the lines read from a pill for every appearance, (A,), nats.

        A line may be something else than the catalogue's imprint, by `stray_share`; a line in which hardly a
        character is to be read says next to nothing. No lines score 0.
        """
        total_A = np.zeros(len(self._tokens))
        for line in lines:
            total_A += self._single.line_ratio(line, stray_share=stray_share)
        return total_A


class _Vocabulary:
    """The distinct strings of all appearances, and which appearance carries which."""

    def __init__(self, strings_of: Sequence[Sequence[str]]) -> None:
        self._strings = sorted({string for strings in strings_of for string in strings}) or [""]
        self._classes = [confusion_class(string) for string in self._strings]
        number = {string: i for i, string in enumerate(self._strings)}
        width = max((len(strings) for strings in strings_of), default=0) or 1
        self._index_AK = np.full((len(strings_of), width), len(self._strings))
        for a, strings in enumerate(strings_of):
            self._index_AK[a, : len(strings)] = [number[string] for string in strings]

    @cached_property
    def _for_lattices(self) -> Strings:
        return Strings(self._strings)

    def line_ratio(self, line: Line, *, stray_share: float) -> np.ndarray:
        """The best string's log-likelihood ratio for every appearance, over all directions of the line."""
        some_D = np.array([-math.expm1(log_nothing(lattice_TK)) for lattice_TK in line.lattices])
        readable = 1 - float(np.prod(1 - some_D))
        ratio_S = sum(
            some / max(some_D.sum(), 1e-9) * np.exp(self._for_lattices.log_ratio(lattice_TK))
            for some, lattice_TK in zip(some_D, line.lattices, strict=True)
        )  # fmt: skip
        best_A = np.append(ratio_S, 0.0)[self._index_AK].max(axis=1)
        return np.log(1 - readable + readable * (stray_share + (1 - stray_share) * best_A))

    def best(self, typed: str, *, error_rate: float) -> np.ndarray:
        """The best string's log-likelihood ratio for every appearance, floored by "it is something else"."""
        exact = cdist([typed], self._strings, scorer=Levenshtein.distance)[0].astype(float)
        classes = [confusion_class(typed)]
        unlike = np.minimum(cdist(classes, self._classes, scorer=Levenshtein.distance)[0].astype(float), exact)
        channel = (
            len(typed) * math.log1p(-error_rate)
            + (exact - unlike) * math.log(error_rate * _CONFUSION_SHARE)
            + unlike * math.log(error_rate * (1 - _CONFUSION_SHARE) / 20)
        )
        ratio = np.append(channel + len(typed) * _NATS_PER_CHARACTER, -np.inf)
        mixed = np.logaddexp(math.log(_OTHER_SHARE), math.log1p(-_OTHER_SHARE) + ratio)
        return mixed[self._index_AK].max(axis=1)


def _compounds(tokens: Sequence[str]) -> list[str]:
    return ["".join(pair) for pair in permutations(tokens, 2)] if len(tokens) <= 4 else []


def _orders(tokens: Sequence[str]) -> list[str]:
    orders = permutations(tokens) if len(tokens) <= 4 else [tokens, tokens[::-1]]
    return sorted({"".join(order) for order in orders} - {""})
