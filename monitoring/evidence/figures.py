"""The figures of an evaluation that envelopes bound and change logs tell, each by one name."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

from monitoring.gates import HarmWeights, harm_per_thousand

FigureName = Literal[
    "picture_top1", "imprint_top1", "unseen_top5", "identified", "right_when_identified", "false_identified",
    "calibration_error", "harm_per_thousand", "latency_p95_ms",
]  # fmt: skip


@dataclass(frozen=True)
class About:
    """What a figure says, where it stands in an evaluation, and which way is better."""

    words: str
    path: tuple[str, ...]
    higher_is_better: bool = True
    unit: Literal["share", "points", "ms"] = "share"


FIGURES: Final[Mapping[str, About]] = MappingProxyType(
    {
        "picture_top1": About("right drug first, picture alone", ("questions", "picture", "drug", "top1")),
        "imprint_top1": About("right drug first, imprint typed", ("questions", "picture_and_imprint", "drug", "top1")),
        "unseen_top5": About("right drug among five, unseen pills", ("roles", "unseen", "picture", "drug", "top5")),
        "identified": About("identified, picture alone", ("questions", "picture", "operating_point", "coverage")),
        "right_when_identified": About(
            "right when identified, picture alone", ("questions", "picture", "operating_point", "accuracy")
        ),
        "false_identified": About("pill that is not in the gallery named all the same", (), higher_is_better=False),
        "calibration_error": About("calibration error", ("calibration", "picture", "ece"), higher_is_better=False),
        "harm_per_thousand": About("harm per 1,000 answers", (), higher_is_better=False, unit="points"),
        "latency_p95_ms": About("time for an answer, 95 of 100", (), higher_is_better=False, unit="ms"),
    }
)


def figure(evaluation: Mapping[str, Any] | None, name: FigureName, *, harm: HarmWeights) -> float | None:
    """One figure of an evaluation's JSON; None where it was not measured."""
    if evaluation is None:
        return None
    if name == "harm_per_thousand":
        return harm_per_thousand(evaluation, harm=harm)
    if name == "false_identified":
        sizes = evaluation["unknown"]["by_gallery_size"]
        return sizes[-1]["false_identified"]["value"] if sizes else None
    if name == "latency_p95_ms":
        total = evaluation["latency_ms"].get("total")
        return total["p95"] if total else None
    node: Any = evaluation
    for key in FIGURES[name].path:
        node = node.get(key, {})
    return node.get("value")


def figures(evaluation: Mapping[str, Any] | None, *, harm: HarmWeights) -> dict[str, float]:
    """Every figure that was measured, by name, rounded to four digits."""
    found = {name: figure(evaluation, name, harm=harm) for name in FIGURES}
    return {name: round(value, 4) for name, value in found.items() if value is not None}


def in_words(name: str, value: float) -> str:
    """A figure with its unit."""
    unit = FIGURES[name].unit
    return f"{100 * value:.1f} %" if unit == "share" else f"{value:.0f} ms" if unit == "ms" else f"{value:.1f}"
