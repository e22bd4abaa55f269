"""What a benchmark found on each kind of background, question by question, and the photographs it got wrong."""

from collections.abc import Sequence
from typing import Any

from monitoring import summary
from monitoring.metrics import mean_figure, ratio_figure
from monitoring.questions import TYPED_QUESTIONS
from monitoring.records import PhotoRecord

_MISSES_LISTED = 24


def by_background(records: Sequence[PhotoRecord], *, seed: int = 0) -> dict[str, dict[str, Any]]:
    """The figures of each background and of all photographs, in the form of `summary.figures`."""
    names = sorted({record.slices.get("background", "") for record in records})
    parts = {name: [record for record in records if record.slices.get("background", "") == name] for name in names}
    return {name: _part(part, seed=seed) for name, part in (parts | {"all": list(records)}).items()}


def _part(records: Sequence[PhotoRecord], *, seed: int) -> dict[str, Any]:
    asked = {
        question: summary.summarise(records, question=question, seed=seed) for question in ("picture", *TYPED_QUESTIONS)
    }
    false = [record.unknown[0].status == "identified" for record in records]
    unknown = mean_figure(false, groups_N=[record.ndc11 for record in records], seed=seed).as_dict()
    return {"num_photos": len(records), **asked, "unknown_identified": unknown, "reader": _reader(records, seed=seed)}


def _reader(records: Sequence[PhotoRecord], *, seed: int) -> dict[str, Any] | None:
    """Photographs with a whole token read, and the share of strings that are none; None where nothing was read."""
    read = [(record.read, record.ndc11) for record in records if record.read is not None]
    if not read:
        return None
    groups = [group for _, group in read]
    strings = [found.num_strings for found, _ in read]
    return {
        "with_token": mean_figure([bool(found.tokens) for found, _ in read], groups_N=groups, seed=seed).as_dict(),
        "false_tokens": ratio_figure([found.num_false for found, _ in read], denominators_N=strings, groups_N=groups,
                                     seed=seed).as_dict(),
    }  # fmt: skip


def misses(records: Sequence[PhotoRecord]) -> list[dict[str, Any]]:
    """The photographs whose drug the picture alone ranks lowest, worst first."""
    wrong = [record for record in records if record.answers["picture"].drug.top1 < 1]
    wrong.sort(key=lambda record: record.answers["picture"].drug.average_precision)
    return [
        {
            "photo": record.photo,
            "drug": record.drug,
            "answered": record.answers["picture"].answered_drug,
            "status": record.answers["picture"].status,
            "confidence": round(record.answers["picture"].confidence, 3),
            "average_precision": round(record.answers["picture"].drug.average_precision, 4),
            "read": list(record.read.tokens) if record.read else [],
        }
        for record in wrong[:_MISSES_LISTED]
    ]
