"""Figures over the records of many photographs: ranking, operating point, sets, slices, calibration, latency."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from monitoring.metrics import (
    Figure,
    area_under_risk,
    auroc,
    ece_figure,
    mean_figure,
    ratio_figure,
    reliability_bins,
    risk_coverage,
)
from monitoring.records import Asked, PhotoRecord, Question

MIN_SLICE_NUM = 20
_CURVE_POINTS = 200


def summarise(records: Sequence[PhotoRecord], *, question: Question, seed: int = 0) -> dict[str, dict]:
    """The figures of one question over the records that were asked it, see `figures`."""
    chosen = [record for record in records if question in record.answers]
    asked = [record.answers[question] for record in chosen]
    return figures(asked, groups=[record.ndc11 for record in chosen], seed=seed)


def figures(asked: Sequence[Asked], *, groups: Sequence[str], seed: int = 0) -> dict[str, dict]:
    """Both levels, the operating point, and the prediction sets.

    `operating_point.accuracy` is about the clinical drug among `identified` answers. A refused photograph
    counts as not answered, not covered, and not in any set's mean size.
    """
    identified = [item.identified for item in asked]
    answered = [item.status != "refused" for item in asked]

    def mean(value: Callable[[Asked], float]) -> dict:
        return mean_figure([float(value(item)) for item in asked], groups_N=groups, seed=seed).as_dict()

    def ratio(value: Callable[[Asked], float], weights: Sequence[bool], *, proportion: bool = True) -> dict:
        kept = [float(value(item)) * float(weight) for item, weight in zip(asked, weights, strict=True)]
        figure = ratio_figure(kept, denominators_N=weights, groups_N=groups, seed=seed, proportion=proportion)
        return figure.as_dict()

    return {
        "ndc": _level(mean, lambda item: item.ndc),
        "drug": _level(mean, lambda item: item.drug),
        "operating_point": {
            "coverage": mean(lambda item: item.identified),
            "accuracy": ratio(lambda item: item.correct, identified),
        },
        "set": {
            "coverage": mean(lambda item: item.in_set),
            "mean_size": ratio(lambda item: item.set_size, answered, proportion=False),
        },
    }


def _level(mean: Callable, hit: Callable) -> dict[str, dict]:
    return {
        "top1": mean(lambda item: hit(item).top1),
        "top5": mean(lambda item: hit(item).top5),
        "map": mean(lambda item: hit(item).average_precision),
    }


def slice_figures(records: Sequence[PhotoRecord], *, question: Question = "picture", seed: int = 0) -> dict[str, dict]:
    """Slice name -> value -> drug top-1, coverage and accuracy of the operating point, number of photographs."""
    names = sorted({name for record in records for name in record.slices})
    return {name: _slice(records, name=name, question=question, seed=seed) for name in names}


def _slice(records: Sequence[PhotoRecord], *, name: str, question: Question, seed: int) -> dict[str, dict]:
    values = sorted({record.slices[name] for record in records if name in record.slices})
    return {
        value: short_summary([r for r in records if r.slices.get(name) == value], question=question, seed=seed)
        for value in values
    }


def short_summary(records: Sequence[PhotoRecord], *, question: Question, seed: int = 0) -> dict[str, dict]:
    """Drug top-1 and top-5, and the operating point: what a slice is compared by."""
    return _short(summarise(records, question=question, seed=seed))


def members_alone(records: Sequence[PhotoRecord], *, seed: int = 0) -> dict[str, dict]:
    """Drug top-1, top-5 and average precision by each member's embedding alone; a refused photograph is a miss."""
    names = sorted({name for record in records for name in record.alone})
    groups = [record.ndc11 for record in records]

    def mean(name: str, part: str) -> dict:
        values = [getattr(record.alone[name], part) if name in record.alone else 0.0 for record in records]
        return mean_figure(values, groups_N=groups, seed=seed).as_dict()

    parts = {"top1": "top1", "top5": "top5", "map": "average_precision"}
    return {name: {key: mean(name, part) for key, part in parts.items()} for name in names}


def _short(full: dict[str, dict]) -> dict[str, dict]:
    return {
        "top1": full["drug"]["top1"],
        "top5": full["drug"]["top5"],
        "coverage": full["operating_point"]["coverage"],
        "accuracy": full["operating_point"]["accuracy"],
        "set_coverage": full["set"]["coverage"],
        "mean_set_size": full["set"]["mean_size"],
    }


def worst_slice(slices: dict[str, dict], *, min_num: int = MIN_SLICE_NUM) -> dict[str, object] | None:
    """The slice with the lowest drug top-1 among those with enough photographs to say so; None where there is none."""
    candidates = [
        {"slice": f"{name}={value}", **figures["top1"]}
        for name, values in slices.items()
        for value, figures in values.items()
        if figures["top1"]["num"] >= min_num
    ]
    return min(candidates, key=lambda item: item["value"]) if candidates else None


def calibration(records: Sequence[PhotoRecord], *, question: Question, seed: int = 0) -> dict[str, object]:
    """Reliability bins with ECE, the risk-coverage curve and its area, of the answered photographs."""
    answered = [(r.ndc11, r.answers[question]) for r in records if r.answers[question].status != "refused"]
    asked = [item for _, item in answered]
    confidences, correct = [item.confidence for item in asked], [item.correct for item in asked]
    curve = risk_coverage([item.uncertainty for item in asked], correct)
    figure = ece_figure(confidences, correct, groups_N=[group for group, _ in answered], seed=seed)
    return {
        "ece": figure.as_dict(),
        "bins": reliability_bins(confidences, correct) if asked else [],
        "risk_coverage": _thinned(curve),
        "area_under_risk": area_under_risk(curve) if curve else None,
    }


def _thinned(curve: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    step = max(1, len(curve) // _CURVE_POINTS)
    kept = [*curve[::step], *curve[-1:]]
    return [(round(coverage, 4), round(risk, 5)) for coverage, risk in dict.fromkeys(kept)]


def unknown_figures(records: Sequence[PhotoRecord], *, seed: int = 0) -> dict[str, object]:
    """How pills that are not in the gallery are answered, by the gallery's size (rounded to the sizes asked for)."""
    sizes = sorted({item.gallery_size for record in records for item in record.unknown})
    return {"by_gallery_size": [_unknown_at(records, size=size, seed=seed) for size in sizes]}


def _unknown_at(records: Sequence[PhotoRecord], *, size: int, seed: int) -> dict[str, object]:
    pairs = [(r.ndc11, item) for r in records for item in r.unknown if item.gallery_size == size]
    groups = [group for group, _ in pairs]
    known = [r.answers["picture"].unknown_probability for r in records]

    def share(status: str) -> Figure:
        return mean_figure([item.status == status for _, item in pairs], groups_N=groups, seed=seed)

    return {
        "gallery_size": size,
        "false_identified": share("identified").as_dict(),
        "said_unknown": share("unknown").as_dict(),
        "auroc": auroc(known, [item.unknown_probability for _, item in pairs]),
    }


def latency(records: Sequence[PhotoRecord]) -> dict[str, dict[str, float]]:
    """Milliseconds per stage over the photographs: median, 95th and 99th percentile."""
    stages = dict.fromkeys(stage for record in records for stage in record.timings_ms)
    return {stage: _percentiles(r.timings_ms[stage] for r in records if stage in r.timings_ms) for stage in stages}


def _percentiles(values: Iterable[float]) -> dict[str, float]:
    p50, p95, p99 = np.percentile(list(values), [50, 95, 99])
    return {"p50": round(float(p50), 3), "p95": round(float(p95), 3), "p99": round(float(p99), 3)}


def confident_errors(records: Sequence[PhotoRecord], *, question: Question) -> list[dict[str, object]]:
    """Every `identified` answer that names the wrong drug, most confident first."""
    wrong = [(r, r.answers[question]) for r in records]
    found = [
        {
            "photo": record.photo,
            "drug": record.drug,
            "medication_id": record.medication_id,
            "answered_drug": asked.answered_drug,
            "answered_medication": asked.answered_medication,
            "confidence": asked.confidence,
        }
        for record, asked in wrong
        if asked.identified and not asked.correct
    ]
    return sorted(found, key=lambda item: -item["confidence"])


def confusions(records: Sequence[PhotoRecord], *, question: Question = "picture", limit: int = 24) -> list[dict]:
    """The pairs of drugs most often taken for each other by the first answer, with one photograph of each."""
    counted: dict[tuple[str, str], list[PhotoRecord]] = {}
    for record in records:
        asked = record.answers[question]
        if not asked.correct and asked.answered_drug is not None:
            counted.setdefault((record.drug, asked.answered_drug), []).append(record)
    order = sorted(counted.items(), key=lambda item: (-len(item[1]), item[0]))[:limit]
    return [_confusion(pair, found=found, question=question) for pair, found in order]


def _confusion(pair: tuple[str, str], *, found: Sequence[PhotoRecord], question: Question) -> dict[str, object]:
    example = max(found, key=lambda record: record.answers[question].confidence)
    return {
        "drug": pair[0],
        "answered_drug": pair[1],
        "num": len(found),
        "num_identified": sum(record.answers[question].identified for record in found),
        "photo": example.photo,
        "medication_id": example.medication_id,
        "answered_medication": example.answers[question].answered_medication,
        "confidence": example.answers[question].confidence,
    }
