"""Random numbers that depend on what a pill is or on a photograph's seed, and on nothing else."""

import hashlib

import numpy as np

from bentos.runtime.medication import Medication, appearance_id_of


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
