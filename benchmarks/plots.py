"""The page's figures as SVG files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

_OURS, _BARE, _OTHERS, _DARK = "#2b5c8a", "#7a7a7a", "#c9a86a", "#b3442f"
_SALT: Final = "performance"


def new_figure(num: int, *, width: float, height: float) -> tuple[Figure, Sequence[Axes]]:
    """A figure with `num` panels beside each other."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasSVG(figure)
    panels = figure.subplots(1, num, squeeze=False)[0]
    for panel in panels:
        panel.spines[["top", "right"]].set_visible(False)
    return figure, panels


def save(figure: Figure, path: Path) -> Path:
    """Write it as SVG with text as text, the same bytes for the same figure."""
    from matplotlib import rc_context

    with rc_context({"svg.hashsalt": _SALT, "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None})
    return path


def side_by_side_figure(systems: Mapping[str, Any], path: Path) -> Path:
    """CPU per answer, and answers a second, of each system; whiskers are the extremes over the rounds."""
    figure, panels = new_figure(2, width=9, height=0.9 + 0.36 * len(systems))
    for panel, key, factor, label in (
        (panels[0], "cpu_s_per_answer", 1e3, "server's CPU per answer, ms"),
        (panels[1], "answers_per_s", 1.0, "answers a second"),
    ):
        for row, (name, found) in enumerate(reversed(systems.items())):
            figures = {each: value * factor for each, value in found[key].items()}
            bar_with_range(panel, row, figures, color=_color(name))
        panel.set_yticks(range(len(systems)), labels=list(reversed(systems)), fontsize=8)
        panel.set_xlabel(label)
    panels[1].tick_params(labelleft=False)
    return save(figure, path)


def bar_with_range(panel: Axes, row: float, found: Mapping[str, float], *, color: str) -> None:
    """A bar to the median, a line from the least to the most."""
    panel.barh(row, found["median"], color=color, height=0.7)
    panel.hlines(row, found["min"], found["max"], color="black", linewidth=1.2)
    panel.text(found["max"], row, f" {found['median']:.3g}", va="center", fontsize=8)


def crowd_figure(protocols: Mapping[str, Any], path: Path) -> Path:
    """Answers a second before, during and after; waiting times of the crowd's answered; memory."""
    figure, panels = new_figure(3, width=10, height=2.8)
    names = list(protocols)
    phases = ("peak", "crowd", "after")
    for number, name in enumerate(names):
        last = protocols[name][-1]
        for step, phase in enumerate(phases):
            panels[0].bar(number + 0.27 * (step - 1), last[phase]["answers_per_s"], 0.25,
                          color=(_BARE, _DARK, _BARE)[step])  # fmt: skip
            panels[2].bar(number + 0.27 * (step - 1), last[phase]["largest_mib"], 0.25,
                          color=(_BARE, _DARK, _BARE)[step])  # fmt: skip
        for step, key in enumerate(("p50_s", "p95_s")):
            panels[1].bar(number + 0.3 * (step - 0.5), last["crowd"][key] or 0, 0.28, color=(_OURS, _DARK)[step])
    for panel, label in zip(panels, ("answers a second: before, crowd, after", "crowd's p50 and p95, s",
                                     "largest process, MiB"), strict=True):  # fmt: skip
        panel.set_xticks(range(len(names)), labels=names, fontsize=8)
        panel.set_title(label, fontsize=9)
    return save(figure, path)


def scoring_figure(found: Mapping[str, Any], path: Path) -> Path:
    """CPU of scoring against the number of appearances, both logarithmic."""
    figure, (panel,) = new_figure(1, width=5.4, height=3.2)
    sizes = [int(size) for size in found]
    for name, color in (("photograph", _OURS), ("with_typed_facts", _DARK)):
        rows = [entry[name] for entry in found.values()]
        panel.plot(sizes, [row["median"] for row in rows], "o-", color=color, label=name.replace("_", " "))
        panel.fill_between(sizes, [row["min"] for row in rows], [row["max"] for row in rows], color=color, alpha=0.2)
    panel.set(xscale="log", yscale="log", xlabel="appearances in the gallery", ylabel="CPU per answer, ms")
    panel.legend(frameon=False, fontsize=8)
    return save(figure, path)


def bars_figure(found: Mapping[str, Mapping[str, float]], path: Path, *, label: str) -> Path:
    """One bar per name: median and range."""
    figure, (panel,) = new_figure(1, width=7, height=0.9 + 0.32 * len(found))
    for row, (_, figures) in enumerate(reversed(found.items())):
        bar_with_range(panel, row, figures, color=_OURS)
    panel.set_yticks(range(len(found)), labels=list(reversed(found)), fontsize=8)
    panel.set_xlabel(label)
    return save(figure, path)


def _color(name: str) -> str:
    return _BARE if name.startswith("bare") else _OURS if name.startswith("ours") else _OTHERS
