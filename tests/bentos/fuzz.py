"""An atheris (libFuzzer) target: bytes become a picture, metadata, a manifest, an archive, or a clear refusal.

Run as a program: `fuzz.py CORPUS -max_total_time=10 -timeout=10`. The first byte chooses what the rest is taken for;
whatever else than a refusal is raised ends it.
"""

import resource
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["bentos", "PIL", "zipfile", "csv"]):
    from bentos.batches.archive import ArchiveSource
    from bentos.batches.manifest import items_of
    from bentos.faults import ServiceFault
    from bentos.runtime.decode import decode
    from bentos.runtime.errors import InputError
    from bentos.upload import parse_metadata

MOST_BYTES = 3 * 2**30
_FOLDER = Path(tempfile.mkdtemp(prefix="rxvision-fuzz-"))


def picture(data: bytes) -> None:
    """One picture as sent."""
    try:
        found = decode(data, max_side_px=200)
    except InputError:
        return
    assert max(found.rgb_HWC.shape[:2]) <= 200


def metadata(data: bytes) -> None:
    """The metadata part of a request."""
    try:
        found = parse_metadata(data)
    except InputError:
        return
    assert found.size_mm is None or 0 < found.size_mm <= 50


def manifest(data: bytes) -> None:
    """The manifest of a large job."""
    try:
        found = items_of(["a.jpg", "b.jpg"], data, max_items=5)
    except ServiceFault:
        return
    assert all(item.image in ("a.jpg", "b.jpg") for item in found)


def archive(data: bytes) -> None:
    """An uploaded archive, every picture of it."""
    path = _FOLDER / "a.zip"
    path.write_bytes(data)
    try:
        found = ArchiveSource(path, max_entries=64)
    except ServiceFault:
        return
    for name in [*found.names(), "manifest.csv"]:
        try:
            found.read(name)
        except (InputError, KeyError):
            assert name == "manifest.csv" or name in found.names()
    found.close()


TARGETS = (picture, metadata, manifest, archive)


def any_of_them(data: bytes) -> None:
    """What the first byte says."""
    TARGETS[data[0] % len(TARGETS) if data else 0](data[1:])


if __name__ == "__main__":
    # libFuzzer's own limit looks at the peak since the fork, which is that of the tests that started this process.
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    atheris.Setup(sys.argv, any_of_them)
    atheris.Fuzz()
