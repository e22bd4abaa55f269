"""The imprint reader: finds lines of text on a located pill and reads each as character lattices.

Two small networks on ONNX Runtime: one marks the cores of text lines on evenly lit canvases of the pill, the other
reads the straightened strips. Where lines may be cut in several ways, those are taken that together say most.

Shapes: H W canvas in px, T steps, K classes (alphabet, then blank), X: x and y.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort

from bentos.runtime.contract import LookingSpec, ReaderSpec
from bentos.runtime.lattice import Strings, greedy_text, nats_said, sharpened
from bentos.runtime.locate import Located
from bentos.runtime.looks import Look, best_together, in_one_direction, most_said, said_once, still_to_read
from bentos.runtime.preprocess import filled_behind, pill_canvas
from bentos.runtime.strips import normalised, strip_of, strip_size, turned
from bentos.runtime.text_regions import TextRegion, distinct, text_regions

_FILL = (128, 128, 128)
_CANVAS_STEP = 32
_ONE_LOOK = LookingSpec(long_scales=(1.0,), split_threshold=1.0, least_nats=0.0)
# Strips that one answer may take, px: less where the finder looks at several scales, which takes time too.
_MOST_STRIPS_PX, _MOST_STRIPS_BESIDE_SCALES_PX = 840, 448
_SAID_FROM = np.log(0.5)


@dataclass(frozen=True)
class Line:
    """One line of text. `quad_XY` (4, 2) lies on the canvas of scale 1, px.

    `lattices` are what it may be: the readings in each possible direction, of each place where it stands.
    """

    quad_XY: np.ndarray
    confidence: float
    lattices: tuple[np.ndarray, ...]

    def texts(self) -> tuple[str, ...]:
        """The likeliest string of each reading, however unsure; those that say nothing are left out."""
        return tuple(filter(None, map(greedy_text, self.lattices)))

    def text(self) -> str:
        """The string of the lattice that says most, empty where it is as likely to be another one."""
        surest_TK = max(self.lattices, key=nats_said)
        text = greedy_text(surest_TK)
        return text if text and Strings([text]).log_probability(surest_TK)[0] >= _SAID_FROM else ""


@dataclass(frozen=True)
class Reading:
    """All lines read on one side, each text once, surest first; none where the side shows no text."""

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
        told = [own for own in self.looks(canvas_HWC) if most_said(own) >= self._looking.least_nats]
        lines = said_once(in_one_direction(best_together(told)))
        read = [Line(own[0].region.quad_XY, own[0].region.confidence, tuple(look.lattice_TK for look in own))
                for own in lines]  # fmt: skip
        return Reading(tuple(sorted(read, key=lambda line: -line.confidence)))

    def looks(self, canvas_HWC: np.ndarray) -> list[list[Look]]:
        """Every possible line, which may overlap, read in as many directions as it takes to be sure."""
        several = len(_sizes(canvas_HWC, spec=self.spec)) > 1
        most_px = _MOST_STRIPS_BESIDE_SCALES_PX if several else _MOST_STRIPS_PX
        upright = [(region, 0) for region in self._regions(canvas_HWC)]
        first = self._looks(canvas_HWC, self._affordable(upright, most_px=most_px))
        spent_px = sum(strip_size(look.region.quad_XY, spec=self.spec)[0] for look in first)
        looks = [*first, *self._looks(canvas_HWC, self._affordable(still_to_read(first), most_px=most_px - spent_px))]
        return [[look for look in looks if look.region is one.region] for one in first]

    @property
    def _looking(self) -> LookingSpec:
        return self.spec.looking or _ONE_LOOK

    def _regions(self, canvas_HWC: np.ndarray) -> list[TextRegion]:
        """Possible lines, found on the canvas at each of its scales, placed on that of scale 1."""
        found = []
        for size in _sizes(canvas_HWC, spec=self.spec):
            own_HWC = canvas_HWC if size == canvas_HWC.shape[1::-1] else cv2.resize(
                canvas_HWC, size, interpolation=cv2.INTER_AREA)  # fmt: skip
            heat_HW = self._text_heat(own_HWC)
            regions = text_regions(
                heat_HW, threshold=self.spec.text_threshold, split_threshold=self._looking.split_threshold
            )
            found += [region.scaled(1 / _enlargement(own_HWC, spec=self.spec)) for region in regions]
        return distinct(found, at_most=self.spec.max_lines)

    def _affordable(self, wanted: Sequence[tuple[TextRegion, int]], *, most_px: int) -> list[tuple[TextRegion, int]]:
        """The first of the wanted looks, until their strips are as long together as time allows."""
        widths = [strip_size(turned(region.quad_XY, turn), spec=self.spec)[0] for region, turn in wanted]
        return [each for each, spent_px in zip(wanted, np.cumsum(widths), strict=True) if spent_px <= most_px]

    def _looks(self, canvas_HWC: np.ndarray, wanted: Sequence[tuple[TextRegion, int]]) -> list[Look]:
        """The regions read after their quarter turns."""
        enlarged_X = _enlargement(canvas_HWC, spec=self.spec)
        quads = [turned(region.scaled(enlarged_X).quad_XY, turn) for region, turn in wanted]
        strips = [strip_of(canvas_HWC, quad_XY, size=strip_size(quad_XY, spec=self.spec)) for quad_XY in quads]
        return [Look(*each, lattice_TK) for each, lattice_TK in zip(wanted, self._read_strips(strips), strict=True)]

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
    """The pill alone, straight, with evened local contrast (CLAHE, Zuiderveld 1994), uint8 (H, W, 3).

    As large as the largest scale on which lines are looked for.
    """
    scales = _scales(spec, long=_is_long(located, spec=spec))
    size = canvas_size(located, spec=spec, scale=max(scales))
    pixels_HWC, weight_HW = pill_canvas(rgb_HWC, located, size=size, margin=spec.margin)
    return even_contrast(pixels_HWC, weight_HW, spec=spec)


def canvas_size(located: Located, *, spec: ReaderSpec, scale: float = 1.0) -> tuple[int, int]:
    """Width and height of the pill's canvas at a scale, px."""
    return _scaled_size(spec.long_canvas if _is_long(located, spec=spec) else spec.round_canvas, scale)


def _is_long(located: Located, *, spec: ReaderSpec) -> bool:
    return located.length_px >= spec.long_from * located.width_px


def _scales(spec: ReaderSpec, *, long: bool) -> tuple[float, ...]:
    return (spec.looking or _ONE_LOOK).long_scales if long else (1.0,)


def _scaled_size(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """To the nearest size that the finder takes."""
    width, height = (max(1, round(px * scale / _CANVAS_STEP)) * _CANVAS_STEP for px in size)
    return width, height


def _sizes(canvas_HWC: np.ndarray, *, spec: ReaderSpec) -> list[tuple[int, int]]:
    """Sizes of a canvas at each of its scales."""
    long = _base_size(canvas_HWC, spec=spec) == spec.long_canvas
    return [_scaled_size(_base_size(canvas_HWC, spec=spec), scale) for scale in _scales(spec, long=long)]


def _base_size(canvas_HWC: np.ndarray, *, spec: ReaderSpec) -> tuple[int, int]:
    """The canvas at scale 1: the one of its shape."""
    height, width = canvas_HWC.shape[:2]
    return min((spec.long_canvas, spec.round_canvas), key=lambda size: abs(size[0] / size[1] - width / height))


def _enlargement(canvas_HWC: np.ndarray, *, spec: ReaderSpec) -> np.ndarray:
    """How many times as wide and high a canvas is as at scale 1."""
    return np.array(canvas_HWC.shape[1::-1]) / _base_size(canvas_HWC, spec=spec)


def even_contrast(pixels_HWC: np.ndarray, weight_HW: np.ndarray, *, spec: ReaderSpec) -> np.ndarray:
    """Local contrast evened out channel by channel on the pill, a plain fill around it."""
    filled_HWC = filled_behind(pixels_HWC, weight_HW, fill_rgb=_FILL)
    even = cv2.createCLAHE(spec.clip_limit, (spec.tiles, spec.tiles))
    channels = [even.apply(np.ascontiguousarray(filled_HWC[..., c])) for c in range(3)]
    return filled_behind(np.dstack(channels), weight_HW, fill_rgb=_FILL)
