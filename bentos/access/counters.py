"""Counters of calls that all workers of a home share: a table in a small file, mapped into memory, one lock around it.

It is a store for the sliding windows of `limits`, which are aligned to multiples of their length. A caller's row holds
his calls in the present and in the last window; the row that is over first is used again. Who only looks does not lock.
The kernel frees the lock of a process that dies; of one that stands still it is waited for `WAIT_S` and no longer.
"""

import fcntl
import hashlib
import math
import mmap
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from limits.errors import StorageError
from limits.strategies import SlidingWindowCounterRateLimiter

WAIT_S: Final = 0.05
_ROW: Final = struct.Struct("<16sQII")
_ROWS: Final = 8  # of a bucket: a key is looked for in these
_BUCKETS: Final = 8192
_SIZE: Final = _ROW.size * _ROWS * _BUCKETS
_MOST: Final = 2**32 - 1


class _Row(NamedTuple):
    """`over_at` is when neither window counts any more, in seconds since 1970; 0 in a row that was never used."""

    key: bytes
    over_at: int
    last: int
    present: int


class SharedCounters:
    """Rows by key; safe across threads and processes. The file is made when first counted in."""

    def __init__(self, path: Path, *, now: Callable[[], float] = time.time) -> None:
        """Nothing is opened yet."""
        self._path = path
        self._now = now
        self._turn = threading.Lock()
        self._opened: tuple[int, mmap.mmap] | None = None

    def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count, unless there would be more than `limit` then; whether it was counted.

        Raises:
            StorageError: the file cannot be used.
        """
        digest, start = _place(key)
        with self._locked() as table:
            now = self._now()
            number, row = _found(table, start, key=digest, expiry=expiry, now=now)
            if math.floor(_weighted(row, expiry, now=now)) + amount > limit:
                return False
            counted = row._replace(present=min(row.present + amount, _MOST))
            _ROW.pack_into(table, start + number * _ROW.size, *counted)
            return True

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """Calls in the last window and seconds that it still counts for, and the same of the present one.

        Raises:
            StorageError: the file cannot be used.
        """
        digest, start = _place(key)
        now, table = self._now(), self._table()[1]
        row = _found(table, start, key=digest, expiry=expiry, now=now)[1]
        left = _left(row, expiry, now=now)
        return row.last, left if row.last else 0.0, row.present, left + expiry

    @contextmanager
    def _locked(self) -> Iterator[mmap.mmap]:
        """The table, while others wait."""
        handle, table = self._table()
        with self._turn:
            try:
                _lock(handle)
            except OSError as error:
                raise StorageError(error) from error
            try:
                yield table
            finally:
                fcntl.flock(handle, fcntl.LOCK_UN)

    def _table(self) -> tuple[int, mmap.mmap]:
        if self._opened is None:
            try:
                self._opened = _open(self._path)
            except (OSError, ValueError) as error:
                raise StorageError(error) from error
        return self._opened


class _Limiter(SlidingWindowCounterRateLimiter):
    def __init__(self, storage: SharedCounters) -> None:
        self.storage = storage  # the library asks for methods that this strategy does not use


def over(counters: SharedCounters) -> SlidingWindowCounterRateLimiter:
    """Sliding windows over these counters."""
    return _Limiter(counters)


def _open(path: Path) -> tuple[int, mmap.mmap]:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.ftruncate(handle, _SIZE)
        return handle, mmap.mmap(handle, _SIZE)
    except (OSError, ValueError):
        os.close(handle)
        raise


def _lock(handle: int) -> None:
    end = time.monotonic() + WAIT_S
    while True:
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise
            time.sleep(1e-4)


def _place(key: str) -> tuple[bytes, int]:
    """What stands for a key, and where its bucket begins."""
    digest = hashlib.blake2b(key.encode(), digest_size=16).digest()
    return digest, int.from_bytes(digest[:4], "little") % _BUCKETS * _ROW.size * _ROWS


def _found(table: mmap.mmap, start: int, *, key: bytes, expiry: int, now: float) -> tuple[int, _Row]:
    """The key's row as of now and its number in the bucket; where it has none, the one that is over first."""
    rows = [_Row(*values) for values in _ROW.iter_unpack(table[start : start + _ROW.size * _ROWS])]
    held = (number for number, row in enumerate(rows) if row.key == key)
    number = next(held, None)
    if number is None:
        number = min(range(_ROWS), key=lambda one: rows[one].over_at)
        return number, _rolled(_Row(key, 0, 0, 0), expiry, now=now)
    return number, _rolled(rows[number], expiry, now=now)


def _rolled(row: _Row, expiry: int, *, now: float) -> _Row:
    """The row in the window of now: what was the present one is the last, where they are neighbours."""
    over_at = (int(now // expiry) + 2) * expiry
    windows = (over_at - row.over_at) // expiry
    if windows <= 0:
        return row
    return _Row(row.key, over_at, row.present if windows == 1 else 0, 0)


def _left(row: _Row, expiry: int, *, now: float) -> float:
    """Seconds until the present window ends; so long the last one counts in part."""
    return max(0.0, row.over_at - expiry - now)


def _weighted(row: _Row, expiry: int, *, now: float) -> float:
    return row.last * _left(row, expiry, now=now) / expiry + row.present
