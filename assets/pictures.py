"""Pictures for asset metadata: curves, bars, tables of numbers and contact sheets as Markdown that the UI shows.

They are kept small, because they go into the event log.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TILE_PX = 96


def curves(series: Mapping[str, Sequence[float]], *, title: str, x: str, y: str = "") -> dg.MetadataValue:
    """One line per series over its index, starting at 1."""
    figure = _figure(title, x=x, y=y)
    axes = figure.axes[0]
    for name, values in series.items():
        axes.plot(range(1, len(values) + 1), values, marker=".", label=name)
    axes.legend(fontsize=7)
    return _markdown(figure, title)


def bars(values: Mapping[str, float], *, title: str, x: str = "") -> dg.MetadataValue:
    """One horizontal bar per name, in the order given from the top."""
    figure = _figure(title, x=x, y="")
    axes = figure.axes[0]
    axes.barh(list(values), list(values.values()))
    axes.invert_yaxis()
    axes.tick_params(labelsize=7)
    return _markdown(figure, title)


def reliability(bins: Sequence[Mapping[str, float]], *, title: str) -> dg.MetadataValue:
    """Stated confidence against the share that was right; a point on the diagonal keeps its word."""
    figure = _figure(title, x="stated confidence", y="share right")
    axes = figure.axes[0]
    axes.plot([0, 1], [0, 1], linestyle=":", color="grey")
    kept = [item for item in bins if item["num"]]
    axes.scatter([b["confidence"] for b in kept], [b["accuracy"] for b in kept], s=[8 + b["num"] ** 0.5 for b in kept])
    return _markdown(figure, title)


def line(points: Sequence[tuple[float, float]], *, title: str, x: str, y: str) -> dg.MetadataValue:
    """One line through (x, y) points."""
    figure = _figure(title, x=x, y=y)
    figure.axes[0].plot([p[0] for p in points], [p[1] for p in points])
    return _markdown(figure, title)


def confusion(pairs: Mapping[tuple[str, str], int], *, title: str) -> dg.MetadataValue:
    """A matrix of true drug (rows) against answered drug (columns) of the commonest mistakes."""
    rows = list(dict.fromkeys(pair[0] for pair in pairs))
    columns = list(dict.fromkeys(pair[1] for pair in pairs))
    figure = _figure(title, x="answered", y="true", size=(6.4, 4.8))
    axes = figure.axes[0]
    grid = [[pairs.get((row, column), 0) for column in columns] for row in rows]
    axes.imshow(grid or [[0]], cmap="Reds", aspect="auto")
    axes.set_xticks(range(len(columns)), [_short(name) for name in columns], rotation=60, ha="right", fontsize=6)
    axes.set_yticks(range(len(rows)), [_short(name) for name in rows], fontsize=6)
    return _markdown(figure, title)


def contact_sheet(paths: Sequence[Path], *, title: str, columns: int = 8) -> dg.MetadataValue:
    """Thumbnails of picture files, row by row, as one JPEG."""
    from PIL import Image

    rows = max(1, -(-len(paths) // columns))
    sheet = Image.new("RGB", (columns * _TILE_PX, rows * _TILE_PX), "white")
    for i, path in enumerate(paths):
        with Image.open(path) as picture:
            tile = picture.convert("RGB").resize((_TILE_PX, _TILE_PX))
        sheet.paste(tile, (i % columns * _TILE_PX, i // columns * _TILE_PX))
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=70)
    return dg.MetadataValue.md(f"![{title}](data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()})")


def table(rows: Sequence[Mapping[str, str | int | float | bool | None]]) -> dg.MetadataValue:
    """Rows as a table; all rows have the first one's columns."""
    return dg.MetadataValue.table([dg.TableRecord(dict(row)) for row in rows], schema=_schema(rows[0] if rows else {}))


def _schema(row: Mapping[str, object]) -> dg.TableSchema:
    kinds = {bool: "bool", int: "int", float: "float"}
    return dg.TableSchema([dg.TableColumn(name, kinds.get(type(value), "string")) for name, value in row.items()])


def _short(name: str) -> str:
    return name if len(name) <= 28 else name[:27] + "…"


def _figure(title: str, *, x: str, y: str, size: tuple[float, float] = (4.8, 3.0)) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=80, layout="constrained")
    figure.add_subplot(title=title, xlabel=x, ylabel=y)
    return figure


def _markdown(figure: "Figure", title: str) -> dg.MetadataValue:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()})")
