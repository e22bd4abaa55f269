"""Where a job's pictures lie: an uploaded archive, a directory, or a prefix of an object store, each read on demand.

Directories and prefixes are read only below what the settings allow, which is nothing by default.
"""

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import fsspec
from fsspec import AbstractFileSystem

from bentos.batches.archive import ArchiveSource
from bentos.batches.names import MANIFEST, is_picture
from bentos.batches.store import UPLOAD
from bentos.faults import ServiceFault
from bentos.runtime.decode import MAX_BYTES
from bentos.runtime.errors import InputError

ARCHIVE_FILE: Final = "pictures.zip"
_FORBIDDEN: Final = ("::", "?", "#", "*", "[", "{", "\\", "\0", "@")


class Source(Protocol):
    """Names of pictures, and their bytes."""

    def names(self) -> list[str]: ...

    def manifest(self) -> bytes | None: ...

    def read(self, name: str) -> bytes: ...

    def close(self) -> None: ...


def open_source(
    source: str, *, folder: Path, allowed: Sequence[str], max_items: int, opened: Callable[[Path], BinaryIO]
) -> Source:
    """The source of a job; `folder` holds the archive of an uploaded one, which `opened` opens.

    Raises:
        ServiceFault: bad_archive, source_not_allowed, source_unreadable, too_many_items.
    """
    max_entries = 2 * max_items + 64
    if source == UPLOAD:
        return ArchiveSource(folder / ARCHIVE_FILE, max_entries=max_entries, opened=opened)
    if "://" not in source:
        return DirectorySource(_allowed_directory(source, allowed), max_entries=max_entries)
    return StoreSource(_allowed_prefix(source, allowed), max_entries=max_entries)


class DirectorySource:
    """A directory of this machine; a link that leads out of it is not followed."""

    def __init__(self, root: Path, *, max_entries: int) -> None:
        """`root` is resolved and allowed."""
        self._root = root
        self._max_entries = max_entries

    def names(self) -> list[str]:
        """Names of the pictures below the directory, sorted.

        Raises:
            ServiceFault: too_many_items, source_unreadable.
        """
        if not self._root.is_dir():
            raise _unreadable()
        return _bounded((name for name in self._walk() if is_picture(name)), self._max_entries)

    def manifest(self) -> bytes | None:
        """The bytes of the manifest, None where there is none."""
        return self.read(MANIFEST) if (self._root / MANIFEST).is_file() else None

    def read(self, name: str) -> bytes:
        """One file's bytes; raises `InputError` too_large, `ServiceFault` source_unreadable."""
        path = (self._root / name).resolve()
        if not path.is_relative_to(self._root) or not path.is_file():
            raise _unreadable()
        try:
            with path.open("rb") as file:
                return _whole(file.read(MAX_BYTES + 1))
        except OSError as error:
            raise _unreadable() from error

    def close(self) -> None:
        """Nothing is held."""

    def _walk(self) -> Iterator[str]:
        for folder, _, files in os.walk(self._root, followlinks=False):
            for file in files:
                yield (Path(folder) / file).relative_to(self._root).as_posix()


class StoreSource:
    """A prefix of an object store, or whatever else fsspec opens by its URL."""

    def __init__(self, url: str, *, max_entries: int) -> None:
        """`url` is allowed.

        Raises:
            ServiceFault: source_unreadable, its protocol is not installed.
        """
        try:
            self._files, self._root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError, OSError) as error:
            raise _unreadable() from error
        self._max_entries = max_entries

    def names(self) -> list[str]:
        """Names of the pictures below the prefix, sorted; raises `ServiceFault` too_many_items, source_unreadable."""
        try:
            return _bounded((name for name in _walk(self._files, self._root) if is_picture(name)), self._max_entries)
        except OSError as error:
            raise _unreadable() from error

    def manifest(self) -> bytes | None:
        """The bytes of the manifest, None where there is none."""
        try:
            return self.read(MANIFEST) if self._files.isfile(f"{self._root}/{MANIFEST}") else None
        except OSError as error:
            raise _unreadable() from error

    def read(self, name: str) -> bytes:
        """One object's bytes; raises `InputError` too_large, `ServiceFault` source_unreadable."""
        try:
            with self._files.open(f"{self._root}/{name}", "rb") as file:
                return _whole(file.read(MAX_BYTES + 1))
        except OSError as error:
            raise _unreadable() from error

    def close(self) -> None:
        """Nothing is held."""


def _walk(files: AbstractFileSystem, root: str) -> Iterator[str]:
    for folder, _, names in files.walk(root, on_error="raise"):
        below = folder.removeprefix(root).strip("/")
        yield from (f"{below}/{name}" if below else name for name in names)


def _bounded(names: Iterator[str], limit: int) -> list[str]:
    found = list(itertools.islice(names, limit + 1))
    if len(found) > limit:
        raise ServiceFault("too_many_items", f"There are more than {limit} pictures.")
    return sorted(found)


def _allowed_directory(source: str, allowed: Sequence[str]) -> Path:
    roots = [Path(root).resolve() for root in allowed if "://" not in root]
    if "\0" in source or not Path(source).is_absolute():
        raise _not_allowed()
    path = Path(source).resolve()
    if not any(path.is_relative_to(root) for root in roots):
        raise _not_allowed()
    return path


def _allowed_prefix(source: str, allowed: Sequence[str]) -> str:
    protocol, _, rest = source.partition("://")
    parts = rest.rstrip("/").split("/")
    if any(odd in source for odd in _FORBIDDEN) or not {"", ".", ".."}.isdisjoint(parts) or "%" in source:
        raise _not_allowed()
    url = f"{protocol}://{'/'.join(parts)}"
    roots = [root.rstrip("/") for root in allowed if "://" in root]
    if not any(url == root or url.startswith(root + "/") for root in roots):
        raise _not_allowed()
    return url


def _whole(data: bytes) -> bytes:
    if len(data) > MAX_BYTES:
        raise InputError("too_large", f"The file is larger than {MAX_BYTES // 2**20} MiB.")
    return data


def _not_allowed() -> ServiceFault:
    return ServiceFault("source_not_allowed", "The service may not read this; its settings name what it may.")


def _unreadable() -> ServiceFault:
    return ServiceFault("source_unreadable", "The source, or a picture in it, cannot be read.")
