"""What a person might type beside the photograph: the whole imprint in any order, or one token with a slip."""

import hashlib
from collections.abc import Sequence

import numpy as np

from bentos.runtime.answer import PillMetadata
from bentos.runtime.imprint import CONFUSABLE
from monitoring.records import Question

_LOOK_ALIKES = {char: group.replace(char, "") for group in CONFUSABLE for char in group}
TYPED_QUESTIONS: tuple[Question, ...] = ("picture_and_imprint", "picture_and_partial_imprint")


def photo_rng(photo: str, *, seed: int) -> np.random.Generator:
    """Random numbers that depend on the seed and the photograph alone, not on the order of the photographs."""
    return np.random.default_rng([seed, int.from_bytes(hashlib.sha256(photo.encode()).digest()[:8])])


def full_imprint(tokens: Sequence[str], *, rng: np.random.Generator) -> str | None:
    """All tokens in random order, as typed by someone who turned the pill over; None for a blank pill."""
    return " ".join(tokens[i] for i in rng.permutation(len(tokens))) if tokens else None


def partial_imprint(tokens: Sequence[str], *, rng: np.random.Generator) -> str | None:
    """One token at random with one confusable character exchanged; None for a blank pill.

    Drawn among the tokens that hold a confusable character; where none does, a token is typed as it is.
    """
    if not tokens:
        return None
    confusable = [token for token in tokens if any(char in _LOOK_ALIKES for char in token.upper())] or list(tokens)
    return _exchange(confusable[rng.integers(len(confusable))], rng=rng)


def _exchange(token: str, *, rng: np.random.Generator) -> str:
    places = [i for i, char in enumerate(token.upper()) if char in _LOOK_ALIKES]
    if not places:
        return token
    place = places[rng.integers(len(places))]
    choices = _LOOK_ALIKES[token[place].upper()]
    return token[:place] + choices[rng.integers(len(choices))] + token[place + 1 :]


def metadata_for(question: Question, *, tokens: Sequence[str], photo: str, seed: int) -> PillMetadata | None:
    """The metadata of a question about one photograph; None for the picture alone."""
    rng = photo_rng(f"{question}/{photo}", seed=seed)
    if question == "picture_and_imprint":
        return PillMetadata(imprint=full_imprint(tokens, rng=rng))
    if question == "picture_and_partial_imprint":
        return PillMetadata(imprint=partial_imprint(tokens, rng=rng))
    return None
