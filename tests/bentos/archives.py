"""ZIP archives as callers and attackers send them."""

import io
import stat
import struct
import zipfile
from collections.abc import Mapping


def zipped(files: Mapping[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An ordinary archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def hostile(picture: bytes) -> dict[str, bytes]:
    """Archives that no one may unpack, by what is wrong with them."""
    good = zipped({"a.jpg": picture, "b.jpg": picture})
    twice = zipped({"aa.jpg": picture, "bb.jpg": picture}).replace(b"bb.jpg", b"aa.jpg")
    return {
        "no zip": b"this is no archive" * 50,
        "empty": b"",
        "cut off": good[: len(good) // 2],
        "traversal": zipped({"../a.jpg": picture}),
        "deep traversal": zipped({"a/../../b.jpg": picture}),
        "absolute": zipped({"/etc/a.jpg": picture}),
        "windows path": zipped({"c:\\a.jpg": picture}),
        "nested": zipped({"a.jpg": picture, "inner.zip": good}),
        "nested by another name": zipped({"a.jpg": picture, "inner.tar.gz": good}),
        "script": zipped({"a.jpg": picture, "run.sh": b"echo"}),
        "symlink": _with(good, mode=stat.S_IFLNK | 0o777),
        "device": _with(good, mode=stat.S_IFCHR | 0o666),
        "encrypted": _flagged(good),
        "bomb": zipped({"a.jpg": bytes(30 * 2**20)}),
        "other packing": zipped({"a.jpg": picture}, method=zipfile.ZIP_BZIP2),
        "one name twice": twice,
        "shared bytes": _overlapping(picture),
        "no name": zipped({"a.jpg": picture}).replace(b"a.jpg", b"\0.jpg"),
        "control characters": zipped({"a\n.jpg": picture}),
    }


def _with(archive: bytes, *, mode: int) -> bytes:
    """The archive with its first entry's Unix mode in the central directory."""
    at = archive.index(b"PK\x01\x02")
    changed = bytearray(archive)
    changed[at + 5] = 3
    changed[at + 38 : at + 42] = struct.pack("<L", mode << 16)
    return bytes(changed)


def _flagged(archive: bytes) -> bytes:
    at = archive.index(b"PK\x01\x02")
    changed = bytearray(archive)
    changed[at + 8] |= 1
    return bytes(changed)


def _overlapping(picture: bytes) -> bytes:
    """Many entries of the directory that all name the same bytes (Fifield 2019, without the quoting)."""
    one = zipped({"a.jpg": picture}, method=zipfile.ZIP_STORED)
    at = one.index(b"PK\x01\x02")
    end = one.index(b"PK\x05\x06")
    records = b"".join(one[at:end].replace(b"a.jpg", f"{i}.jpg".encode()) for i in range(9))
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 9, 9, len(records), at, 0)
    return one[:at] + records + tail
