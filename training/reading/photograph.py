"""The reader's training pictures: a labelled side on the runtime's canvas as a phone would have shown it.

H W: rows and columns of a canvas, C: red, green, blue, X: x and y in pixels.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from bentos.runtime.contract import ReaderSpec
from bentos.runtime.locate import Located
from bentos.runtime.preprocess import ELONGATED_FROM, canvas_matrix
from bentos.runtime.read import canvas_size, even_contrast
from training.pretrain.optics import camera, light_map, lot_matrix, relit
from training.reading.compose import lettered
from training.reading.config import ReadingConfig
from training.reading.label import located_side
from training.reading.lines import LabelledSide, TextLine, moved
from training.reading.pack import ReadingPack

_FEATHER_SIGMA = 0.75
_GLEAMING = 0.3
_LEVEL_SD_DEG, _ROUGHLY_LEVEL_SD_DEG = 4.0, 10.0


@dataclass(frozen=True)
class Canvas:
    """A reading canvas with the lines, open quads and pill (float32 weight) on it."""

    rgb_HWC: np.ndarray
    lines: tuple[TextLine, ...]
    ambiguous: tuple[np.ndarray, ...]
    weight_HW: np.ndarray
    complete: bool


@dataclass(frozen=True)
class Photographer:
    """Draws sides of a pack and photographs them; equal generators give equal pictures."""

    pack: ReadingPack
    config: ReadingConfig
    fonts: tuple[str, ...]
    spec: ReaderSpec

    def take(self, rng: np.random.Generator, *, text_made_up: float = 1.0) -> Canvas:
        """One picture; of blank sides that are drawn, `text_made_up` get text."""
        pack = self.pack
        blank = len(pack.blank) > 0 and (rng.random() < self.config.lettered_share or len(pack.lettered) == 0)
        labelled = pack.side(int(rng.choice(pack.blank if blank else pack.lettered)))
        located = located_side(labelled.side)
        if blank and rng.random() < text_made_up:
            side, lines = lettered(labelled.side, located, rng, fonts=self.fonts)
            labelled = LabelledSide(side, lines, (), complete=True)
        scale = float(rng.choice(self.config.canvas_scales))
        return photographed(labelled, located, rng, spec=self.spec, strength=self.config.strength, scale=scale)


def photographed(
    labelled: LabelledSide,
    located: Located,
    rng: np.random.Generator,
    *,
    spec: ReaderSpec,
    strength: float,
    scale: float = 1.0,
) -> Canvas:
    """The side as the runtime's canvas would show it out of a photograph: turned, tilted, lit, blurred, evened."""
    size = canvas_size(located, spec=spec, scale=scale)
    margin = spec.margin + strength * rng.uniform(-0.04, 0.06)
    matrix = _jittered(canvas_matrix(located, size=size, margin=margin), located, rng, size=size, strength=strength)
    pixels_HWC = cv2.warpAffine(
        labelled.side.rgb_HWC, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    mask_HW = cv2.warpAffine(labelled.side.mask_HW.astype(np.uint8) * 255, matrix, size, flags=cv2.INTER_LINEAR)
    seen_HW = _misjudged(mask_HW, rng) if rng.random() < 0.5 * strength else mask_HW
    weight_HW = cv2.GaussianBlur(seen_HW, (0, 0), _FEATHER_SIGMA).astype(np.float32) / 255
    shot_HWC = _shot(pixels_HWC, rng, strength=strength) if strength > 0 else pixels_HWC
    return Canvas(
        rgb_HWC=even_contrast(shot_HWC, weight_HW, spec=spec),
        lines=tuple(TextLine(moved(line.quad_4X, matrix), line.text) for line in labelled.lines),
        ambiguous=tuple(moved(quad_4X, matrix) for quad_4X in labelled.ambiguous),
        weight_HW=mask_HW.astype(np.float32) / 255,
        complete=labelled.complete,
    )


def gleams(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Lamps and windows mirrored in a shell, (H, W) from 0 to 1: bars along the pill and short strokes across it.

    Their edges are sharp, and what is printed below shows through most of them; a stroke alone looks like a 1.
    """
    height, width = shape
    shine_HW = np.zeros(shape, np.float32)
    for _ in range(rng.integers(1, 5)):
        along = rng.random() < 0.6
        length = width * (rng.uniform(0.08, 0.7) if along else rng.uniform(0.02, 0.06))
        thick = height * (rng.uniform(0.03, 0.14) if along else rng.uniform(0.1, 0.35))
        middle = rng.uniform(0.1, 0.9) * width, rng.uniform(0.15, 0.85) * height
        box_4X = cv2.boxPoints((middle, (length, thick), rng.normal(0, 5)))
        bar_HW = np.zeros(shape, np.float32)
        cv2.fillConvexPoly(bar_HW, np.rint(box_4X * 16).astype(np.int32), 1.0, cv2.LINE_AA, 4)
        if along and rng.random() < 0.4:
            bar_HW[:, int(middle[0]) :][:, : max(1, round(rng.uniform(0.01, 0.04) * width))] *= rng.uniform(0, 0.6)
        bar_HW = cv2.GaussianBlur(bar_HW, (0, 0), rng.uniform(0.4, 2.5))
        shine_HW = np.maximum(shine_HW, np.float32(rng.uniform(0.25, 1.0)) * bar_HW)
    return shine_HW


def _jittered(
    matrix: np.ndarray, located: Located, rng: np.random.Generator, *, size: tuple[int, int], strength: float
) -> np.ndarray:
    """The canvas matrix with a turn, tilt and shift about the canvas's middle."""
    ratio = located.length_px / located.width_px
    if ratio < ELONGATED_FROM:
        turn_deg = strength * rng.uniform(-180, 180)
    else:
        spread = _LEVEL_SD_DEG if ratio >= 1.5 else _ROUGHLY_LEVEL_SD_DEG
        turn_deg = strength * rng.normal(0, spread) + 180 * int(rng.random() < 0.5 * min(1, 2 * strength))
    turn = cv2.getRotationMatrix2D((0, 0), turn_deg, 1.0)[:, :2]
    linear = turn @ (np.eye(2) + strength * rng.normal(0, 0.05, (2, 2)))
    middle_X = (np.array(size) - 1) / 2
    offset_X = linear @ (matrix[:, 2] - middle_X) + middle_X + strength * rng.normal(0, 0.01, 2) * size[0]
    return np.hstack([linear @ matrix[:, :2], offset_X[:, None]])


def _misjudged(mask_HW: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The outline found up to three pixels too wide or too narrow."""
    reach = int(rng.integers(1, 4))
    change = cv2.dilate if rng.random() < 0.5 else cv2.erode
    return change(mask_HW, np.ones((reach, reach), np.uint8))


def _shot(pixels_HWC: np.ndarray, rng: np.random.Generator, *, strength: float) -> np.ndarray:
    """Another lot in another light through a phone's camera, uint8."""
    height, width = pixels_HWC.shape[:2]
    face_HWC = cv2.transform(pixels_HWC.astype(np.float32), lot_matrix(rng, strength=strength))
    if rng.random() < 0.5:
        face_HWC = relit(face_HWC, rng, window_px=2 * (width // 40) + 1, strength=strength)
    across_HW, along_HW = np.meshgrid(
        *(np.linspace(-1, 1, n, dtype=np.float32) for n in (height, width)), indexing="ij"
    )
    gain_HW, shine_HW = light_map((along_HW, across_HW), rng, strength=strength, shiny=rng.random() < 0.4)
    lit_HWC = face_HWC * gain_HW[..., None]
    if rng.random() < _GLEAMING * strength:
        shine_HW = np.maximum(shine_HW, gleams((height, width), rng))
    lit_HWC += (255 - lit_HWC) * shine_HW[..., None]
    return camera(lit_HWC.astype(np.float32), rng, strength=strength, scale=width / 256)
