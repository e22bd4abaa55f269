"""What the journal keeps of a prediction: what drift and audit read, without picture, person or free text."""

from typing import Any

from bentos.runtime.answer import Answer, PillAnswer, PillMetadata
from bentos.runtime.predictor import Observation

_KEPT_ALTERNATIVES = 5


def prediction_payload(answer: Answer, observation: Observation, *, metadata: PillMetadata | None) -> dict[str, Any]:
    """The payload of a `predict` entry.

    `typed` names the metadata fields a person filled in, not what they typed. `pills[i].statistics` holds
    one record per side, in the order of the pictures.
    """
    statistics = [[_rounded(side.statistics.as_dict()) for side in pill.sides] for pill in observation.pills]
    without_pill: list[list[dict[str, float]]] = [[] for _ in answer.pills]
    return {
        "request_id": answer.request_id,
        "version": answer.release.version,
        "variant": answer.release.variant,
        "degraded": answer.degraded,
        "num_pictures": observation.num_pictures,
        "typed": sorted(metadata.model_dump(exclude_none=True, exclude={"heat_map"})) if metadata else [],
        "timings_ms": answer.timings_ms,
        "pills": [_pill(p, s) for p, s in zip(answer.pills, statistics or without_pill, strict=True)],
    }


def _pill(pill: PillAnswer, statistics: list[dict[str, float]]) -> dict[str, Any]:
    return {
        "status": pill.status,
        "confidence": round(pill.confidence, 6),
        "unknown_probability": round(pill.unknown_probability, 6),
        "uncertainty": round(pill.uncertainty.total, 6),
        "disagreement": round(pill.uncertainty.disagreement, 6),
        "route": pill.explanation.route,
        "cues": _rounded(pill.explanation.cues),
        "num_in_set": pill.prediction_set.num_appearances,
        "medication_id": pill.medication.medication_id if pill.medication else None,
        "asks": pill.ask.question if pill.ask else None,
        "look_alikes": [item.medication_id for item in pill.explanation.look_alikes],
        "alternatives": [a.medication_id for a in pill.alternatives[:_KEPT_ALTERNATIVES]],
        "statistics": statistics,
    }


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(float(value), 6) for name, value in values.items()}
