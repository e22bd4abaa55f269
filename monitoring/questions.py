"""The questions an evaluation asks of each photograph: the picture alone, and with what a person might type."""

import hashlib
from collections.abc import Sequence

import numpy as np

from bentos.runtime.answer import PillMetadata
from data.typed_text import type_all_tokens, type_partial
from monitoring.records import Question

TYPED_QUESTIONS: tuple[Question, ...] = ("picture_and_imprint", "picture_and_partial_imprint")


def photo_rng(photo: str, *, seed: int) -> np.random.Generator:
    """Random numbers that depend on the seed and the photograph alone, not on the order of the photographs."""
    return np.random.default_rng([seed, int.from_bytes(hashlib.sha256(photo.encode()).digest()[:8])])


def metadata_for(question: Question, *, tokens: Sequence[str], photo: str, seed: int) -> PillMetadata | None:
    """The metadata of a question about one photograph; None for pictures alone."""
    rng = photo_rng(f"{question}/{photo}", seed=seed)
    if question == "picture_and_imprint":
        return PillMetadata(imprint=type_all_tokens(tokens, rng=rng))
    if question == "picture_and_partial_imprint":
        return PillMetadata(imprint=type_partial(tokens, rng=rng))
    return None
