"""A photograph as the sources hand it over: bytes, what is known about them, and the interface of a source."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from bentos.runtime.medication import Medication

Role = Literal["consumer", "reference"]
Side = Literal["front", "back", "unknown"]
Pool = Literal["train", "test"]
UNREADABLE = "unreadable"
UNKNOWN_MEDICATION = "unknown_medication"


@dataclass(frozen=True)
class Photo:
    """One encoded picture with its label.

    `name` is unique within the source. `stamp` changes when the content under the same name changes (for a
    file: size and modification time); a source whose names already pin the content leaves it empty.
    `group` joins pictures taken together (one session, one pill), which a split must not separate.
    `pool` is set where the source itself keeps test conditions apart; `conditions` name how it was taken.
    """

    data: bytes
    name: str
    source: str
    role: Role
    medication_id: str | None
    group: str
    side: Side = "unknown"
    lot: str | None = None
    taken_on: str | None = None
    pool: Pool | None = None
    conditions: Mapping[str, str | float] = field(default_factory=dict)
    stamp: str = ""

    @property
    def key(self) -> str:
        """What `skip` is asked with."""
        return photo_key(self.name, stamp=self.stamp)


@dataclass(frozen=True)
class Unreadable:
    """A file that a source could not turn into photographs, and why; ingest puts it into quarantine."""

    name: str
    source: str
    reason: str
    stamp: str = ""
    code: str = UNREADABLE

    @property
    def key(self) -> str:
        """What `skip` is asked with."""
        return photo_key(self.name, stamp=self.stamp)


class PhotoSource(Protocol):
    """Where photographs come from. `fingerprint` identifies the whole content cheaply, without reading it."""

    @property
    def name(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    def photos(self, *, skip: Callable[[str], bool]) -> Iterator[Photo | Unreadable]:
        """Stream the photographs, leaving out (unread) those for whose key `skip` says True."""
        ...


def photo_key(name: str, *, stamp: str = "") -> str:
    """The key under which a photograph is remembered as read: its name, and its stamp where it has one."""
    return f"{name}@{stamp}" if stamp else name


def file_stamp(path: Path) -> str:
    """Size and modification time of a file: changes when the file does, and costs no reading."""
    status = path.stat()
    return f"{status.st_size:x}-{status.st_mtime_ns:x}"


def files_fingerprint(paths: Iterable[Path]) -> str:
    """Digest over names, sizes and modification times of files."""
    lines = "\n".join(f"{path.name} {file_stamp(path)}" for path in paths)
    return hashlib.sha256(lines.encode()).hexdigest()


def first_parts(medications: Iterable[Medication]) -> dict[str, str]:
    """Map each NDC-11 to the medication id of its first part, for labels that name no part."""
    ordered = sorted(medications, key=lambda medication: medication.part, reverse=True)
    return {medication.ndc11: medication.medication_id for medication in ordered}
