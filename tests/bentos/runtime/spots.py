"""White pills that differ in the colour of one spot, with encoders that say what each region adds."""

from pathlib import Path

import cv2
import numpy as np

from bentos.runtime.enrol import ReferencePicture, build_gallery
from tests.builders import NOW, medication, member_spec, tiny_recogniser

SPOTS = {"RED": (200, 30, 30), "BLUE": (30, 50, 200), "GREEN": (30, 150, 50)}
SIZE_PX = 220
SPOT_XY, SPOT_PX = (150, 110), 16


def spotted(color: str, *, at: tuple[int, int] = SPOT_XY) -> np.ndarray:
    """A white round pill on grey with one spot, uint8 (S, S, 3)."""
    picture = np.full((SIZE_PX, SIZE_PX, 3), 110, np.uint8)
    cv2.circle(picture, (SIZE_PX // 2, SIZE_PX // 2), 75, (235, 235, 235), -1, cv2.LINE_AA)
    cv2.circle(picture, at, SPOT_PX, SPOTS[color], -1, cv2.LINE_AA)
    return picture


def spotted_bundle(directory: Path) -> Path:
    """A bundle of one medication for each spot; both members have a map."""
    members = tuple(member_spec(name, map_output="map") for name in ("fast", "accurate"))
    recogniser = tiny_recogniser(directory / "recogniser", members=members)
    items = [medication(i, imprint=()) for i in range(1, 1 + len(SPOTS))]
    items = [item.model_copy(update={"size_mm": 8.0 + i}) for i, item in enumerate(items)]
    references = [
        ReferencePicture(item.medication_id, "front", spotted(color), None, f"{color}", "tests")
        for item, color in zip(items, SPOTS, strict=True)
    ]
    build_gallery(recogniser, medications=items, references=references, out=directory / "gallery", name="spots",
                  now=NOW)  # fmt: skip
    return directory
