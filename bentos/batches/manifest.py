"""The items of a job: one per picture, or one per row of a CSV manifest that names pictures and metadata."""

import csv
import io
import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from bentos.batches.names import MANIFEST
from bentos.batches.store import NewItem
from bentos.faults import ServiceFault
from bentos.privacy.reference import MAX_SUBJECT

_PICTURES: Final = ("image", "image_back")
_TYPED: Final = ("imprint", "color", "shape", "size_mm")
_COLUMNS: Final = (*_PICTURES, *_TYPED, "subject")
_MAX_CELL: Final = 2_000


def items_of(
    names: Sequence[str], manifest: bytes | None, *, max_items: int, subject: str | None = None
) -> list[NewItem]:
    """The items of a job; they are about `subject` unless their row names another.

    Raises:
        ServiceFault: bad_manifest, too_many_items.
    """
    items = [NewItem(name) for name in names] if manifest is None else _rows(manifest, frozenset(names))
    if not items:
        raise ServiceFault("bad_manifest", "There is no picture in it: .jpg, .jpeg, .png, .heic or .heif.")
    if len(items) > max_items:
        raise ServiceFault("too_many_items", f"The batch has more than {max_items} items.")
    return [item if item.subject else replace(item, subject=subject) for item in items]


def _rows(manifest: bytes, names: Collection[str]) -> list[NewItem]:
    try:
        rows = csv.DictReader(io.StringIO(manifest.decode("utf-8-sig"), newline=""), strict=True)
        columns = list(rows.fieldnames or ())
        if "image" not in columns or len(set(columns)) < len(columns) or not set(columns) <= set(_COLUMNS):
            raise _bad(f"its columns must be among {', '.join(_COLUMNS)}, each once, with 'image'")
        return [_item(row, number, names) for number, row in enumerate(rows, start=2)]
    except (csv.Error, UnicodeDecodeError) as error:
        raise _bad("it is no CSV in UTF-8") from error


def _item(row: dict, number: int, names: Collection[str]) -> NewItem:
    if None in row or None in row.values() or any(len(text) > _MAX_CELL for text in row.values()):
        raise _bad(f"row {number} has not as many cells as there are columns, or one is too long")
    cells = {name: text.strip() for name, text in row.items() if text.strip()}
    pictures = [cells.get(name) for name in _PICTURES]
    for picture in pictures:
        if picture is not None and picture not in names:
            raise _bad(f"row {number} names a picture that is not there")
    if pictures[0] is None:
        raise _bad(f"row {number} names no picture in 'image'")
    typed = {name: cells[name] for name in _TYPED if name in cells}
    if len(subject := cells.get("subject", "")) > MAX_SUBJECT:
        raise _bad(f"row {number} has a subject's reference of more than {MAX_SUBJECT} characters")
    return NewItem(pictures[0], pictures[1], json.dumps(typed) if typed else None, subject or None)


def _bad(why: str) -> ServiceFault:
    return ServiceFault("bad_manifest", f"{MANIFEST} cannot be used: {why}.")
