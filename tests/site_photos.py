"""A bundle of drawn pills, and a site's photographs of them under its own light, for tests of recalibration."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bentos.runtime.enrol import ReferencePicture, build_gallery
from bentos.runtime.medication import ImprintToken, Medication
from bentos.runtime.spl import COLORS
from tests.builders import NOW, jpeg, medication, pattern_spec, pill_picture, recogniser_spec, tiny_recogniser

RGB = {
    "WHITE": (230, 230, 225), "RED": (180, 40, 40), "BLUE": (50, 70, 190), "GREEN": (50, 150, 70),
    "YELLOW": (220, 200, 60), "ORANGE": (225, 130, 40), "PINK": (230, 150, 170), "PURPLE": (120, 60, 150),
}  # fmt: skip
assert RGB.keys() <= COLORS.keys()


def drawn_catalogue(*, marks: Sequence[int] = (0, 1, 2)) -> list[Medication]:
    """Eight colours, each with several numbers of marks on its front."""
    return [
        medication(
            number,
            colors=(color,),
            imprint=(ImprintToken(text=f"{color[0]}{count}7", side="front"), ImprintToken(text="XY", side="back")),
            size_mm=6.0 + count,
        )
        for number, (color, count) in enumerate(((c, m) for c in RGB for m in marks), start=1)
    ]


def draw(
    item: Medication, *, side: str, rng: np.random.Generator, tint: tuple[int, int, int] = (0, 0, 0)
) -> np.ndarray:
    """One side of a pill, uint8 (200, 200, 3); `tint` is added to every pixel."""
    marks = int(item.imprint[0].text[1]) + 1 if side == "front" else 0
    rgb = np.array(RGB[item.colors[0]]) + rng.integers(-10, 11, size=3)
    picture = pill_picture(rgb=tuple(int(v) for v in np.clip(rgb, 0, 255)), marks=marks).astype(int)
    return np.clip(picture + np.array(tint) + rng.integers(-8, 9, size=picture.shape), 0, 255).astype(np.uint8)


def drawn_bundle(directory: Path, *, items: Sequence[Medication], **pattern) -> Path:
    """A bundle of these pills with random networks, every pattern with the same rough values."""
    patterns = {key: pattern_spec(**pattern) for key in recogniser_spec().patterns}
    recogniser = tiny_recogniser(directory / "recogniser", patterns=patterns)
    rng = np.random.default_rng(1)
    references = [
        ReferencePicture(
            item.medication_id, side, draw(item, side=side, rng=rng), None, f"{item.ndc11}-{side}", "tests"
        )
        for item in items
        for side in ("front", "back")
    ]
    build_gallery(
        recogniser, medications=items, references=references, out=directory / "gallery", name="drawn", now=NOW
    )
    return directory


def site_photos(
    directory: Path, *, items: Sequence[Medication], each: int = 2, tint: tuple[int, int, int] = (-25, -20, -40)
) -> Path:
    """A folder with labels.csv: `each` photographs of each side of each pill, in the site's own light."""
    directory.mkdir(parents=True, exist_ok=True)
    rng, lines = np.random.default_rng(5), ["file,ndc11,background,side,lot"]
    for item in items:
        for side in ("front", "back"):
            for number in range(each):
                name = f"{item.ndc11}-{side}-{number}.jpg"
                turned = np.roll(draw(item, side=side, rng=rng, tint=tint), rng.integers(-12, 13, size=2), axis=(0, 1))
                (directory / name).write_bytes(jpeg(turned))
                lines.append(f"{name},{item.ndc11},table,{side},L{number}")
    (directory / "labels.csv").write_text("\n".join(lines) + "\n")
    return directory
