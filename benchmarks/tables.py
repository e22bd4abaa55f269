"""Markdown tables, and figures with their range."""

from collections.abc import Mapping, Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, the first column to the left."""
    align = ["---", *("---:" for _ in head[1:])] if any(head) else ["---"] * len(head)
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, align, *rows))


def around(found: Mapping[str, float] | None, *, digits: int, factor: float = 1.0) -> str:
    """The median and, in brackets, the least and the most; nothing where nothing was measured."""
    if found is None:
        return ""
    middle, low, high = (f"{factor * found[name]:.{digits}f}" for name in ("median", "min", "max"))
    return f"{middle} ({low}–{high})"
