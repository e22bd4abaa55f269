"""PNG plots for Dagster's metadata: reliability, risk against coverage, confusion, curves, sample pictures."""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from monitoring.pictures import contact_sheet

_DPI = 90
_MAX_CONFUSED = 16


def markdown_image(png: bytes, *, title: str) -> str:
    """The picture inside a Markdown text, for `MetadataValue.md`."""
    return f"![{title}](data:image/png;base64,{base64.b64encode(png).decode()})"


def reliability_png(calibration: Mapping[str, Any]) -> bytes:
    """Accuracy against confidence, one panel per question of an evaluation's `calibration`."""
    figure, panels = new_figure(len(calibration), width=3.2 * len(calibration), height=3.2)
    for panel, (question, item) in zip(panels, calibration.items(), strict=True):
        panel.plot([0, 1], [0, 1], color="0.6", linestyle="--", linewidth=1)
        for entry in item["bins"]:
            panel.vlines(entry["confidence"], entry["low"], entry["high"], color="#c9d8e6", linewidth=4)
        panel.plot(
            [b["confidence"] for b in item["bins"]], [b["accuracy"] for b in item["bins"]], "o-", color="#2b5c8a"
        )
        value = item["ece"]["value"]
        panel.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", title=_words(question))
        panel.text(0.04, 0.92, "not measured" if value is None else f"ECE {value:.3f}", fontsize=9)
    panels[0].set_ylabel("share right")
    return png_of(figure)


def risk_coverage_png(calibration: Mapping[str, Any]) -> bytes:
    """Error rate among the answered against the share answered."""
    figure, (panel,) = new_figure(1, width=4.6, height=3.2)
    for question, item in calibration.items():
        if item["risk_coverage"]:
            panel.plot(*zip(*item["risk_coverage"], strict=True), label=_words(question))
    panel.set(xlim=(0, 1), xlabel="share answered", ylabel="share wrong")
    panel.set_ylim(bottom=0)
    panel.legend(frameon=False, fontsize=8)
    return png_of(figure)


def confusion_png(confusions: Sequence[Mapping[str, Any]]) -> bytes:
    """The most confused pairs of drugs as bars."""
    rows = list(confusions)[:_MAX_CONFUSED][::-1]
    figure, (panel,) = new_figure(1, width=7.5, height=0.8 + 0.28 * max(len(rows), 1))
    panel.barh(range(len(rows)), [row["num"] for row in rows], color="#2b5c8a")
    labels = [f"{row['drug'][:34]} → {row['answered_drug'][:34]}" for row in rows]
    panel.set_yticks(range(len(rows)), labels=labels, fontsize=7)
    panel.set_xlabel("photographs")
    return png_of(figure)


def slices_png(slices: Mapping[str, Any]) -> bytes:
    """Drug top-1 with interval for every slice, weakest at the bottom."""
    rows = [
        (f"{name}: {value.lower()}", item["top1"]) for name, values in slices.items() for value, item in values.items()
    ]
    rows = sorted((row for row in rows if row[1]["value"] is not None), key=lambda row: row[1]["value"])
    figure, (panel,) = new_figure(1, width=6, height=0.8 + 0.2 * max(len(rows), 1))
    for place, (_, item) in enumerate(rows):
        panel.hlines(place, item["low"], item["high"], color="#c9d8e6", linewidth=4)
        panel.plot(item["value"], place, "o", color="#2b5c8a", markersize=4)
    panel.set_yticks(range(len(rows)), labels=[label for label, _ in rows], fontsize=7)
    panel.set(xlim=(0, 1), xlabel="drug named right by the first answer, picture alone")
    return png_of(figure)


def curves_png(curves: Mapping[str, Sequence[float]], *, x_title: str = "epoch") -> bytes:
    """One small panel per named series, such as loss and accuracy by epoch."""
    figure, panels = new_figure(len(curves), width=3.2 * len(curves), height=2.6)
    for panel, (name, values) in zip(panels, curves.items(), strict=True):
        panel.plot(np.arange(1, len(values) + 1), list(values), "o-", color="#2b5c8a", markersize=3)
        panel.set(title=name, xlabel=x_title)
    return png_of(figure)


def sheet_png(pictures: Sequence[bytes], *, columns: int = 8, size_px: int = 96) -> bytes:
    """Sample pictures side by side."""
    import cv2

    rgb_HWC = contact_sheet(pictures, columns=columns, size_px=size_px)
    return cv2.imencode(".png", np.ascontiguousarray(rgb_HWC[..., ::-1]))[1].tobytes()


def new_figure(num_panels: int, *, width: float, height: float) -> tuple[Any, list[Any]]:
    """A figure without pyplot: no global state, no display."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
    panels = [figure.add_subplot(1, max(num_panels, 1), i + 1) for i in range(max(num_panels, 1))]
    for panel in panels:
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(labelsize=8)
    return figure, panels


def png_of(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _words(question: str) -> str:
    return question.replace("_", " ")
