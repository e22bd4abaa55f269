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


def image(png: bytes, *, title: str) -> dg.MetadataValue:
    """A PNG that the UI shows."""
    from monitoring.plots import markdown_image

    return dg.MetadataValue.md(markdown_image(png, title=title))


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


def _figure(title: str, *, x: str, y: str) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.8, 3.0), dpi=80, layout="constrained")
    figure.add_subplot(title=title, xlabel=x, ylabel=y)
    return figure


def _markdown(figure: "Figure", title: str) -> dg.MetadataValue:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return image(buffer.getvalue(), title=title)
