"""Small reference pictures of a gallery, one per view, in one file that is read picture by picture.

`pictures.bin`: the JPEGs one after the other; then where each begins and the last ends (V + 1 unsigned 64-bit
little-endian numbers), V, and eight letters. A view without a picture has no bytes.
"""

import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final

import cv2
import numpy as np

from bentos.runtime.errors import ContractError
from bentos.runtime.locate import Located

PICTURES_FILE: Final = "pictures.bin"
MEDIA_TYPE: Final = "image/jpeg"
SIDE_PX: Final = 200
_MARGIN: Final = 0.12
_QUALITY: Final = 82
_MAGIC: Final = b"RXPICS01"
_TAIL: Final = struct.Struct("<Q8s")
_MAX_BYTES: Final = 2**20


@dataclass(frozen=True)
class Pictures:
    """The pictures of a checked gallery. Nothing is kept in memory; a file that was replaced since is not read."""

    path: Path
    stamp: tuple[int, int, int]
    num_stored: int
    rows: np.ndarray | None = None

    @classmethod
    def open(cls, path: Path, *, num_views: int) -> "Pictures":
        """The pictures of a file whose digest was checked.

        Raises:
            ContractError: it is not of this form, or not of so many views.
        """
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL.size))
            tail = file.read(_TAIL.size)
            if len(tail) < _TAIL.size or _TAIL.unpack(tail) != (num_views, _MAGIC):
                raise ContractError(f"{path} does not hold the pictures of {num_views} views")
            first, end = _span(file, size=size, num_stored=num_views, row=num_views - 1) if num_views else (0, 0)
            if first > end or end + 8 * (num_views + 1) + _TAIL.size != size:
                raise ContractError(f"{path} is not as long as it says")
            return cls(path, _stamp(file), num_views)

    def selected(self, rows_V: np.ndarray) -> "Pictures":
        """The pictures of some views, in a new order."""
        return replace(self, rows=rows_V if self.rows is None else self.rows[rows_V])

    def read(self, row: int) -> bytes | None:
        """The JPEG of a view; None where it has none.

        Raises:
            ContractError: the file is not the one that was opened.
        """
        stored = row if self.rows is None else int(self.rows[row])
        try:
            with self.path.open("rb") as file:
                if _stamp(file) != self.stamp:
                    raise ContractError(f"{self.path} was replaced")
                begin, end = _span(file, size=self.stamp[2], num_stored=self.num_stored, row=stored)
                if not 0 <= end - begin <= _MAX_BYTES:
                    raise ContractError(f"{self.path} names {end - begin} bytes for one picture")
                file.seek(begin)
                return file.read(end - begin) or None
        except FileNotFoundError as error:
            raise ContractError(f"{self.path} is missing") from error


def write_pictures(path: Path, pictures: Iterable[bytes | None]) -> None:
    """Write the pictures of all views in their order, as they come, and put the file in place in one step."""
    draft = path.with_name(f".{path.name}")
    offsets = [0]
    with draft.open("wb") as file:
        for picture in pictures:
            offsets.append(offsets[-1] + file.write(picture or b""))
        file.write(struct.pack(f"<{len(offsets)}Q", *offsets))
        file.write(_TAIL.pack(len(offsets) - 1, _MAGIC))
    draft.replace(path)


def thumbnail(rgb_HWC: np.ndarray, located: Located) -> bytes:
    """The pill with a little of what lies around it, as JPEG; its longest side at most `SIDE_PX`."""
    box = located.box
    margin = round(_MARGIN * max(box.width, box.height))
    height, width = rgb_HWC.shape[:2]
    rows = slice(max(0, box.y - margin), min(height, box.y + box.height + margin))
    columns = slice(max(0, box.x - margin), min(width, box.x + box.width + margin))
    crop_HWC = rgb_HWC[rows, columns]
    scale = min(1.0, SIDE_PX / max(crop_HWC.shape[:2]))
    size = tuple(max(1, round(scale * side)) for side in crop_HWC.shape[1::-1])
    small_HWC = cv2.resize(crop_HWC, size, interpolation=cv2.INTER_AREA)
    bgr_HWC = cv2.cvtColor(small_HWC, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr_HWC, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()


def _span(file: BinaryIO, *, size: int, num_stored: int, row: int) -> tuple[int, int]:
    file.seek(size - _TAIL.size - 8 * (num_stored + 1) + 8 * row)
    found = file.read(16)
    if len(found) < 16:
        raise ContractError("the pictures' file is shorter than it says")
    return struct.unpack("<2Q", found)


def _stamp(file: BinaryIO) -> tuple[int, int, int]:
    facts = os.fstat(file.fileno())
    return facts.st_ino, facts.st_mtime_ns, facts.st_size
