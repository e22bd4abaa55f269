"""Where a pill might be: hulls of what differs from the background, or of what steps in colour enclose.

H W: rows and columns in pixels.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np

from bentos.runtime.scene import PAD_PX, Scene

_LEVELS = (3.0, 4.5, 6.5, 9.0, 13.0, 19.0, 28.0, 42.0)
_STEP_LEVELS = (3.0, 6.0, 12.0)
_FAINT_LEVELS = (2.5, 3.5, 5.0, 7.0, 10.0)
_FAINT_STEP_LEVELS = (0.9, 1.3, 1.9, 2.7)
_SMOOTH_LEVELS = (1.6, 2.2, 3.0)
_MIN_AREA, _MAX_AREA = 0.0025, 0.97
_MIN_SOLIDITY = 0.8
_NUM_PAIRED = 6
_NUM_SHAPES = 40
_SAME_PX = 3.0


@dataclass(frozen=True)
class Shape:
    """A convex hull and how much of it the thing it was drawn around fills."""

    hull: np.ndarray
    area: float
    solidity: float


def clear_shapes(scene: Scene) -> list[Shape]:
    """What stands out, at most `_NUM_SHAPES`, the fullest first."""
    return _with_pairs([*_standing_out(scene), *_enclosed(scene)])


def faint_shapes(scene: Scene) -> list[Shape]:
    """What hardly stands out: as bright as a plain surface, or smooth on a woven one."""
    return _with_pairs([*_standing_out_on_average(scene), *_smoother(scene), *_faintly_enclosed(scene)])


def _with_pairs(found: Iterable[Shape]) -> list[Shape]:
    shapes = _distinct(found)
    return _distinct([*shapes, *_pairs(shapes)])[:_NUM_SHAPES]


def _standing_out(scene: Scene) -> list[Shape]:
    """What differs from the background: in any respect, in hue and chroma, brighter or in hue (no shadow does)."""
    offset_HWC = scene.lab_HWC - scene.background_HWC
    chroma_HW = np.hypot(offset_HWC[..., 1], offset_HWC[..., 2])
    lightness_HW = offset_HWC[..., 0]
    maps = (
        np.hypot(chroma_HW, lightness_HW),
        chroma_HW,
        np.hypot(1.5 * chroma_HW, np.maximum(lightness_HW, 0)),
        np.hypot(1.5 * chroma_HW, np.maximum(-lightness_HW - 20, 0)),
    )
    floor = max(1.0, scene.noise / 2)
    return [shape for map_HW in maps for shape in _above(map_HW, [level * floor for level in _LEVELS])]


def _standing_out_on_average(scene: Scene) -> list[Shape]:
    """What differs from the background once its weave or grain is averaged away."""
    offset_HWC = cv2.GaussianBlur(scene.lab_HWC - scene.background_HWC, (0, 0), 3)
    distance_HW = np.linalg.norm(offset_HWC, axis=2)
    floor = max(0.6, _typical(distance_HW))
    return _above(distance_HW, [level * floor for level in _FAINT_LEVELS])


def _smoother(scene: Scene) -> list[Shape]:
    """What is smoother than the background."""
    lightness_HW = scene.lab_HWC[..., 0]
    rough_HW = cv2.blur(np.abs(lightness_HW - cv2.GaussianBlur(lightness_HW, (0, 0), 2)), (7, 7))
    return _above(_typical(rough_HW) / (rough_HW + 0.1), _SMOOTH_LEVELS)


def _faintly_enclosed(scene: Scene) -> list[Shape]:
    smooth_HWC = cv2.GaussianBlur(scene.lab_HWC, (0, 0), 1.2)
    dx_HWC, dy_HWC = (cv2.Scharr(smooth_HWC, cv2.CV_32F, *order) / 16 for order in ((1, 0), (0, 1)))
    step_HW = np.sqrt((dx_HWC**2 + dy_HWC**2).sum(axis=2))
    floor, shapes = max(0.3, _typical(step_HW)), []
    for level in _FAINT_STEP_LEVELS:
        above_HW = cv2.morphologyEx((step_HW > level * floor).astype(np.uint8), cv2.MORPH_OPEN, _disc(3))
        shapes += [Shape(s.hull, s.area, 1.0) for s in _shapes(above_HW)]
    return shapes


def _typical(map_HW: np.ndarray) -> float:
    """The median over the picture's border."""
    ring = np.ones(map_HW.shape, bool)
    ring[PAD_PX + 6 : -PAD_PX - 6, PAD_PX + 6 : -PAD_PX - 6] = False
    ring[:PAD_PX], ring[-PAD_PX:], ring[:, :PAD_PX], ring[:, -PAD_PX:] = False, False, False, False
    return float(np.median(map_HW[ring]))


def _above(map_HW: np.ndarray, levels: Iterable[float]) -> list[Shape]:
    found = []
    for level in levels:
        above_HW = cv2.morphologyEx((map_HW > level).astype(np.uint8), cv2.MORPH_OPEN, _disc(5))
        found += [shape for shape in _shapes(above_HW) if shape.solidity >= _MIN_SOLIDITY]
    return found


def _enclosed(scene: Scene) -> list[Shape]:
    """What steps in colour enclose, whatever lies inside: two-tone, transparent, or as bright as the background."""
    dx_HWC, dy_HWC = (cv2.Scharr(scene.lab_HWC, cv2.CV_32F, *order) / 16 for order in ((1, 0), (0, 1)))
    step_HW = np.sqrt((dx_HWC**2 + dy_HWC**2).sum(axis=2))
    floor, shapes = max(1.0, scene.noise), []
    for level in _STEP_LEVELS:
        above_HW = cv2.morphologyEx((step_HW > level * floor).astype(np.uint8), cv2.MORPH_CLOSE, _disc(5))
        shapes += [Shape(s.hull, s.area, 1.0) for s in _shapes(above_HW)]
    return shapes


def _disc(size_px: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size_px, size_px))


def _shapes(above_HW: np.ndarray) -> list[Shape]:
    """The hulls of a sensible size; a contour too short to enclose the least area is not looked at closer."""
    contours, _ = cv2.findContours(above_HW, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    shortest = math.sqrt(2 * math.pi * _MIN_AREA * above_HW.size)
    hulls = [(cv2.convexHull(contour), cv2.contourArea(contour)) for contour in contours if len(contour) > shortest]
    sized = [(hull, cv2.contourArea(hull), area) for hull, area in hulls]
    wanted = [s for s in sized if _MIN_AREA * above_HW.size < s[1] < _MAX_AREA * above_HW.size]
    return [Shape(hull, hull_area, area / hull_area) for hull, hull_area, area in wanted]


def _pairs(shapes: list[Shape]) -> list[Shape]:
    """Two neighbours under one hull: the halves of a capsule of two colours."""
    largest = sorted(shapes, key=lambda s: -s.area * s.solidity)[:_NUM_PAIRED]
    pairs = []
    for one, other in combinations(largest, 2):
        hull = cv2.convexHull(np.concatenate([one.hull, other.hull]))
        area = cv2.contourArea(hull)
        if area > 1.15 * max(one.area, other.area):
            pairs.append(Shape(hull, area, min(1.0, (one.area + other.area) / area)))
    return [pair for pair in pairs if pair.solidity >= _MIN_SOLIDITY]


def _distinct(shapes: Iterable[Shape]) -> list[Shape]:
    """Leave out shapes whose bounding boxes agree with one kept, the fuller first."""
    kept, boxes = [], []
    for shape in sorted(shapes, key=lambda s: -s.solidity):
        x, y, width, height = cv2.boundingRect(shape.hull)
        box = np.array([x, y, x + width, y + height])
        if not boxes or np.abs(np.array(boxes) - box).max(axis=1).min() > _SAME_PX:
            kept.append(shape)
            boxes.append(box)
    return kept
