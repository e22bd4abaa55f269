"""Evidence: what the pictures and the typed facts say for and against each appearance, cue by cue, in nats.

Every number is log p(cue | appearance) - log p(cue | the world). A picture's score depends on it and on one view
alone, so enrolling or removing a pill leaves the others' scores as they were.

Shapes: P pictures of the pill (1 or 2), V views, A appearances, K views of one side, D embedding.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from types import MappingProxyType

import numpy as np

from bentos.runtime.answer import PillMetadata, Seen
from bentos.runtime.attributes import CatalogueFacts, as_seen
from bentos.runtime.contract import LogisticSpec, pattern_key
from bentos.runtime.features import VisualFeatures
from bentos.runtime.gallery import Gallery
from bentos.runtime.imprint import shows_typed
from bentos.runtime.locate import Located
from bentos.runtime.read import Line, Reading
from bentos.runtime.recogniser import Recogniser
from bentos.runtime.statistics import PictureStatistics
from bentos.runtime.typed import typed_cues

READ_IMPRINT = "read_imprint"
READ_AGAIN = "read_again"
TWO_SIDES = "two_sides"
EVERY = slice(None)


@dataclass(frozen=True)
class SideObservation:
    """One picture of one pill: where it lies, crops per member, features, statistics, text, embeddings so far.

    `scored` keeps what was compared with a gallery, by its digest and the cue: the route asks up to three times.
    """

    located: Located
    crops: dict[str, np.ndarray]
    features: VisualFeatures
    statistics: PictureStatistics
    reading: Reading | None = None
    embeddings: dict[str, np.ndarray] = field(default_factory=dict)
    scored: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)

    def embedding(self, recogniser: Recogniser, member: str) -> np.ndarray:
        """Unit vector (D,) of the member, computed once."""
        if member not in self.embeddings:
            crop_SSC, half_turned = self.crops[member], recogniser.members[member].spec.preprocess.half_turned
            looks_BD = recogniser.embed(member, [crop_SSC, crop_SSC[::-1, ::-1]] if half_turned else [crop_SSC])
            self.embeddings[member] = unit(looks_BD.mean(axis=0)) if half_turned else looks_BD[0]
        return self.embeddings[member]


@dataclass(frozen=True)
class Typed:
    """What was typed: cue name -> (A,) nats, and the imprint as text."""

    cues: Mapping[str, np.ndarray]
    imprint: str | None


@dataclass(frozen=True)
class Evidence:
    """Cue name -> (A,) nats, and the pattern of cues present that chooses the fusion weights."""

    cues: dict[str, np.ndarray]
    pattern: str


class Scorer:
    """Scores observations against one gallery with one recogniser."""

    def __init__(self, recogniser: Recogniser, gallery: Gallery) -> None:
        self._recogniser = recogniser
        self._gallery = gallery

    def typed(self, metadata: PillMetadata) -> Typed:
        """The cues of what was typed; they are the same whichever member looks.

        Raises:
            InputError: the metadata names a colour or shape that SPL does not know.
        """
        spec, world = self._recogniser.spec.cues, self._recogniser.imprint_world
        return Typed(typed_cues(metadata, self._gallery.index, cues=spec, world=world), metadata.imprint)

    def collect(self, sides: Sequence[SideObservation], *, members: Sequence[str], typed: Typed) -> Evidence:
        """All cues of one pill, with those that were typed."""
        cues = self._picture_cues(sides, members=members) | self.read(sides, typed=typed.imprint) if sides else {}
        cues |= self._attributes(sides, members=members) if sides else {}
        present = {*members, *typed.cues} if sides else set(typed.cues)
        return Evidence({**cues, **typed.cues}, pattern_key(present | ({TWO_SIDES} if len(sides) == 2 else set())))

    def _picture_cues(self, sides: Sequence[SideObservation], *, members: Sequence[str]) -> dict[str, np.ndarray]:
        best_CPA2 = best_views(self.ratios(sides, members=members), self._gallery.index.views_ASK)
        return dict(zip((*members, *FEATURE_CUES), assign_sides(best_CPA2), strict=True))

    def ratios(
        self, sides: Sequence[SideObservation], *, members: Sequence[str], rows: np.ndarray | slice = EVERY
    ) -> np.ndarray:
        """The unweighted nats of each member and feature, picture and view, (C, P, V); `rows` asks for some views."""
        names = (*members, *FEATURE_CUES)
        return np.stack([[self._ratio(name, side, rows) for side in sides] for name in names])

    def read(self, sides: Sequence[SideObservation], *, typed: str | None) -> dict[str, np.ndarray]:
        """The imprint as read from the pictures; no cue where the recogniser has no reader.

        Lines that show what was typed are a cue of their own: the same glyphs, seen by two, count once and a little.
        """
        if self._recogniser.spec.reader is None:
            return {}
        ratios = {READ_IMPRINT: np.zeros(len(self._gallery.appearances))}
        ratios |= {READ_AGAIN: np.zeros(len(self._gallery.appearances))} if typed else {}
        for side in sides:
            for number, line in enumerate(side.reading.lines if side.reading is not None else ()):
                ratio_A = self._once(side, f"{READ_IMPRINT} {number}", partial(self.line_ratio, line))
                cue = read_cue(line, typed)
                ratios[cue] = ratios[cue] + ratio_A
        return ratios

    def _once(self, side: SideObservation, name: str, score: Callable[[], np.ndarray]) -> np.ndarray:
        key = self._gallery.digest, name
        if key not in side.scored:
            side.scored[key] = score()
        return side.scored[key]

    def _attributes(self, sides: Sequence[SideObservation], *, members: Sequence[str]) -> dict[str, np.ndarray]:
        """The attributes seen against the catalogue's, those that the recogniser weighs."""
        heads = self._recogniser.attributes
        if heads is None or not heads.spec.cues:
            return {}
        found = [heads.ratios(logit_K, self._facts) for logit_K in self._logits(sides, members=members)]
        return {name: sum(ratios[name] for ratios in found) for name in heads.spec.cues}

    def seen(self, sides: Sequence[SideObservation], *, members: Sequence[str]) -> Seen | None:
        """The pill in the catalogue's words; None where the recogniser has no maps to them."""
        return as_seen(self._logits(sides, members=members)) if self._recogniser.attributes and sides else None

    def _logits(self, sides: Sequence[SideObservation], *, members: Sequence[str]) -> list[np.ndarray]:
        return [
            self._recogniser.attributes.logits(
                side.features, {name: side.embedding(self._recogniser, name) for name in members}
            )
            for side in sides
        ]

    @cached_property
    def _facts(self) -> CatalogueFacts:
        return CatalogueFacts.of(self._gallery.appearances)

    def line_ratio(self, line: Line) -> np.ndarray:
        """What one line that was read says, unweighted, (A,); the lines of a side sum to what was read on it."""
        spec = self._recogniser.spec.reader
        return self._gallery.index.imprints.score_lines(
            [line], stray_share=spec.stray_share, world=self._recogniser.imprint_world
        )

    def gain(self, member: str, row: int) -> np.ndarray:
        """How the member's unweighted nats for one view change with a side's embedding, (D,), limits aside."""
        return self._recogniser.spec.cues.members[member].slope * self._gallery.prototypes[member][row]

    def _ratio(self, name: str, side: SideObservation, rows: np.ndarray | slice) -> np.ndarray:
        cues = self._recogniser.spec.cues
        if name in FEATURE_CUES:
            distance_V = self._once(side, name, lambda: DISTANCES[name](side.features, self._gallery.features))
            return log_ratio(distance_V[rows], getattr(cues, name))
        score_V = self._once(side, name, lambda: self.cosines(name, side))
        return log_ratio(score_V[rows], cues.members[name])

    def cosines(self, member: str, side: SideObservation) -> np.ndarray:
        """Cosine of the side to every view, (V,)."""
        return self._gallery.prototypes[member] @ side.embedding(self._recogniser, member)


def unit(vector_D: np.ndarray) -> np.ndarray:
    """The vector at length 1, float32."""
    return (vector_D / max(float(np.linalg.norm(vector_D)), 1e-12)).astype(np.float32)


def read_cue(line: Line, typed: str | None) -> str:
    """The cue that a line counts in: the one of what was typed where it shows that again."""
    return READ_AGAIN if typed and any(shows_typed(text, typed) for text in line.texts()) else READ_IMPRINT


def _color_distance(features: VisualFeatures, reference: Mapping[str, np.ndarray]) -> np.ndarray:
    """Hellinger distance of the histograms."""
    affinity_V = np.sqrt(reference["color_histogram"] * features.color_histogram).sum(axis=1)
    return np.sqrt(np.clip(1 - affinity_V, 0, None))


def _shape_distance(features: VisualFeatures, reference: Mapping[str, np.ndarray]) -> np.ndarray:
    """Absolute log ratio of width over length."""
    return np.abs(np.log(reference["shape_ratio"] / features.shape_ratio))


def _texture_distance(features: VisualFeatures, reference: Mapping[str, np.ndarray]) -> np.ndarray:
    """Euclidean distance."""
    return np.linalg.norm(reference["texture_features"] - features.texture_features, axis=1)


# Distance of a side to every view's reference features, (V,), by cue.
DISTANCES = MappingProxyType(
    {"color_histogram": _color_distance, "shape_ratio": _shape_distance, "texture": _texture_distance}
)
FEATURE_CUES = tuple(DISTANCES)


def log_ratio(score: np.ndarray, spec: LogisticSpec) -> np.ndarray:
    """The fitted log-likelihood ratio of a score, clipped, nats."""
    return np.clip(spec.slope * score + spec.intercept, -spec.limit, spec.limit)


def best_views(ratios_CPV: np.ndarray, views_ASK: np.ndarray) -> np.ndarray:
    """Each cue at the best view of every appearance and side; (C, P, A, 2), -inf where a side has no view."""
    num_cues, num_pictures, _ = ratios_CPV.shape
    padded_CPV = np.concatenate([ratios_CPV, np.full((num_cues, num_pictures, 1), -np.inf)], axis=2)
    total_PASK = padded_CPV.sum(axis=0)[:, views_ASK]
    pick_PAS = total_PASK.argmax(axis=3)
    row_PAS = np.take_along_axis(views_ASK[None], pick_PAS[..., None], axis=3)[..., 0]
    pictures_P = np.arange(num_pictures)[:, None, None]
    return padded_CPV[:, pictures_P, row_PAS]


def assign_sides(best_CPAS: np.ndarray) -> np.ndarray:
    """Sum the cues over the pictures under the best assignment of pictures to sides; (C, A).

    One picture shows either side. Two pictures show different sides, in either order; where an appearance
    has views of one side alone, both are held against it.
    """
    total_PAS = best_CPAS.sum(axis=0)
    if best_CPAS.shape[1] == 1:
        return _take(best_CPAS[:, 0], total_PAS[0].argmax(axis=1))
    orders = np.stack([total_PAS[0, :, 0] + total_PAS[1, :, 1], total_PAS[0, :, 1] + total_PAS[1, :, 0]])
    first_A = orders.argmax(axis=0)
    alone_A = np.isneginf(orders.max(axis=0))
    only_A = total_PAS[0].argmax(axis=1)
    first_A = np.where(alone_A, only_A, first_A)
    second_A = np.where(alone_A, only_A, 1 - first_A)
    return _take(best_CPAS[:, 0], first_A) + _take(best_CPAS[:, 1], second_A)


def _take(best_CAS: np.ndarray, side_A: np.ndarray) -> np.ndarray:
    return np.take_along_axis(best_CAS, side_A[None, :, None], axis=2)[..., 0]
