"""Asks the runtime about a photograph and records what it says; the only place that reads an `Answer` here."""

from collections.abc import Sequence

from bentos.runtime.answer import PillAnswer, PillMetadata
from bentos.runtime.errors import InputError
from bentos.runtime.predictor import Observation, Predictor
from monitoring.levels import Levels, Truth
from monitoring.metrics import Hit, expected_hit
from monitoring.records import RANKING_LENGTH, Asked, HitRecord, UnknownAsked

Ranking = Sequence[tuple[str, float]]
_MISS = Hit(top1=0.0, top5=0.0, average_precision=0.0)


def ask(
    predictor: Predictor,
    observation: Observation,
    *,
    metadata: PillMetadata | None,
    truth: Truth,
    levels: Levels,
    photo: str,
) -> tuple[Asked, dict[str, float]]:
    """Answer and rank one observation; returns the record and the stage timings in ms."""
    answer = predictor.answer(observation, metadata=metadata, request_id=photo)
    ranking = predictor.rank(observation, metadata=metadata)
    typed = metadata.imprint if metadata else None
    return _asked(answer.pills[0], ranking=ranking, truth=truth, levels=levels, typed=typed), answer.timings_ms


def _asked(pill: PillAnswer, *, ranking: Ranking, truth: Truth, levels: Levels, typed: str | None) -> Asked:
    """The set is the head of the ranking; the answer lists a part of a very large one."""
    order = [appearance_id for appearance_id, _ in ranking]
    first = pill.alternatives[0] if pill.alternatives else None
    inside = order[: pill.prediction_set.num_appearances]
    return Asked(
        status=pill.status,
        reason=pill.reason,
        typed=typed,
        ranking=tuple((key, round(float(share), 6)) for key, share in ranking[:RANKING_LENGTH]),
        ndc=hit_record(expected_hit([levels.ndcs[key] for key in order], truth=truth.ndc11)),
        drug=hit_record(expected_hit([levels.drugs[key] for key in order], truth=truth.drug)),
        answered_medication=first.medication_id if first else None,
        answered_drug=first.clinical_drug if first else None,
        correct=first is not None and first.clinical_drug == truth.drug,
        confidence=pill.confidence,
        uncertainty=pill.uncertainty.total,
        unknown_probability=pill.unknown_probability,
        prediction_set=tuple(m for key in inside for m in levels.appearances[key].medication_ids),
        set_size=len(inside),
        in_set=not truth.appearance_ids.isdisjoint(inside),
        cues=pill.explanation.cues,
        route=pill.explanation.route,
        warnings=pill.explanation.warnings,
        seen=pill.seen,
        asks=pill.ask.question if pill.ask else None,
    )


def ask_without(predictor: Predictor, observation: Observation, *, photo: str) -> UnknownAsked:
    """Answer one observation with a gallery that does not hold the pill."""
    pill = predictor.answer(observation, metadata=None, request_id=photo).pills[0]
    return UnknownAsked(
        gallery_size=predictor.gallery.num_active,
        status=pill.status,
        answered_medication=pill.alternatives[0].medication_id if pill.alternatives else None,
        confidence=pill.confidence,
        unknown_probability=pill.unknown_probability,
    )


def rank_by_member(predictor: Predictor, observation: Observation, *, member: str, truth: Truth, levels: Levels) -> Hit:
    """Where the cosine to the nearest prototype of one member ranks the drug: no other cue, no calibration."""
    if not observation.pills:
        return _MISS
    embedding_D = observation.pills[0].sides[0].embedding(predictor.recogniser, member)
    cosine_V = predictor.gallery.prototypes[member] @ embedding_D
    best: dict[str, float] = {}
    for view, cosine in zip(predictor.gallery.spec.views, cosine_V.tolist(), strict=True):
        best[view.appearance_id] = max(cosine, best.get(view.appearance_id, -1.0))
    order = sorted(best, key=lambda key: -best[key])
    return expected_hit([levels.drugs[key] for key in order], truth=truth.drug)


def ask_both(predictor: Predictor, pictures: Sequence[bytes], *, truth: Truth, levels: Levels, photo: str) -> Asked:
    """Answer for the two sides of one pill, in the order given."""
    observation = observe(predictor, *pictures)
    if isinstance(observation, InputError):
        return refused(observation.code)
    return ask(predictor, observation, metadata=None, truth=truth, levels=levels, photo=photo)[0]


def observe(predictor: Predictor, *pictures: bytes) -> Observation | InputError:
    """The observation of one pill's pictures, or the error with which the runtime refused a file."""
    try:
        return predictor.observe(pictures)
    except InputError as error:
        return error


def refused(reason: str, *, typed: str | None = None) -> Asked:
    """The record of a photograph that was not answered: a miss in every ranking, and no commitment."""
    miss = hit_record(_MISS)
    return Asked(
        status="refused",
        reason=reason,
        typed=typed,
        ranking=(),
        ndc=miss,
        drug=miss,
        answered_medication=None,
        answered_drug=None,
        correct=False,
        confidence=0.0,
        uncertainty=1.0,
        unknown_probability=1.0,
        prediction_set=(),
        set_size=0,
        in_set=False,
        cues={},
        route=None,
        warnings=(),
    )


def hit_record(hit: Hit) -> HitRecord:
    """The record form of a hit."""
    return HitRecord(top1=hit.top1, top5=hit.top5, average_precision=hit.average_precision)
