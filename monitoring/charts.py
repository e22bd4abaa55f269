"""Small charts as inline SVG: reliability, risk against coverage, and rows of figures with their intervals."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

INK, MUTED, LINE, ACCENT, WARN, PALE = "#1f2a36", "#66727f", "#dde3e9", "#2b5c8a", "#a8452f", "#c9d8e6"
SERIES = (ACCENT, "#3f7d58", "#8a6d1f")
_PAD_LEFT, _PAD_BOTTOM, _PAD_TOP = 46, 40, 14


def reliability(bins: Sequence[Mapping[str, float]], *, size: int = 316) -> str:
    """Accuracy against confidence with Wilson intervals; the area of a dot grows with its count."""
    x, y = _axes(size, size)
    most = max((item["num"] for item in bins), default=1)
    marks = [f'<line x1="{x(0):.1f}" y1="{y(0):.1f}" x2="{x(1):.1f}" y2="{y(1):.1f}" stroke="{MUTED}" '
             f'stroke-dasharray="4 4"/>']  # fmt: skip
    for item in bins:
        left = x(item["confidence"])
        radius = 3 + 6 * (item["num"] / most) ** 0.5
        marks.append(f'<line x1="{left:.1f}" x2="{left:.1f}" y1="{y(item["low"]):.1f}" y2="{y(item["high"]):.1f}" '
                     f'stroke="{ACCENT}" stroke-width="1.5" opacity="0.55"/>')  # fmt: skip
        marks.append(f'<circle cx="{left:.1f}" cy="{y(item["accuracy"]):.1f}" r="{radius:.1f}" fill="{ACCENT}">'
                     f"<title>{item['num']} photographs, confidence {item['confidence']:.2f}, "
                     f"right {item['accuracy']:.2f}</title></circle>")  # fmt: skip
    frame = _frame(x, y, x_title="confidence stated", y_title="share right")
    return _svg(size, size, [*frame, *marks], title="Reliability diagram")


def risk_coverage(curves: Mapping[str, Sequence[tuple[float, float]]], *, width: int = 420, height: int = 300) -> str:
    """Error rate among the answered against the share answered, one line per question."""
    top = max((risk for curve in curves.values() for _, risk in curve), default=0.0)
    ceiling = min(1.0, max(0.1, -(-top * 11 // 1) / 10))
    x, y = _axes(width, height, y_max=ceiling)
    marks = []
    for (_, curve), color in zip(curves.items(), SERIES, strict=False):
        points = " ".join(f"{x(coverage):.1f},{y(risk):.1f}" for coverage, risk in curve)
        marks.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"/>')
    frame = _frame(x, y, x_title="share of photographs answered", y_title="share wrong", y_max=ceiling)
    return _svg(width, height, [*frame, *marks], title="Risk against coverage")


def legend(names: Sequence[str]) -> str:
    """Colour key of `risk_coverage`, in its order."""
    return "".join(
        f'<span class="key"><i style="background:{color}"></i>{escape(name)}</span>'
        for name, color in zip(names, SERIES, strict=False)
    )


def interval_rows(
    rows: Sequence[tuple[str, Mapping[str, Any]]],
    *,
    limit: float | None = None,
    width: int = 560,
    label_px: int = 190,
) -> str:
    """One row per figure: a dot at the value, a bar over its 95 % interval, the count; a dashed line at `limit`."""
    step, right = 22, 118
    height = step * len(rows) + 26

    def x(value: float) -> float:
        return label_px + (width - label_px - right) * value

    marks = [_grid_line(x(tick / 4), bottom=height - 20, text=f"{tick * 25} %") for tick in range(5)]
    if limit is not None:
        marks.append(f'<line x1="{x(limit):.1f}" x2="{x(limit):.1f}" y1="2" y2="{height - 20}" stroke="{WARN}" '
                     f'stroke-dasharray="4 3"/>')  # fmt: skip
    for i, (label, figure) in enumerate(rows):
        marks.append(_interval_row(label, figure, x=x, y=step * i + 14, left=label_px, right=width - right))
    return _svg(width, height, marks, title="Figures with their 95 % intervals")


def _interval_row(
    label: str, figure: Mapping[str, Any], *, x: Callable[[float], float], y: float, left: float, right: float
) -> str:
    name = f'<text x="{left - 10}" y="{y + 4}" text-anchor="end">{escape(_short(label))}</text>'
    if figure["value"] is None:
        return name + f'<text x="{right + 10}" y="{y + 4}" fill="{MUTED}">not measured</text>'
    low, high, value = x(figure["low"]), x(figure["high"]), x(figure["value"])
    return (
        f'{name}<line x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}" stroke="{PALE}" stroke-width="7" '
        f'stroke-linecap="round"/><circle cx="{value:.1f}" cy="{y}" r="4.5" fill="{ACCENT}"/>'
        f'<text x="{right + 10}" y="{y + 4}">{100 * figure["value"]:.1f} %'
        f'<tspan fill="{MUTED}">  of {figure["num"]}</tspan></text>'
    )


def _short(label: str, limit: int = 28) -> str:
    return label if len(label) <= limit else label[: limit - 1] + "…"


def _axes(width: int, height: int, *, y_max: float = 1.0) -> tuple[Callable, Callable]:
    inner_width, inner_height = width - _PAD_LEFT - 14, height - _PAD_BOTTOM - _PAD_TOP
    return (
        lambda value: _PAD_LEFT + inner_width * value,
        lambda value: _PAD_TOP + inner_height * (1 - value / y_max),
    )


def _frame(x: Callable, y: Callable, *, x_title: str, y_title: str, y_max: float = 1.0) -> list[str]:
    marks = []
    for tick in range(5):
        share, height = tick / 4, tick / 4 * y_max
        marks.append(f'<line x1="{x(0):.1f}" x2="{x(1):.1f}" y1="{y(height):.1f}" y2="{y(height):.1f}" '
                     f'stroke="{LINE}"/>')  # fmt: skip
        marks.append(f'<text x="{x(0) - 7:.1f}" y="{y(height) + 4:.1f}" text-anchor="end" fill="{MUTED}">'
                     f"{100 * height:.0f}</text>")  # fmt: skip
        marks.append(f'<text x="{x(share):.1f}" y="{y(0) + 16:.1f}" text-anchor="middle" fill="{MUTED}">'
                     f"{100 * share:.0f}</text>")  # fmt: skip
    middle = (x(0) + x(1)) / 2
    centre = (y(0) + y(y_max)) / 2
    marks.append(f'<text x="{middle:.1f}" y="{y(0) + 32:.1f}" text-anchor="middle">{escape(x_title)}, %</text>')
    marks.append(f'<text x="12" y="{centre:.1f}" text-anchor="middle" transform="rotate(-90 12 {centre:.1f})">'
                 f"{escape(y_title)}, %</text>")  # fmt: skip
    return marks


def _grid_line(left: float, *, bottom: float, text: str) -> str:
    return (
        f'<line x1="{left:.1f}" x2="{left:.1f}" y1="2" y2="{bottom}" stroke="{LINE}"/>'
        f'<text x="{left:.1f}" y="{bottom + 14}" text-anchor="middle" fill="{MUTED}">{text}</text>'
    )


def _svg(width: int, height: int, marks: Sequence[str], *, title: str) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="{escape(title)}" font-size="12" fill="{INK}">{"".join(marks)}</svg>'
    )
