"""Which medications of a gallery stand dangerously near an answer: by the encoder's own eye, by name, by evidence.

Two appearances look alike where their reference views are as near as two pictures of one and the same pill
(the nearest nine tenths of such pairs in the gallery), and nearer than 999 in 1,000 pairs of different pills.

Shapes: V views, A appearances, N pairs of views, R rows (views of the answer), D embedding.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Final

import numpy as np

from bentos.runtime.decide import MAX_ALTERNATIVES, Ruling
from bentos.runtime.evidence import SideObservation
from bentos.runtime.gallery import Gallery
from bentos.runtime.look_alike import Neighbour
from bentos.runtime.medication import Medication
from bentos.runtime.sound_alike import listed_names, partners, sound_alike

MIN_PROBABILITY, BEHIND_PROBABILITY, LEANING_PROBABILITY = 0.01, 0.1, 0.5
GENUINE_SHARE, IMPOSTOR_SHARE = 0.1, 0.999
_MIN_GENUINE: Final = 20
_NUM_SAMPLED: Final = 256
_NUM_LIKELY, _NUM_NEAR = 20, 20


@dataclass(frozen=True)
class Seen:
    """How near every appearance's views are to those photographed and to the others, cosine above the limit, (A,)."""

    margin_A: np.ndarray
    other_side_A: np.ndarray


class Neighbourhood:
    """Finds dangerous neighbours in one gallery; its tables are made once, when first needed."""

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery

    @cached_property
    def limits(self) -> dict[str, float]:
        """Cosine of two views, per member, above which they look alike; infinite where nothing can be compared."""
        look_V = self._looks_V
        pairs_N2 = np.array(list(self._genuine_pairs()), np.int64).reshape(-1, 2)
        return {
            name: near_limit(rows_VD, pairs_N2=pairs_N2, look_V=look_V)
            for name, rows_VD in self._gallery.prototypes.items()
        }

    def around(self, ruling: Ruling, sides: Sequence[SideObservation], *, active_A: np.ndarray) -> Iterator[Neighbour]:
        """The dangerous neighbours of the first answer and of the candidates behind it, in no order.

        The candidates behind it are asked for the same look and for names only.
        """
        probability_A = np.where(active_A, ruling.posterior.probability_A, -1.0)
        first, *behind = [int(a) for a in ruling.ranked()[:_NUM_LIKELY]]
        likely = [a for a in behind if probability_A[a] >= MIN_PROBABILITY]
        seen = self.seen(first, sides, members=_members(ruling, self._gallery.prototypes))
        near = [a for a in np.argsort(-seen.margin_A)[:_NUM_NEAR].tolist() if seen.margin_A[a] > 0 and active_A[a]]
        asked = {*near, *likely, *self._namesakes(first, order_A=probability_A + seen.margin_A / 1000)}
        yield from self._pairs(first, asked, probability_A=probability_A, seen=seen)
        for a in (b for b in likely[: MAX_ALTERNATIVES - 1] if probability_A[b] >= BEHIND_PROBABILITY):
            yield from self._pairs(a, self._namesakes(a, order_A=probability_A), probability_A=probability_A)

    def seen(self, a: int, sides: Sequence[SideObservation], *, members: Sequence[str]) -> Seen:
        """How near other appearances are to appearance `a` as it was photographed, and on its other side.

        With two pictures an appearance must be near in both.
        """
        own_R = self._rows_of(a)
        picked = [own_R[self._likeness(own_R, side, members=members).argmax()] for side in sides]
        shown = {self._gallery.spec.views[row].side for row in picked}
        other = [row for row in own_R if self._gallery.spec.views[row].side not in shown]
        margin_RA = self._margins([*picked, *other], members=members)
        shown_A = margin_RA[: len(picked)].min(axis=0)
        shown_A[a] = -np.inf
        rest_RA = margin_RA[len(picked) :]
        return Seen(shown_A, rest_RA.max(axis=0) if len(rest_RA) else np.zeros_like(shown_A))

    def _pairs(
        self, a: int, asked: Iterable[int], *, probability_A: np.ndarray, seen: Seen | None = None
    ) -> Iterator[Neighbour]:
        """Appearance `a` beside each one asked for; `seen` is given for the first answer alone."""
        candidate, *twins = self._medications(a)
        leans = probability_A[a] >= LEANING_PROBABILITY
        yield from (Neighbour(candidate, twin, frozenset({"same"}), seen is not None) for twin in twins)
        for b in asked:
            other = next((m for m in self._medications(b) if m.clinical_drug != candidate.clinical_drug), None)
            if b == a or other is None or probability_A[b] < 0:
                continue
            looks = seen is not None and bool(seen.margin_A[b] > 0)
            reasons = {
                "sounds": sound_alike(candidate.clinical_drug, other.clinical_drug),
                "looks": looks,
                "evidence": seen is not None and leans and probability_A[b] >= MIN_PROBABILITY,
            }
            yield Neighbour(
                candidate,
                other,
                frozenset(name for name, holds in reasons.items() if holds),
                first=seen is not None,
                probability=float(probability_A[b]),
                margin=float(seen.margin_A[b]) if looks else 0.0,
                other_side_differs=looks and bool(seen.other_side_A[b] < 0),
            )

    def _medications(self, a: int) -> list[Medication]:
        """One medication of each drug that appearance `a` stands for, its first one first."""
        found: dict[str, Medication] = {}
        for key in self._gallery.appearances[a].medication_ids:
            medication = self._gallery.medications[key]
            found.setdefault(medication.clinical_drug, medication)
        return list(found.values())

    def _namesakes(self, a: int, *, order_A: np.ndarray) -> list[int]:
        """For each name that the first drug of `a` is taken for, the appearance of that name highest in an order."""
        candidate = self._medications(a)[0]
        named = (self._by_name.get(name, ()) for name in sorted(partners(candidate.clinical_drug)))
        return [max(found, key=lambda b: order_A[b]) for found in named if found]

    def _rows_of(self, a: int) -> np.ndarray:
        rows = np.unique(self._gallery.index.views_ASK[a])
        return rows[rows >= 0]

    def _likeness(self, rows_R: np.ndarray, side: SideObservation, *, members: Sequence[str]) -> np.ndarray:
        known = [name for name in members if name in side.embeddings]
        return sum((self._gallery.prototypes[name][rows_R] @ side.embeddings[name] for name in known),
                   np.zeros(len(rows_R)))  # fmt: skip

    def _margins(self, rows: Sequence[int], *, members: Sequence[str]) -> np.ndarray:
        """Cosine above the limit of each row to the nearest view of every appearance, by the least sure member."""
        order_V, start_A = self._by_appearance
        above_MRV = [
            rows_VD[list(rows)] @ rows_VD.T - self.limits[name]
            for name, rows_VD in self._gallery.prototypes.items()
            if name in members
        ]
        return np.maximum.reduceat(np.minimum.reduce(above_MRV)[:, order_V], start_A, axis=1)

    @cached_property
    def _by_appearance(self) -> tuple[np.ndarray, np.ndarray]:
        """The views ordered by appearance (V,), and where each appearance begins (A,); every one has a view."""
        number = {appearance.appearance_id: a for a, appearance in enumerate(self._gallery.appearances)}
        appearance_V = np.array([number[view.appearance_id] for view in self._gallery.spec.views])
        order_V = np.argsort(appearance_V, kind="stable")
        return order_V, np.searchsorted(appearance_V[order_V], np.arange(len(number)))

    @cached_property
    def _by_name(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for a, drugs in enumerate(self._gallery.index.drugs_A):
            for name in {name for drug in drugs for name in listed_names(drug)}:
                found.setdefault(name, []).append(a)
        return found

    @cached_property
    def _looks_V(self) -> np.ndarray:
        look_of = {appearance.appearance_id: appearance.look_group for appearance in self._gallery.appearances}
        return np.array([look_of[view.appearance_id] for view in self._gallery.spec.views])

    def _genuine_pairs(self) -> Iterator[tuple[int, int]]:
        """Two different pictures of the same side of one appearance."""
        views = self._gallery.spec.views
        groups: dict[tuple[str, str], list[int]] = {}
        for row, view in enumerate(views):
            groups.setdefault((view.appearance_id, view.side), []).append(row)
        for rows in groups.values():
            yield from ((i, j) for i, j in combinations(rows, 2) if views[i].picture_digest != views[j].picture_digest)


def near_limit(rows_VD: np.ndarray, *, pairs_N2: np.ndarray, look_V: np.ndarray) -> float:
    """Cosine above which two views look alike, from pairs of one pill and of different pills."""
    sampled_R = np.random.default_rng(0).permutation(len(rows_VD))[:_NUM_SAMPLED]
    cosine_RV = rows_VD[sampled_R] @ rows_VD.T
    impostor_N = cosine_RV[look_V[sampled_R, None] != look_V[None]]
    if not len(impostor_N):
        return float("inf")
    limit = float(np.quantile(impostor_N, IMPOSTOR_SHARE, method="higher"))
    if len(pairs_N2) >= _MIN_GENUINE:
        genuine_N = (rows_VD[pairs_N2[:, 0]] * rows_VD[pairs_N2[:, 1]]).sum(axis=1)
        limit = max(limit, float(np.quantile(genuine_N, GENUINE_SHARE)))
    return limit


def _members(ruling: Ruling, prototypes: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    return tuple(prototypes) if ruling.route == "ensemble" else (ruling.route,)
