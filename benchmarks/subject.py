"""What is measured: a home with a recogniser, a gallery of rendered pills and a signed release; and its photographs.

No picture of anyone's is used: all are drawn by the project's renderer.
"""

import itertools
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np

from bentos.release import ReleaseSpec, pin, write_release
from bentos.runtime.enrol import ReferencePicture, build_gallery
from bentos.runtime.medication import Medication
from bentos.runtime.recogniser import Recogniser
from bentos.settings import Settings
from bentos.signing import signing_key
from data.catalogue.formulary import read_formulary
from data.rendering.render import render_photo, render_reference

_SIDES = ("front", "back")
_COMMENT = b"\xff\xfe"
_SOI = b"\xff\xd8"
_DRAWN_PX, _NOISE = 480, 3.0


@dataclass(frozen=True)
class Subject:
    """A home that a service can start from, and the photographs to ask about (JPEG)."""

    home: Path
    pictures: tuple[bytes, ...]

    @property
    def bundle(self) -> Path:
        """The directory that holds `recogniser/` and `gallery/`."""
        return self.home

    @property
    def pictures_dir(self) -> Path:
        """The photographs as files, for other processes."""
        return self.home / "photographs"

    def settings(self, **overrides: object) -> Settings:
        """Settings of a service of this home."""
        return Settings(home=self.home, packed_home=self.home / "none", **overrides)


def make_subject(home: Path, *, recogniser: Path, medications: int, pictures: int, picture_px: int) -> Subject:
    """Copy the recogniser, enrol rendered reference pictures, sign a release, draw photographs."""
    chosen = read_formulary()[:medications]
    if not (home / "release" / "release.json").is_file():
        shutil.copytree(recogniser, home / "recogniser", dirs_exist_ok=True)
        now = datetime.now(UTC).isoformat()
        build_gallery(Recogniser.load(home / "recogniser"), medications=chosen, references=_references(chosen),
                      out=home / "gallery", name="rendered", now=now)  # fmt: skip
        champion = pin(home / "recogniser", gallery=home / "gallery", home=home, version="benchmark")
        spec = ReleaseSpec(released_at=now, champion=champion)
        write_release(home / "release" / "release.json", spec, key=signing_key(home / "keys"))
    folder = home / "photographs"
    folder.mkdir(exist_ok=True)
    for number in range(len(list(folder.glob("*.jpg"))), pictures):
        (folder / f"{number:04d}.jpg").write_bytes(photograph(chosen, number, size_px=picture_px))
    return Subject(home, tuple(read_pictures(folder, num=pictures)))


def read_pictures(folder: Path, *, num: int | None = None) -> list[bytes]:
    """The photographs of a folder, in order."""
    return [path.read_bytes() for path in sorted(folder.glob("*.jpg"))[:num]]


def photograph(medications: Sequence[Medication], number: int, *, size_px: int) -> bytes:
    """A rendered photograph of one side, square, as a phone would have compressed it.

    The renderer draws up to 480 px; what is larger is enlarged and gets the fine noise of a sensor of that size.
    """
    item, drawn_px = medications[number % len(medications)], min(size_px, _DRAWN_PX)
    side = _SIDES[number // len(medications) % 2]
    drawn = render_photo(item, side=side, seed=number, pool="test", size_px=drawn_px)
    rgb_HWC = drawn.rgb_HWC
    if size_px > drawn_px:
        rgb_HWC = cv2.resize(rgb_HWC, (size_px, size_px), interpolation=cv2.INTER_CUBIC)
        noise_HWC = np.random.default_rng(number).normal(0, _NOISE, rgb_HWC.shape)
        rgb_HWC = np.clip(rgb_HWC + noise_HWC, 0, 255).astype(np.uint8)
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(drawn.conditions["jpeg_quality"])]
    return cv2.imencode(".jpg", rgb_HWC[..., ::-1], quality)[1].tobytes()


def unlike(pictures: Sequence[bytes], *, series: str) -> Iterator[bytes]:
    """The photographs over and over, each with a comment of its own: no cache has met its bytes; pixels stay."""
    for number in itertools.count():
        picture = pictures[number % len(pictures)]
        note = f"{series} {number}".encode()
        yield _SOI + _COMMENT + (len(note) + 2).to_bytes(2, "big") + note + picture[2:]


def _references(medications: Sequence[Medication]) -> Iterator[ReferencePicture]:
    for item in medications:
        for side in _SIDES:
            drawn = render_reference(item, side=side, lot=0)
            yield ReferencePicture(item.medication_id, side, drawn.rgb_HWC, drawn.mask_HW, f"{item.ndc11}-{side}",
                                   "rendered")  # fmt: skip
