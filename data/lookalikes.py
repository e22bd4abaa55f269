"""Pairs of medications that a person confuses at a glance, derived from the catalogue's facts alone."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Final

import numpy as np
from rapidfuzz.distance import Levenshtein

from bentos.runtime.medication import Medication, appearance_id_of, fold_imprint
from bentos.runtime.typing_channel import confusion_class

MAX_SIZE_DIFFERENCE_MM: Final = 1.0
SHORT_IMPRINT: Final = 5
MAX_DISTANCE_SHORT: Final = 1.0
MAX_DISTANCE_LONG: Final = 2.0
CONFUSABLE_COST: Final = 0.5
_GLYPHS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MAX_ORDERED: Final = 4


@dataclass(frozen=True)
class LookAlikePair:
    """Two medications of different clinical drugs that look alike; `distance` 0 is the same imprint."""

    one: str
    other: str
    distance: float


def look_alike_pairs(medications: Iterable[Medication]) -> list[LookAlikePair]:
    """Find the look-alike pairs, by medication id in catalogue order.

    A pair has different clinical drugs, the same colours and shape, sizes at most 1 mm apart, and imprints at
    most one edit apart (two, where both have more than five glyphs); exchanging look-alike glyphs (0 and O, 1 and
    I ...) is half an edit. Each appearance speaks once per clinical drug, through its first medication.
    """
    groups: dict[tuple, list[Medication]] = {}
    for medication in _spokesmen(medications):
        groups.setdefault((tuple(sorted(medication.colors)), medication.shape), []).append(medication)
    return [pair for group in groups.values() for pair in _pairs(group)]


def imprint_distance(one: Sequence[str], other: Sequence[str]) -> float:
    """Edits between two imprints (lists of tokens), look-alike glyphs half an edit.

    Order, sides and where a token ends do not count, up to four tokens; beyond, tokens are compared sorted.
    """
    fewer, more = sorted((_folded(one), _folded(other)), key=len)
    orders = permutations(more) if len(more) <= _MAX_ORDERED else [more]
    return min(_edits("".join(fewer), "".join(order)) for order in orders)


def _spokesmen(medications: Iterable[Medication]) -> list[Medication]:
    first: dict[tuple[str, str], Medication] = {}
    for medication in medications:
        first.setdefault((appearance_id_of(medication), medication.clinical_drug), medication)
    return list(first.values())


def _pairs(group: list[Medication]) -> Iterator[LookAlikePair]:
    sizes_N = np.array([medication.size_mm for medication in group])
    glyphs_NG = np.array([_glyph_counts(medication) for medication in group], dtype=np.int16)
    for i in range(len(group) - 1):
        near = np.abs(sizes_N[i + 1 :] - sizes_N[i]) <= MAX_SIZE_DIFFERENCE_MM
        few_edits = np.abs(glyphs_NG[i + 1 :] - glyphs_NG[i]).sum(axis=1) <= 2 * MAX_DISTANCE_LONG
        for j in np.flatnonzero(near & few_edits) + i + 1:
            pair = _judged(group[i], group[j])
            if pair is not None:
                yield pair


def _judged(one: Medication, other: Medication) -> LookAlikePair | None:
    if one.clinical_drug == other.clinical_drug:
        return None
    left, right = [token.text for token in one.imprint], [token.text for token in other.imprint]
    distance = imprint_distance(left, right)
    shorter = min(len("".join(_folded(left))), len("".join(_folded(right))))
    limit = MAX_DISTANCE_LONG if shorter > SHORT_IMPRINT else MAX_DISTANCE_SHORT
    if distance > limit:
        return None
    return LookAlikePair(one=one.medication_id, other=other.medication_id, distance=distance)


def _glyph_counts(medication: Medication) -> list[int]:
    folded = confusion_class("".join(fold_imprint(token.text) for token in medication.imprint))
    return [folded.count(glyph) for glyph in _GLYPHS]


def _folded(tokens: Sequence[str]) -> list[str]:
    return sorted(folded for token in tokens if (folded := fold_imprint(token)))


def _edits(one: str, other: str) -> float:
    unlike = Levenshtein.distance(confusion_class(one), confusion_class(other))
    exact = Levenshtein.distance(one, other)
    return unlike + CONFUSABLE_COST * max(0, exact - unlike)
