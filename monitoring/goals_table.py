"""The table of goals: what was asked for beside what was measured, on each kind of background."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Goal:
    """One row: where its figure stands in a background's part, and what was asked for."""

    title: str
    path: tuple[str, ...]
    asked: str


GOALS = (
    Goal("picture only, one side: drug top-1", ("picture", "drug", "top1"), "0.80"),
    Goal("picture only, one side: drug top-5", ("picture", "drug", "top5"), "0.95"),
    Goal("picture and typed imprint: drug top-1", ("picture_and_imprint", "drug", "top1"), "0.97"),
    Goal("picture and partial, misread imprint: drug top-1", ("picture_and_partial_imprint", "drug", "top1"), "0.93"),
    Goal("reader: photographs with a whole catalogue token", ("reader", "with_token"), "0.70"),
    Goal("reader: false strings", ("reader", "false_tokens"), "under 0.15"),
    Goal("picture only, `identified`: coverage", ("picture", "operating_point", "coverage"), "0.60"),
    Goal("picture only, `identified`: accuracy", ("picture", "operating_point", "accuracy"), "0.99"),
    Goal("with imprint, `identified`: coverage", ("picture_and_imprint", "operating_point", "coverage"), "0.90"),
    Goal("with imprint, `identified`: accuracy", ("picture_and_imprint", "operating_point", "accuracy"), "0.99"),
    Goal("unknown pill answered `identified`", ("unknown_identified",), "under 0.02"),
)


def goals_table(parts: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """A Markdown table with a column for each background, its number of photographs in the head."""
    heads = [f"{name} ({part['num_photos']})" for name, part in parts.items()]
    yield "| | goal | " + " | ".join(heads) + " |"
    yield "|" + "---|" * (2 + len(heads))
    for goal in GOALS:
        yield f"| {goal.title} | {goal.asked} | " + " | ".join(_text(goal, part) for part in parts.values()) + " |"


def _text(goal: Goal, part: Mapping[str, Any]) -> str:
    found: Any = part
    for name in goal.path:
        found = found[name] if found is not None else None
    if found is None or found["value"] is None:
        return "–"
    return f"{found['value']:.2f} ({found['low']:.2f}–{found['high']:.2f})"
