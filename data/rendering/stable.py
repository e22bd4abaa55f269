"""Random numbers that depend on what a pill is or on a photograph's seed, and on nothing else."""

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import cv2
import numpy as np

from bentos.runtime.medication import Medication, appearance_id_of

P = ParamSpec("P")
R = TypeVar("R")


def repeatable(draw: Callable[P, R]) -> Callable[P, R]:
    """Run `draw` with OpenCV's own filters: those of Intel IPP round by where an array lies in memory."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> R:
        in_use = cv2.ipp.useIPP()
        cv2.ipp.setUseIPP(False)
        try:
            return draw(*args, **kwargs)
        finally:
            cv2.ipp.setUseIPP(in_use)

    return drawn


def look_rng(medication: Medication, purpose: str) -> np.random.Generator:
    """Generator for what the maker decided: the same for every medication of one appearance."""
    return _rng("look", appearance_id_of(medication), purpose)


def photo_rng(medication: Medication, *parts: object) -> np.random.Generator:
    """Generator for what the photographer decided: the same for the same medication and parts."""
    return _rng("photo", medication.medication_id, *parts)


def named_rng(*parts: object) -> np.random.Generator:
    """Generator for anything else that has a name, such as a texture or a camera."""
    return _rng("named", *parts)


def _rng(*parts: object) -> np.random.Generator:
    digest = hashlib.sha256("|".join(map(str, parts)).encode()).digest()
    return np.random.Generator(np.random.SFC64(int.from_bytes(digest[:8], "big")))
