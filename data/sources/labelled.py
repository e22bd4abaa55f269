"""What the file-based sources share: label tables, and files turned into photographs."""

import csv
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from data.photo import Photo, Unreadable, file_stamp, photo_key

_TRUE = ("true", "1", "yes")


class LayoutError(ValueError):
    """A directory does not have the published layout of its source; the message names what is missing."""


def read_table(path: Path, *, columns: Iterable[str], delimiter: str = ",") -> list[dict[str, str]]:
    """Rows of a label table, fields stripped.

    Raises:
        LayoutError: the file is missing, or lacks one of the columns.
    """
    if not path.is_file():
        raise LayoutError(f"{path} is missing")
    with path.open(newline="", encoding="utf-8-sig") as handle:
        reader = csv.DictReader(handle, delimiter=delimiter)
        missing = [column for column in columns if column not in (reader.fieldnames or ())]
        if missing:
            raise LayoutError(f"{path} lacks the column(s) {', '.join(missing)}")
        return [{name: (value or "").strip() for name, value in row.items() if name} for row in reader]


def truth(text: str) -> bool:
    """A boolean as pandas, Excel or a person writes it."""
    return text.casefold() in _TRUE


def hyphenated(digits: str) -> str:
    """An NDC-11 given as eleven digits in the 5-4-2 form; anything else unchanged."""
    return f"{digits[:5]}-{digits[5:9]}-{digits[9:]}" if len(digits) == 11 and digits.isdigit() else digits


def read_photo(
    path: Path, *, name: str, source: str, skip: Callable[[str], bool], **label
) -> Iterator[Photo | Unreadable]:
    """The photograph in a file, or that there is none of that name; nothing where it was read before."""
    if ".." in path.parts or not path.is_file():
        if not skip(photo_key(name)):
            yield Unreadable(name, source, f"the labels name {name}, which is not there")
        return
    stamp = file_stamp(path)
    if not skip(photo_key(name, stamp=stamp)):
        yield Photo(data=path.read_bytes(), name=name, source=source, stamp=stamp, **label)
