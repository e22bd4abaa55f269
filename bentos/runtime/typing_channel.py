"""The noisy channel between a token on a pill and what a person types for it: exchanged look-alikes, slips."""

import math
from collections.abc import Sequence

import numpy as np
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist

CONFUSABLE: tuple[str, ...] = ("0ODQ", "1IL", "5S", "8B", "2Z", "6G", "UV")
NATS_PER_CHARACTER = math.log(20)
_CLASS = str.maketrans({char: group[0] for group in CONFUSABLE for char in group})
_CONFUSION_SHARE = 0.3


def confusion_class(folded: str) -> str:
    """Replace each character by the first of its look-alikes: `O`, `D` and `Q` become `0`."""
    return folded.translate(_CLASS)


class TypingChannel:
    """S folded strings, prepared for scoring what was typed against all of them at once."""

    def __init__(self, strings: Sequence[str]) -> None:
        self._strings = list(strings)
        self._classes = [confusion_class(string) for string in self._strings]

    def log_ratio(self, typed: str, *, error_rate: float) -> np.ndarray:
        """Log p(typed | string) - log p(typed | each character one in twenty), (S,), nats.

        `error_rate` is the share of characters a person mistypes; look-alikes are mistyped more often.
        """
        exact_S = cdist([typed], self._strings, scorer=Levenshtein.distance)[0].astype(float)
        classes_S = cdist([confusion_class(typed)], self._classes, scorer=Levenshtein.distance)[0].astype(float)
        unlike_S = np.minimum(classes_S, exact_S)
        return (
            len(typed) * (math.log1p(-error_rate) + NATS_PER_CHARACTER)
            + (exact_S - unlike_S) * math.log(error_rate * _CONFUSION_SHARE)
            + unlike_S * math.log(error_rate * (1 - _CONFUSION_SHARE) / 20)
        )
