"""The report of a trial as one self-contained HTML page: what differs, since when that is known, and where."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

from monitoring.charts import ACCENT, INK, LINE, MUTED, PALE

TEMPLATE: Final = Path(__file__).with_name("experiment.html")
NAMES: Final = {
    "errors": "requests it failed",
    "abstentions": "answers that are not identified",
    "labelled_errors": "wrong names, where feedback came",
    "log_ms": "work per answer",
}
_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 460, 200, 62, 12, 34


def write_page(report: Mapping[str, Any], out: Path) -> Path:
    """Write the page of a report that `experiment_report` made."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters.update(named=lambda name: NAMES.get(name, name), shown=shown, number=number)
    out.parent.mkdir(parents=True, exist_ok=True)
    charts = {name: band(looks, name=name) for name, looks in report["looks"].items() if looks}
    page = environment.from_string(TEMPLATE.read_text("utf-8"))
    out.write_text(page.render(report=report, charts=charts, sentences=in_words(report)), encoding="utf-8")
    return out


def in_words(report: Mapping[str, Any]) -> list[str]:
    """What the report comes to, a sentence each."""
    said = []
    for name, held in report["measures"].items():
        if not held["decidable"]:
            said.append(f"{NAMES[name].capitalize()}: too few on one side to say anything.")
        elif held["decided"]:
            word = "more" if held["difference"] > 0 else "less"
            said.append(f"{NAMES[name].capitalize()}: the challenger has {word}, {shown(held, name)}.")
        else:
            said.append(f"{NAMES[name].capitalize()}: no difference is shown yet, {shown(held, name)}.")
    if (differs := report["paired"]["differs"])["decidable"]:
        said.append(f"Of {differs['num']} requests that both answered, {number(differs['value'], 'share')} named "
                    "something else.")  # fmt: skip
    last = report["decisions"][-1] if report["decisions"] else None
    return [*said, f"Last decision: {last['action']} of the {last['variant']} by {last['actor']}."] if last else said


def shown(held: Mapping[str, Any], name: str = "") -> str:
    """A difference with its interval: points for shares, a ratio for latency."""
    if not held["decidable"]:
        return "too few"
    value, low, high = (number(held[key], name, signed=True) for key in ("difference", "low", "high"))
    unit = " %" if name == "log_ms" else " points"
    return f"{value.removesuffix(unit)} ({low.removesuffix(unit)} to {high.removesuffix(unit)}){unit}"


def number(value: float | None, name: str = "", *, signed: bool = False) -> str:
    """A share in percent; of `log_ms` the factor in percent more or less work, alone the milliseconds."""
    if value is None:
        return "unbounded"
    if name == "log_ms":
        return f"{100 * (math.exp(value) - 1):+.0f} %" if signed else f"{math.exp(value):.0f} ms"
    return f"{100 * value:+.1f} points" if signed else f"{100 * value:.1f} %"


def band(looks: Sequence[Mapping[str, Any]], *, name: str) -> str:
    """The difference over the number of answers, with the always-valid interval around it, as inline SVG."""
    known = [look for look in looks if look["low"] is not None]
    if not known:
        return ""
    most = max(look["num"] for look in known)
    reach = max(1e-6, *(abs(look["difference"]) * 2.5 for look in known), abs(known[-1]["low"]), abs(known[-1]["high"]))

    def x(count: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - 12) * count / most

    def y(value: float) -> float:
        middle = _TOP + (_HEIGHT - _TOP - _BOTTOM) / 2
        return middle - (_HEIGHT - _TOP - _BOTTOM) / 2 * max(-1.0, min(1.0, value / reach))

    upper = [f"{x(look['num']):.1f},{y(look['high']):.1f}" for look in known]
    lower = [f"{x(look['num']):.1f},{y(look['low']):.1f}" for look in reversed(known)]
    line = [f"{x(look['num']):.1f},{y(look['difference']):.1f}" for look in known]
    marks = [
        f'<polygon points="{" ".join([*upper, *lower])}" fill="{PALE}"/>',
        f'<polyline points="{" ".join(line)}" fill="none" stroke="{ACCENT}" stroke-width="2"/>',
        f'<line x1="{_LEFT}" x2="{_WIDTH - 12}" y1="{y(0):.1f}" y2="{y(0):.1f}" stroke="{MUTED}" '
        'stroke-dasharray="4 3"/>',
        *_scale(reach, y=y, name=name, most=most),
    ]
    return (f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img" font-size="12" '
            f'fill="{INK}" aria-label="{escape(NAMES[name])}">{"".join(marks)}</svg>')  # fmt: skip


def _scale(reach: float, *, y: Any, name: str, most: int) -> list[str]:
    ticks = {value: number(value, name, signed=True).removesuffix(" points") for value in (reach, 0.0, -reach)}
    return [
        *(f'<text x="{_LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end" fill="{MUTED}">{text}</text>'
          for value, text in ticks.items()),
        f'<line x1="{_LEFT}" x2="{_LEFT}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}" stroke="{LINE}"/>',
        f'<text x="{_WIDTH - 12}" y="{_HEIGHT - 14}" text-anchor="end" fill="{MUTED}">{most} answers</text>',
    ]  # fmt: skip
