"""Which files of a source are pictures, which one is the manifest, and what file systems leave behind."""

from pathlib import PurePosixPath
from typing import Final

MANIFEST: Final = "manifest.csv"
_SUFFIXES: Final = frozenset((".jpg", ".jpeg", ".png", ".heic", ".heif"))
_LITTER: Final = frozenset((".DS_Store", "Thumbs.db", "desktop.ini"))


def is_picture(name: str) -> bool:
    """Whether the name is a picture's; the bytes decide later."""
    return PurePosixPath(name).suffix.lower() in _SUFFIXES


def is_litter(name: str) -> bool:
    """Whether an operating system left the file."""
    path = PurePosixPath(name)
    return path.parts[:1] == ("__MACOSX",) or path.name in _LITTER
