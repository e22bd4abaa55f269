"""Compares two benchmarks photograph by photograph: paired differences with their intervals."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from monitoring.metrics import mean_figure
from monitoring.records import Asked, PhotoRecord, Question, RecordError, read_records

METRICS: Final[dict[str, Callable[[Asked], float]]] = {
    "ndc_top1": lambda asked: asked.ndc.top1,
    "ndc_top5": lambda asked: asked.ndc.top5,
    "ndc_map": lambda asked: asked.ndc.average_precision,
    "drug_top1": lambda asked: asked.drug.top1,
    "drug_top5": lambda asked: asked.drug.top5,
    "drug_map": lambda asked: asked.drug.average_precision,
    "identified": lambda asked: float(asked.identified),
    "identified_wrong": lambda asked: float(asked.identified and not asked.correct),
    "set_coverage": lambda asked: float(asked.in_set),
    "set_size": lambda asked: float(asked.set_size),
}


def compare(a: Path, b: Path, *, seed: int = 0) -> dict[str, Any]:
    """B minus A on the photographs that both asked about, as question -> metric -> difference.

    Each difference has its 95 % interval, resampled by medication, the two means, and `decided`: whether
    the interval leaves out zero.

    Raises:
        RecordError: a file is not a records file, one names a photograph twice, the two share no
            photograph, or they disagree about what a photograph shows.
    """
    first, second = _by_photo(a), _by_photo(b)
    shared = [photo for photo in first if photo in second]
    if not shared:
        raise RecordError(f"{a} and {b} share no photograph")
    pairs = [(first[photo], second[photo]) for photo in shared]
    for left, right in pairs:
        if left.ndc11 != right.ndc11:
            raise RecordError(f"{left.photo} shows {left.ndc11} in {a}, but {right.ndc11} in {b}")
    asked = {q: [(x, y) for x, y in pairs if q in x.answers and q in y.answers] for x, _ in pairs for q in x.answers}
    return {
        "num_photos": len(shared),
        "only_in_a": len(first) - len(shared),
        "only_in_b": len(second) - len(shared),
        "questions": {q: _differences(both, question=q, seed=seed) for q, both in asked.items() if both},
    }


def _by_photo(path: Path) -> dict[str, PhotoRecord]:
    records = read_records(path)
    found = {record.photo: record for record in records}
    if len(found) != len(records):
        raise RecordError(f"{path} names a photograph twice")
    return found


def _differences(
    pairs: list[tuple[PhotoRecord, PhotoRecord]], *, question: Question, seed: int
) -> dict[str, dict[str, Any]]:
    groups = [left.ndc11 for left, _ in pairs]
    found = {}
    for name, value in METRICS.items():
        lefts = [value(left.answers[question]) for left, _ in pairs]
        rights = [value(right.answers[question]) for _, right in pairs]
        gaps = [right - left for left, right in zip(lefts, rights, strict=True)]
        figure = mean_figure(gaps, groups_N=groups, seed=seed, proportion=False)
        found[name] = {
            **figure.as_dict(),
            "a": round(sum(lefts) / len(lefts), 6),
            "b": round(sum(rights) / len(rights), 6),
            "decided": not figure.low <= 0 <= figure.high,
        }
    return found
