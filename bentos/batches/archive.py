"""Checks an uploaded ZIP before anything in it is read, and reads its pictures without unpacking it.

No entry is ever written to a path of its own name. The limits are those of David Fifield, "A better zip bomb"
(WOOT 2019): entries that share bytes, directories larger than their number of entries, and absurd ratios are refused.
"""

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from bentos.batches.names import MANIFEST, is_litter, is_picture
from bentos.faults import ServiceFault
from bentos.runtime.decode import MAX_BYTES
from bentos.runtime.errors import InputError

MAX_RATIO: Final = 200
_END: Final = b"PK\x05\x06"
_END_64: Final = b"PK\x06\x07"
_END_BYTES: Final = 22
_MAX_COMMENT: Final = 2**16
_ENTRY_BYTES: Final = 1024
_ENCRYPTED: Final = 0x1 | 0x40
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGED: Final = (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, ValueError, struct.error)


def _plain(path: Path) -> BinaryIO:
    return path.open("rb")


class ArchiveSource:
    """The pictures and the manifest of a checked archive."""

    def __init__(self, path: Path, *, max_entries: int, opened: Callable[[Path], BinaryIO] = _plain) -> None:
        """Check the archive, which `opened` opens for reading from any place.

        Raises:
            ServiceFault: bad_archive, too_many_items.
        """
        try:
            self._file = opened(path)
        except OSError as error:
            raise bad_archive("it is damaged or no ZIP") from error
        try:
            _check_directory(self._file, max_entries=max_entries)
            self._archive = zipfile.ZipFile(self._file)
        except _DAMAGED as error:
            self._file.close()
            raise bad_archive("it is damaged or no ZIP") from error
        except ServiceFault:
            self._file.close()
            raise
        try:
            entries = [entry for entry in self._archive.infolist() if not entry.filename.endswith("/")]
            kept = [entry for entry in entries if not is_litter(entry.filename)]
            _check(kept, size=self._file.seek(0, os.SEEK_END))
        except ServiceFault:
            self.close()
            raise
        self._names = frozenset(entry.filename for entry in kept)

    def close(self) -> None:
        """Give the file back."""
        self._archive.close()
        self._file.close()

    def names(self) -> list[str]:
        """The pictures' names, sorted."""
        return sorted(name for name in self._names if is_picture(name))

    def manifest(self) -> bytes | None:
        """The bytes of the manifest, None where there is none; raises as `read`."""
        return self.read(MANIFEST) if MANIFEST in self._names else None

    def read(self, name: str) -> bytes:
        """The bytes of one entry, at most a picture's limit.

        Raises:
            InputError: too_large, truncated.
        """
        try:
            with self._archive.open(name) as file:
                data = file.read(MAX_BYTES + 1)
        except _DAMAGED as error:
            raise InputError("truncated", "The archive's entry is damaged.") from error
        if len(data) > MAX_BYTES:
            raise InputError("too_large", f"The file is larger than {MAX_BYTES // 2**20} MiB.")
        return data


def bad_archive(why: str) -> ServiceFault:
    """The refusal of a whole archive."""
    return ServiceFault("bad_archive", f"The archive cannot be used: {why}.")


def _check_directory(file: BinaryIO, *, max_entries: int) -> None:
    """Refuse a directory that would fill the memory, before the library reads it."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _END_BYTES - _MAX_COMMENT - 20))
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_BYTES:
        raise zipfile.BadZipFile
    *_, num_entries, num_bytes, _, _ = struct.unpack("<4s4H2LH", tail[at : at + _END_BYTES])
    if _END_64 in tail[max(0, at - 20) : at] or num_entries == 0xFFFF or num_bytes == 0xFFFFFFFF:
        raise bad_archive("it is a ZIP64 archive; send fewer or smaller files")
    if num_entries > max_entries:
        raise ServiceFault("too_many_items", f"The archive has more than {max_entries} entries.")
    if num_bytes > max_entries * _ENTRY_BYTES:
        raise bad_archive("its directory is larger than its entries need")


def _check(entries: Iterable[zipfile.ZipInfo], *, size: int) -> None:
    seen: set[str] = set()
    packed = 0
    for entry in entries:
        name, mode = entry.filename, entry.external_attr >> 16
        packed += entry.compress_size
        checks = (
            (_leaves(entry), "an entry's name leaves the archive"),
            (bool(entry.flag_bits & _ENCRYPTED), "an entry is encrypted"),
            (stat.S_IFMT(mode) not in (0, stat.S_IFREG), "an entry is a link or a device"),
            (entry.compress_type not in _METHODS, "an entry is packed in another way than stored or deflated"),
            (
                entry.file_size > MAX_RATIO * max(entry.compress_size, 1024),
                "an entry unpacks to far more than it holds",
            ),
            (not is_picture(name) and name != MANIFEST, f"an entry is neither a picture nor {MANIFEST}"),
            (name in seen, "two entries have one name"),
            (packed > size, "entries share their bytes"),
        )
        for wrong, why in checks:
            if wrong:
                raise bad_archive(why)
        seen.add(name)


def _leaves(entry: zipfile.ZipInfo) -> bool:
    name, path = entry.filename, PurePosixPath(entry.filename)
    odd = entry.orig_filename != name or any(char in name for char in "\\:\0") or not name.isprintable()
    return not name or odd or path.is_absolute() or ".." in path.parts
