"""Where lines of text may be on a canvas, from the finder's heat: several ways to cut what runs together.

Line geometry follows Liao et al., "Real-time Scene Text Detection with Differentiable Binarization" (AAAI 2020):
cores are lines shrunk by a known offset, and are grown back. Lines that stand close to each other share one core at
a low threshold and have their own at a high one; which of the two it is, only reading tells.

Shapes: H W canvas in px; a quad is four corners (4, 2), clockwise from the left end's top.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

_SHRINK, _MAX_SHRINK = 0.42, 0.36
_MIN_CORE_PX = 2.0
_SAME_FROM = 0.65
_OVERLAP_FROM = 0.35


@dataclass(frozen=True)
class TextRegion:
    """One possible line: its quad, px, and its core's mean heat."""

    quad_XY: np.ndarray
    confidence: float

    def scaled(self, ratio_X: np.ndarray) -> "TextRegion":
        """The same region on a canvas `ratio_X` times as wide and high."""
        return TextRegion((self.quad_XY + 0.5) * ratio_X - 0.5, self.confidence)


def text_regions(heat_HW: np.ndarray, *, threshold: float, split_threshold: float = 1.0) -> list[TextRegion]:
    """The lines on one heat, surest first: cores, and beside a core that falls apart where it is hottest its parts."""
    whole = _cores(heat_HW, threshold=threshold)
    parts = _cores(heat_HW, threshold=split_threshold)
    split = [part for core, _ in whole if len(own := _within(parts, core)) > 1 for part in own]
    regions = [region for _, region in [*whole, *split]]
    return sorted(regions, key=lambda region: -region.confidence)


def distinct(regions: Sequence[TextRegion], *, at_most: int) -> list[TextRegion]:
    """The surest of those that all but agree, at most so many."""
    kept: list[TextRegion] = []
    for region in sorted(regions, key=lambda region: -region.confidence):
        if all(_common(region.quad_XY, other.quad_XY)[1] < _SAME_FROM for other in kept):
            kept.append(region)
    return kept[:at_most]


def overlapping(quad_XY: np.ndarray, other_XY: np.ndarray) -> bool:
    """Whether two quads claim the same glyphs."""
    return _common(quad_XY, other_XY)[0] > _OVERLAP_FROM


def core_offset(width: float, height: float) -> float:
    """How far the core of a line of this size lies inside of it, all around, px."""
    return min(_SHRINK * width * height / (width + height), _MAX_SHRINK * height)


_Core = tuple[np.ndarray, TextRegion]


def _cores(heat_HW: np.ndarray, *, threshold: float) -> list[_Core]:
    """Contours of the heat above a threshold with the lines that they are cores of."""
    contours, _ = cv2.findContours((heat_HW > threshold).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for contour in contours:
        (x, y), (width, height), angle = cv2.minAreaRect(contour)
        if min(width, height) < _MIN_CORE_PX:
            continue
        if width < height:
            width, height, angle = height, width, angle + 90
        quad_XY = _quad(x, y, *_grown(width, height), 90 - (90 - angle) % 180)
        found.append((contour, TextRegion(quad_XY, _mean_heat(heat_HW, contour))))
    return found


def _within(parts: Sequence[_Core], core: np.ndarray) -> list[_Core]:
    return [part for part in parts if cv2.pointPolygonTest(core, part[0][0, 0].astype(float).tolist(), False) >= 0]


def _mean_heat(heat_HW: np.ndarray, contour: np.ndarray) -> float:
    x, y, width, height = cv2.boundingRect(contour)
    inside = cv2.drawContours(np.zeros((height, width), np.uint8), [contour], -1, 1, cv2.FILLED, offset=(-x, -y))
    return float(cv2.mean(heat_HW[y : y + height, x : x + width], inside)[0])


def _common(quad_XY: np.ndarray, other_XY: np.ndarray) -> tuple[float, float]:
    """The area that two quads share, of the smaller one and of both together."""
    one, other = np.asarray(quad_XY, np.float32), np.asarray(other_XY, np.float32)
    areas = cv2.contourArea(one), cv2.contourArea(other)
    both = cv2.intersectConvexConvex(one, other)[0]
    return both / max(min(areas), 1.0), both / max(sum(areas) - both, 1.0)


def _grown(width: float, height: float) -> tuple[float, float]:
    """The size of the line whose core has this size: the shrinking offset, inverted by fixed-point iteration."""
    line_w, line_h = width, height
    for _ in range(20):
        offset = core_offset(line_w, line_h)
        line_w, line_h = width + 2 * offset, height + 2 * offset
    return line_w, line_h


def _quad(x: float, y: float, width: float, height: float, angle_deg: float) -> np.ndarray:
    along = np.array([np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))])
    across = np.array([-along[1], along[0]])
    corners = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    return np.array([[x, y] + along * width / 2 * i + across * height / 2 * j for i, j in corners])
