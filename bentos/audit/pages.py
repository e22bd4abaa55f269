"""Pages of a checkpoints file for who holds receipts: found by an entry's place, without reading all of the file."""

import json
import math
from bisect import bisect_left
from pathlib import Path
from typing import BinaryIO, Final

from bentos.audit.checkpoints import checkpoint_of, last_line
from bentos.audit.merkle import Frontier
from bentos.runtime.errors import ContractError

MAX_LINES: Final = 100
MAX_BYTES: Final = 2**20


def page(path: Path, *, from_entry: int | None, limit: int = MAX_LINES) -> list[bytes]:
    """Whole lines as they were signed, from the one that covers `from_entry` on; the newest alone where none does.

    At most `limit` lines and, but for one, `MAX_BYTES`; an empty page where there is no checkpoint yet.
    """
    if not path.is_file():
        return []
    lines: list[bytes] = []
    with path.open("rb") as file:
        newest, end = last_line(file)
        if from_entry is not None:
            _seek_line(file, bisect_left(range(end), from_entry, key=lambda at: _size_behind(file, at, end=end)))
            while len(lines) < limit and file.tell() < end and sum(map(len, lines)) < MAX_BYTES:
                lines.append(file.readline()[:-1])
    return lines or ([newest] if newest else [])


def before(path: Path, size: int) -> Frontier:
    """The tree of the first `size` entries, where a checkpoint ends.

    Raises:
        ContractError: none ends there.
    """
    if not size:
        return Frontier()
    for line in page(path, from_entry=size, limit=1):
        if (found := checkpoint_of(line)).size == size:
            return Frontier(size, tuple(bytes.fromhex(root) for root in found.frontier))
    raise ContractError(f"no checkpoint of {size} entries is in {path}")


def _seek_line(file: BinaryIO, at: int) -> None:
    """To the first line that begins at a byte or behind it."""
    file.seek(max(0, at - 1))
    if at:
        file.readline()


def _size_behind(file: BinaryIO, at: int, *, end: int) -> float:
    """How many entries the first line from a byte on covers; infinitely many behind the last."""
    _seek_line(file, at)
    return json.loads(file.readline())["payload"]["size"] if file.tell() < end else math.inf
