"""The imprint reader: finds lines of text on a located pill and reads each as character lattices.

Two small networks on ONNX Runtime: one marks the cores of text lines on an evenly lit canvas of the pill, the
other reads the straightened strips. Line geometry follows Liao et al., "Real-time Scene Text Detection with
Differentiable Binarization" (AAAI 2020): cores are lines shrunk by a known offset, and are grown back.

Shapes: H W canvas in px, T steps, K classes (alphabet, then blank).
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort

from bentos.runtime.contract import ReaderSpec
from bentos.runtime.lattice import BLANK, Strings, greedy_text, sharpened
from bentos.runtime.locate import Located
from bentos.runtime.preprocess import filled_behind, pill_canvas

_FILL = (128, 128, 128)
_SHRINK, _MAX_SHRINK = 0.42, 0.36
_MIN_CORE_PX = 2.0
_UPRIGHT_UP_TO = 1.45
_SAID_FROM = np.log(0.5)


@dataclass(frozen=True)
class Line:
    """One line of text. `quad_XY` (4, 2) lies on the canvas, px; `lattices` read it in each possible direction."""

    quad_XY: np.ndarray
    confidence: float
    lattices: tuple[np.ndarray, ...]

    def text(self) -> str:
        """The string of the surest direction, empty where it is as likely to be another one."""
        surest_TK = min(self.lattices, key=lambda lattice_TK: lattice_TK[:, BLANK].mean())
        text = greedy_text(surest_TK)
        return text if text and Strings([text]).log_probability(surest_TK)[0] >= _SAID_FROM else ""


@dataclass(frozen=True)
class Reading:
    """All lines found on one side, surest first; none where the side shows no text."""

    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Reader:
    """The two sessions with their contract."""

    spec: ReaderSpec
    finder: ort.InferenceSession
    reader: ort.InferenceSession

    def read(self, rgb_HWC: np.ndarray, located: Located) -> Reading:
        """Read the imprint of one located pill in a uint8 RGB picture."""
        return self.read_canvas(reading_canvas(rgb_HWC, located, spec=self.spec))

    def read_canvas(self, canvas_HWC: np.ndarray) -> Reading:
        """Read what is written on a canvas as `reading_canvas` makes it."""
        heat_HW = self._text_heat(canvas_HWC)
        quads = text_quads(heat_HW, spec=self.spec)
        turned = [(number, turn) for number, (quad_XY, _) in enumerate(quads) for turn in quarter_turns(quad_XY)]
        directed = [np.roll(quads[number][0], -turn, axis=0) for number, turn in turned]
        strips = [strip_of(canvas_HWC, quad_XY, size=strip_size(quad_XY, spec=self.spec)) for quad_XY in directed]
        lattices = self._read_strips(strips)
        return Reading(tuple(
            Line(quad_XY, confidence, tuple(lattices[i] for i, (owner, _) in enumerate(turned) if owner == number))
            for number, (quad_XY, confidence) in enumerate(quads)
        ))  # fmt: skip

    def _text_heat(self, canvas_HWC: np.ndarray) -> np.ndarray:
        """Probability that a pixel lies in the core of a line of text, (H, W)."""
        logit_hw = self.finder.run(None, {"x": normalised(canvas_HWC[None])})[0][0, 0]
        heat_hw = 1 / (1 + np.exp(-np.clip(logit_hw, -30, 30)))
        return cv2.resize(heat_hw, canvas_HWC.shape[1::-1], interpolation=cv2.INTER_LINEAR)

    def _read_strips(self, strips: list[np.ndarray]) -> list[np.ndarray]:
        """Lattices of the strips, in their order; strips of one width are read together."""
        lattices: dict[int, np.ndarray] = {}
        for width in sorted({strip.shape[1] for strip in strips}):
            chosen = [i for i, strip in enumerate(strips) if strip.shape[1] == width]
            probability_NTK = self.reader.run(None, {"x": normalised(np.stack([strips[i] for i in chosen]))})[0]
            lattices |= {i: sharpened(lattice_TK) for i, lattice_TK in zip(chosen, probability_NTK, strict=True)}
        return [lattices[i] for i in range(len(strips))]


def open_reader(directory: Path, spec: ReaderSpec, *, options: ort.SessionOptions) -> Reader:
    """Open both sessions of a reader whose files lie in a recogniser's directory."""
    finder, reader = (
        ort.InferenceSession(directory / file, options, providers=["CPUExecutionProvider"])
        for file in (spec.finder_onnx, spec.reader_onnx)
    )
    return Reader(spec, finder, reader)


def reading_canvas(rgb_HWC: np.ndarray, located: Located, *, spec: ReaderSpec) -> np.ndarray:
    """The pill alone, straight, with evened local contrast (CLAHE, Zuiderveld 1994), uint8 (H, W, 3)."""
    size = canvas_size(located, spec=spec)
    pixels_HWC, weight_HW = pill_canvas(rgb_HWC, located, size=size, margin=spec.margin)
    return even_contrast(pixels_HWC, weight_HW, spec=spec)


def canvas_size(located: Located, *, spec: ReaderSpec) -> tuple[int, int]:
    """Width and height of the pill's canvas, px."""
    long = located.length_px >= spec.long_from * located.width_px
    return spec.long_canvas if long else spec.round_canvas


def even_contrast(pixels_HWC: np.ndarray, weight_HW: np.ndarray, *, spec: ReaderSpec) -> np.ndarray:
    """Local contrast evened out channel by channel on the pill, a plain fill around it."""
    filled_HWC = filled_behind(pixels_HWC, weight_HW, fill_rgb=_FILL)
    even = cv2.createCLAHE(spec.clip_limit, (spec.tiles, spec.tiles))
    channels = [even.apply(np.ascontiguousarray(filled_HWC[..., c])) for c in range(3)]
    return filled_behind(np.dstack(channels), weight_HW, fill_rgb=_FILL)


def text_quads(heat_HW: np.ndarray, *, spec: ReaderSpec) -> list[tuple[np.ndarray, float]]:
    """Lines of text as quads (4, 2), clockwise from the left end's top, with their mean heat; surest first."""
    contours, _ = cv2.findContours((heat_HW > spec.text_threshold).astype(np.uint8), cv2.RETR_EXTERNAL,
                                   cv2.CHAIN_APPROX_SIMPLE)  # fmt: skip
    found = []
    for contour in contours:
        (x, y), (width, height), angle = cv2.minAreaRect(contour)
        if min(width, height) < _MIN_CORE_PX:
            continue
        if width < height:
            width, height, angle = height, width, angle + 90
        inside = cv2.drawContours(np.zeros(heat_HW.shape, np.uint8), [contour], -1, 1, cv2.FILLED)
        confidence = float(cv2.mean(heat_HW, inside)[0])
        found.append((_quad(x, y, *_grown(width, height), 90 - (90 - angle) % 180), confidence))
    return sorted(found, key=lambda line: -line[1])[: spec.max_lines]


def _grown(width: float, height: float) -> tuple[float, float]:
    """The size of the line whose core has this size: the shrinking offset, inverted by fixed-point iteration."""
    line_w, line_h = width, height
    for _ in range(20):
        offset = core_offset(line_w, line_h)
        line_w, line_h = width + 2 * offset, height + 2 * offset
    return line_w, line_h


def core_offset(width: float, height: float) -> float:
    """How far the core of a line of this size lies inside of it, all around, px."""
    return min(_SHRINK * width * height / (width + height), _MAX_SHRINK * height)


def _quad(x: float, y: float, width: float, height: float, angle_deg: float) -> np.ndarray:
    along = np.array([np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))])
    across = np.array([-along[1], along[0]])
    corners = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    return np.array([[x, y] + along * width / 2 * i + across * height / 2 * j for i, j in corners])


def quarter_turns(quad_XY: np.ndarray) -> tuple[int, ...]:
    """Quarter turns in which a line may be read; a stubby one may stand upright as well."""
    return (0, 2) if _aspect(quad_XY) > _UPRIGHT_UP_TO else (0, 1, 2, 3)


def _aspect(quad_XY: np.ndarray) -> float:
    return float(np.linalg.norm(quad_XY[1] - quad_XY[0]) / max(np.linalg.norm(quad_XY[3] - quad_XY[0]), 1e-6))


def strip_size(quad_XY: np.ndarray, *, spec: ReaderSpec) -> tuple[int, int]:
    """Width and height of a line's strip: of the possible widths the one nearest to the line's shape."""
    wanted = spec.strip_height * _aspect(quad_XY)
    return min(spec.strip_widths, key=lambda width: abs(np.log(width / wanted))), spec.strip_height


def strip_of(canvas_HWC: np.ndarray, quad_XY: np.ndarray, *, size: tuple[int, int]) -> np.ndarray:
    """The line straightened to a strip of `size` (width, height), uint8."""
    width, height = size
    corners = np.array([[0, 0], [width, 0], [width, height]], np.float32)
    matrix = cv2.getAffineTransform(quad_XY[:3].astype(np.float32), corners)
    return cv2.warpAffine(canvas_HWC, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def normalised(pixels_NHWC: np.ndarray) -> np.ndarray:
    """uint8 RGB to float32 BGR from -1 to 1, (N, 3, H, W), as the networks' first training had it."""
    return np.ascontiguousarray(pixels_NHWC[..., ::-1].transpose(0, 3, 1, 2), np.float32) / 127.5 - 1
