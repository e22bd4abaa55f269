"""The predictor: bytes in, answer out; the one path that the service, evaluation, gates and drift all take.

Shapes: A appearances, G clinical drugs.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bentos.runtime import decide
from bentos.runtime.answer import (
    Answer,
    Box,
    Effort,
    HeatMap,
    PillAnswer,
    PillMetadata,
    ReleaseView,
    Uncertainty,
)
from bentos.runtime.ask import Candidates, next_observation
from bentos.runtime.decode import Picture, decode
from bentos.runtime.errors import InputError
from bentos.runtime.evidence import Evidence, Scorer, SideObservation, Typed
from bentos.runtime.explain import explain, matched_views
from bentos.runtime.features import visual_features
from bentos.runtime.fuse import Posterior, fuse, jensen_shannon_bits
from bentos.runtime.gallery import Gallery
from bentos.runtime.heat import Explainer, heat_maps
from bentos.runtime.imprint import whole_match
from bentos.runtime.locate import Located, locate
from bentos.runtime.look_alike import most_dangerous, sentence
from bentos.runtime.neighbours import Neighbourhood
from bentos.runtime.no_pill import no_pill
from bentos.runtime.preprocess import crop_pill
from bentos.runtime.quality import retake_reason
from bentos.runtime.recogniser import Recogniser
from bentos.runtime.route import first_member
from bentos.runtime.statistics import picture_statistics

NO_METADATA = PillMetadata()


@dataclass(frozen=True)
class PillObservation:
    """One pill: its pictures (1 or 2) and where it lies in each, in pixels as sent."""

    sides: tuple[SideObservation, ...]
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class Observation:
    """All that the pictures show, reusable against any gallery of the recogniser and any metadata."""

    pills: tuple[PillObservation, ...]
    num_pictures: int
    warnings: tuple[str, ...]
    timings_ms: dict[str, float]


class Predictor:
    """Answers for photographs with one recogniser and one gallery."""

    def __init__(
        self, recogniser: Recogniser, gallery: Gallery, *, version: str = "local", variant: str = "bundle"
    ) -> None:
        self.recogniser = recogniser
        self.gallery = gallery
        self._scorer = Scorer(recogniser, gallery)
        self._neighbourhood = Neighbourhood(gallery)
        self._release = ReleaseView(
            recogniser=recogniser.digest, gallery=gallery.digest, version=version, variant=variant
        )

    @classmethod
    def from_bundle(cls, bundle: Path, *, version: str = "local") -> "Predictor":
        """Load a bundle: a directory that holds `recogniser/` and `gallery/`.

        Raises:
            ContractError: either is missing, changed, or made for another.
        """
        recogniser = Recogniser.load(bundle / "recogniser")
        return cls(recogniser, Gallery.load(bundle / "gallery", recogniser=recogniser), version=version)

    def with_gallery(self, gallery: Gallery) -> "Predictor":
        """The same predictor over a masked copy of its gallery; costs nothing."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, gallery=gallery)
        return other

    def identify(
        self, pictures: Sequence[bytes], *, metadata: PillMetadata | None = None, request_id: str = "local"
    ) -> Answer:
        """Answer for one pill's photographs (one, or front and back in either order).

        Raises:
            InputError: a picture cannot be used, or the metadata names an unknown colour or shape.
        """
        return self.answer(self.observe(pictures), metadata=metadata, request_id=request_id)

    def observe(self, pictures: Sequence[bytes]) -> Observation:
        """Decode, locate, crop and measure; members embed later, once, when a route needs them.

        Raises:
            InputError: a picture cannot be used, or there are not one or two of them.
        """
        if not 1 <= len(pictures) <= 2:
            raise InputError("bad_metadata", f"one or two pictures are taken, not {len(pictures)}")
        started = time.perf_counter()
        decoded = [decode(data) for data in pictures]
        decoded_at = time.perf_counter()
        found = [locate(picture.rgb_HWC, alpha_HW=picture.alpha_HW) for picture in decoded]
        located_at = time.perf_counter()
        pills, warnings = self._pair(decoded, found)
        timings = {"decode": decoded_at - started, "locate": located_at - decoded_at,
                   "crop": time.perf_counter() - located_at}  # fmt: skip
        return Observation(pills, len(pictures), warnings, {key: 1e3 * value for key, value in timings.items()})

    def _pair(self, decoded: list[Picture], found: list[list[Located]]) -> tuple[tuple[PillObservation, ...], tuple]:
        if not all(found):
            return (), ()
        if len(found) == 1:
            return tuple(self._pill(decoded, [located]) for located in found[0]), ()
        several = any(len(located) > 1 for located in found)
        warning = ("several pills were found; the clearest of each picture was used",) if several else ()
        return (self._pill(decoded, [located[0] for located in found]),), warning

    def _pill(self, decoded: list[Picture], found: list[Located]) -> PillObservation:
        sides = tuple(self.observe_side(p.rgb_HWC, located) for p, located in zip(decoded, found, strict=True))
        return PillObservation(sides, tuple(_as_sent(one.box, p) for one, p in zip(found, decoded, strict=True)))

    def observe_side(self, rgb_HWC: np.ndarray, located: Located) -> SideObservation:
        """Crop one located pill for every member and measure it."""
        return observe_side(self.recogniser, rgb_HWC, located)

    def answer(
        self,
        observation: Observation,
        *,
        metadata: PillMetadata | None = None,
        request_id: str = "local",
        effort: Effort = "full",
    ) -> Answer:
        """Answer for what was observed; `fast` asks the fast member only, and abstains where it does not suffice.

        Raises:
            InputError: the metadata names a colour or shape that SPL does not know.
        """
        started = time.perf_counter()
        metadata = metadata or NO_METADATA
        pills = tuple(
            self._answer_pill(pill, observation, metadata=metadata, effort=effort) for pill in observation.pills
        )
        timings = observation.timings_ms | {"recognise": 1e3 * (time.perf_counter() - started)}
        timings["total"] = sum(timings.values())
        return Answer(
            request_id=request_id,
            release=self._release,
            timings_ms={key: round(value, 3) for key, value in timings.items()},
            pills=pills or (no_pill(self.recogniser),),
        )

    def rank(self, observation: Observation, *, metadata: PillMetadata | None = None) -> list[tuple[str, float]]:
        """Every active appearance with its probability for the first pill, best first; empty without a pill."""
        if not observation.pills:
            return []
        ruling = self.judge(observation.pills[0].sides, metadata=metadata or NO_METADATA)
        return self._named(ruling)

    def look_up(self, metadata: PillMetadata) -> list[tuple[str, float]]:
        """Every active appearance by the typed facts alone, best first: a catalogue look-up, not recognition."""
        score_A = np.where(self.gallery.active_A, sum(self._scorer.typed(metadata).cues.values()), -np.inf)
        order_A = np.argsort(-score_A, kind="stable")[: self.gallery.num_active]
        weight_A = np.exp(score_A - score_A.max())
        return [(self.gallery.appearances[a].appearance_id, float(weight_A[a] / weight_A.sum())) for a in order_A]

    def judge(
        self, sides: Sequence[SideObservation], *, metadata: PillMetadata = NO_METADATA, effort: Effort = "full"
    ) -> decide.Ruling:
        """Route one pill: one member first, both where its answer is too uncertain, then fuse."""
        spec = self.recogniser.spec
        names = tuple(self.recogniser.members)
        wanted = first_member(sides[0].statistics.as_dict(), spec.router) if len(names) > 1 else names[0]
        first = "fast" if effort == "fast" and "fast" in names else wanted
        typed = self._scorer.typed(metadata)
        posterior = self._fuse(sides, (first,), typed)
        sure = self.total_uncertainty(posterior) <= spec.router.escalate_uncertainty
        if len(names) == 1 or (sure and first == wanted):
            return decide.Ruling(posterior, first, 0.0, typed_imprint=typed.imprint)
        if effort == "fast":
            return decide.Ruling(posterior, first, 0.0, degraded=True, typed_imprint=typed.imprint)
        (second,) = set(names) - {first}
        disagreement = jensen_shannon_bits(posterior, self._fuse(sides, (second,), typed))
        joined = self._fuse(sides, names, typed)
        return decide.Ruling(joined, "ensemble", disagreement, typed_imprint=typed.imprint)

    def collect(self, sides: Sequence[SideObservation], *, members: Sequence[str], metadata: PillMetadata) -> Evidence:
        """The unweighted cues of one pill; what calibration fits its weights on."""
        return self._scorer.collect(sides, members=members, typed=self._scorer.typed(metadata))

    def _fuse(self, sides: Sequence[SideObservation], members: Sequence[str], typed: Typed) -> Posterior:
        evidence = self._scorer.collect(sides, members=members, typed=typed)
        return fuse(evidence, spec=self.recogniser.spec, active_A=self.gallery.active_A)

    def total_uncertainty(self, posterior: Posterior) -> float:
        """1 - P(first clinical drug), in [0, 1]."""
        return float(np.clip(1 - posterior.drug_probabilities(self.gallery).max(initial=0.0), 0, 1))

    def _named(self, ruling: decide.Ruling) -> list[tuple[str, float]]:
        probability_A = ruling.posterior.probability_A
        return [(self.gallery.appearances[a].appearance_id, float(probability_A[a])) for a in ruling.ranked()]

    def _answer_pill(
        self, pill: PillObservation, observation: Observation, *, metadata: PillMetadata, effort: Effort
    ) -> PillAnswer:
        ruling = self.judge(pill.sides, metadata=metadata, effort=effort)
        against = (
            decide.contradictions(ruling, whole_match=self._whole_match(metadata)) if self.gallery.num_active else []
        )
        total = self.total_uncertainty(ruling.posterior)
        limits = ruling.posterior.pattern.limits(spelled=self._is_spelled(ruling, metadata))
        status, reason = decide.decide_status(ruling, self.gallery, total=total, contradictions=against, limits=limits)
        retake = next(filter(None, (self._retake(side) for side in pill.sides)), None)
        if retake is not None and status != "identified":
            status, reason = "retake", retake
        offered = decide.prediction_set(ruling, self.gallery, spec=self.recogniser.spec)
        around = self._neighbourhood.around(ruling, pill.sides, active_A=self.gallery.active_A)
        alike = most_dangerous(around) if status in ("identified", "uncertain") else []
        warnings = (*observation.warnings, *decide.warnings(ruling, against), *map(sentence, alike))
        wanted = None if status == "identified" else next_observation(
            Candidates.of(ruling, self.gallery, num_inside=offered.num_appearances), metadata=metadata,
            num_pictures=observation.num_pictures, cues=self.recogniser.spec.cues, contradictions=against,
            retake=retake)  # fmt: skip
        return PillAnswer(
            box=pill.boxes[0],
            status=status,
            reason=reason,
            medication=decide.medication_view(self.gallery, ruling.first()) if status == "identified" else None,
            confidence=1 - total,
            unknown_probability=float(np.clip(ruling.posterior.unknown_probability, 0, 1)),
            uncertainty=Uncertainty(total=total, disagreement=ruling.disagreement,
                                    threshold=limits.identified_uncertainty),
            alternatives=decide.alternatives(ruling, self.gallery),
            prediction_set=offered,
            explanation=explain(ruling, self.gallery, warnings=warnings, look_alikes=alike,
                                matched=matched_views(self._scorer, self.gallery, ruling, pill.sides),
                                heat_maps=self._heat_maps(ruling, pill) if metadata.heat_map else None),
            next=wanted and wanted.sentence,
            ask=wanted,
            seen=self._scorer.seen(pill.sides, members=ruling.members()),
        )  # fmt: skip

    def _heat_maps(self, ruling: decide.Ruling, pill: PillObservation) -> tuple[HeatMap, ...]:
        return heat_maps(self.explainer(ruling), pill.sides, boxes=pill.boxes)

    def explainer(self, ruling: decide.Ruling) -> Explainer:
        """What lays a ruling's shares over its photographs."""
        return Explainer(self.recogniser, self.gallery, self._scorer, ruling)

    def _is_spelled(self, ruling: decide.Ruling, metadata: PillMetadata) -> bool:
        """Whether the typed text is the first answer's whole imprint, to the letter."""
        return bool(metadata.imprint) and ruling.first() in self.gallery.index.imprints.spelled_by(metadata.imprint)

    def _whole_match(self, metadata: PillMetadata) -> float:
        if not metadata.imprint:
            return 0.0
        rate = self.recogniser.spec.cues.imprint_error_rate
        return whole_match(metadata.imprint, error_rate=rate, world=self.recogniser.imprint_world)

    def _retake(self, side: SideObservation) -> str | None:
        return retake_reason(side.statistics, quality=self.recogniser.spec.quality, located=side.located)


def observe_side(
    recogniser: Recogniser, rgb_HWC: np.ndarray, located: Located, *, read: bool = True
) -> SideObservation:
    """Crop one located pill for every member of the recogniser, measure it, and read its imprint if asked to."""
    crops = {
        name: crop_pill(rgb_HWC, located, spec=member.spec.preprocess) for name, member in recogniser.members.items()
    }
    features = visual_features(rgb_HWC, located.mask_HW)
    reading = recogniser.reader.read(rgb_HWC, located) if read and recogniser.reader else None
    return SideObservation(located, crops, features, picture_statistics(rgb_HWC, located), reading)


def _as_sent(box: Box, picture: Picture) -> Box:
    scale = 1 / picture.scale
    return scaled_box(box, scale=scale, width=picture.width, height=picture.height)


def scaled_box(box: Box, *, scale: float, width: int, height: int) -> Box:
    """The box in a picture `scale` times as large, kept inside width x height px."""
    x, y = min(round(box.x * scale), width - 1), min(round(box.y * scale), height - 1)
    return Box(x=x, y=y, width=max(1, min(round(box.width * scale), width - x)),
               height=max(1, min(round(box.height * scale), height - y)))  # fmt: skip
