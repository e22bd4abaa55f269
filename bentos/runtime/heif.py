"""The versions of libheif and libde265 that pictures are decoded with, held against those with known holes.

Both parse files of strangers in C++. Below these versions HEIC is refused; other formats go on.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

import pillow_heif

# Advisories are in bentos/safe_versions.csv; a test holds these equal to the highest versions there.
MINIMUM: Final[Mapping[str, str]] = {"libheif": "1.22.1", "libde265": "1.0.19"}


def heif_libraries() -> dict[str, str]:
    """Name and version of each library that takes part in decoding HEIC, as the library itself says it."""
    info = pillow_heif.libheif_info()
    found = {"libheif": info["libheif"]}
    for text in info["decoders"].values():
        if told := re.match(r"(libde265) .*version (\d+(?:\.\d+)*)", text):
            found[told.group(1)] = told.group(2)
    return found


def weaknesses(found: Mapping[str, str]) -> list[str]:
    """Why HEIC must not be decoded with these versions, a clause each; none where it may."""
    return [
        f"{name} {found.get(name, 'of unknown version')} is older than {least}"
        for name, least in MINIMUM.items()
        if name not in found or _parts(found[name]) < _parts(least)
    ]


@cache
def heic_refused() -> str | None:
    """Why this installation takes no HEIC pictures; None where it does."""
    return "; ".join(weaknesses(heif_libraries())) or None


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))
