"""Finds medications of a gallery by imprint, colour, shape and name; an exact order, page by page.

Shapes: A appearances, M medications.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from rapidfuzz import fuzz, process

from bentos.catalogue import MedicationQuery
from bentos.runtime.errors import InputError
from bentos.runtime.gallery import Gallery
from bentos.runtime.medication import Medication
from bentos.runtime.spl import UnknownWord, parse_color, parse_shape

MIN_NAME_LIKENESS = 80.0


@dataclass(frozen=True)
class Found:
    """One page: medications with the imprint's log-likelihood ratio in nats (0 where none was asked for)."""

    total: int
    matches: tuple[tuple[Medication, float], ...]


class MedicationSearch:
    """A gallery's medications, prepared for searching."""

    def __init__(self, gallery: Gallery, *, imprint_error_rate: float) -> None:
        """Nothing is read from disk."""
        self._gallery = gallery
        self._error_rate = imprint_error_rate
        self._medications = tuple(sorted(gallery.spec.medications, key=lambda item: item.medication_id))
        number = {key: a for a, look in enumerate(gallery.appearances) for key in look.medication_ids}
        self._appearance_M = np.array([number[item.medication_id] for item in self._medications])
        self._names = [_names(item) for item in self._medications]

    def find(self, query: MedicationQuery) -> Found:
        """One page of what fits; better imprints and names first, then by medication_id.

        Raises:
            InputError: bad_metadata, a colour or shape that SPL does not know.
        """
        score_M, name_M = self._imprint(query.imprint), self._name(query.name)
        keep_M = self._looks(query) & (score_M > 0 if query.imprint else True) & (name_M >= MIN_NAME_LIKENESS)
        rows = np.flatnonzero(keep_M)
        rows = rows[np.lexsort((rows, -np.round(name_M[rows]), -np.round(score_M[rows], 6)))]
        page = rows[query.offset : query.offset + query.limit]
        return Found(len(rows), tuple((self._medications[m], float(score_M[m])) for m in page))

    def _imprint(self, imprint: str | None) -> np.ndarray:
        if not imprint:
            return np.zeros(len(self._medications))
        score_A = self._gallery.index.imprints.score(imprint, error_rate=self._error_rate)
        return score_A[self._appearance_M]

    def _name(self, name: str | None) -> np.ndarray:
        if not name or not name.strip():
            return np.full(len(self._medications), 100.0)
        return process.cdist([name.casefold().strip()], self._names, scorer=fuzz.partial_ratio)[0]

    def _looks(self, query: MedicationQuery) -> np.ndarray:
        colors = {_parsed(parse_color, piece) for piece in (query.color or "").split(";") if piece.strip()}
        shape = _parsed(parse_shape, query.shape) if query.shape else None
        combinations, colors_A = self._gallery.index.colors
        shapes, shape_A = self._gallery.index.shapes
        colored_A = np.array([colors <= set(one) for one in combinations])[colors_A]
        shaped_A = np.array([shape in (None, one) for one in shapes])[shape_A]
        return (colored_A & shaped_A)[self._appearance_M]


def _names(item: Medication) -> str:
    names = (item.generic_name, item.proprietary_name, item.rxnorm_name, item.medication_id)
    return " | ".join(name.casefold() for name in names if name)


def _parsed(parse: Callable[[str], str], text: str) -> str:
    try:
        return parse(text)
    except UnknownWord as error:
        raise InputError("bad_metadata", f"{error.sentence}.") from error
