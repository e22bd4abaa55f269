"""Outlines of pills in a small picture: many candidates, the best kept.

A pill is what stands out from the picture's border, is nearly convex and symmetric, and has a sharp step in
colour all around; a shadow is soft on its far side. H W: rows and columns, C: L, a, b of CIE Lab.
"""

from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np

from bentos.runtime.contour import Judged, Scene, snap_and_judge

_BORDER_SHARE = 0.03
_CORNER_SHARE = 0.15
_PAD_PX = 8
_LEVELS = (3.0, 4.5, 6.5, 9.0, 13.0, 19.0, 28.0, 42.0)
_STEP_LEVELS = (3.0, 6.0, 12.0)
_MIN_AREA, _MAX_AREA = 0.006, 0.97
_MIN_SOLIDITY = 0.8
_NUM_PAIRED = 6
_NUM_JUDGED, _NUM_AGAIN = 20, 4
_MIN_REFINED = 0.85
_CLEAR_SCORE = 0.75
_SAME_PX = 3.0
_MIN_SCORE = 0.42
_WHOLE_OF_HALF, _MIN_SCORE_OF_WHOLE = (1.6, 2.8), 0.75
_MIN_SHARE_OF_BEST, _MIN_SCORE_OF_BEST = 0.3, 0.7


@dataclass(frozen=True)
class Outline:
    """A closed outline (N, X), x and y in pixels (whole numbers are pixel centres), and how sure it is, 0 to 1."""

    points_NX: np.ndarray
    confidence: float


@dataclass(frozen=True)
class _Shape:
    """A convex hull and how much of it the thing it was drawn around fills."""

    hull: np.ndarray
    area: float
    solidity: float


def find_outlines(rgb_HWC: np.ndarray) -> list[Outline]:
    """Outlines in a picture of at most a few hundred pixels, best first, not overlapping."""
    scene = _scene(rgb_HWC)
    shapes = _distinct([*_standing_out(scene), *_enclosed(scene)])
    shapes = _distinct([*shapes, *_pairs(shapes)])[:_NUM_JUDGED]
    judged = snap_and_judge(scene, [s.hull for s in shapes], np.array([s.solidity for s in shapes]))
    best = sorted(judged, key=lambda j: -j.score)[:_NUM_AGAIN]
    if best and best[0].score < _CLEAR_SCORE:
        judged += snap_and_judge(scene, [j.points_NX for j in best], np.array([j.solidity for j in best]))
    return _chosen(judged, rgb_HWC.shape[:2])


def refine_outline(rgb_HWC: np.ndarray, coarse: Outline) -> Outline:
    """The outline snapped once more in a picture that shows it larger; as it was where nothing fits better."""
    scene = _scene(rgb_HWC)
    (fine,) = snap_and_judge(scene, [coarse.points_NX + _PAD_PX], np.ones(1))
    if fine.score < _MIN_REFINED * coarse.confidence:
        return coarse
    return Outline(fine.points_NX - _PAD_PX, coarse.confidence)


def _scene(rgb_HWC: np.ndarray) -> Scene:
    """The picture in Lab, set into a frame of its own background so that a pill may touch the edge."""
    lab_HWC = cv2.cvtColor(cv2.medianBlur(rgb_HWC, 3), cv2.COLOR_RGB2LAB).astype(np.float32)
    lab_HWC = lab_HWC * np.array([100 / 255, 1, 1], np.float32) - np.array([0, 128, 128], np.float32)
    plane_KC, noise = _background(lab_HWC)
    height, width = lab_HWC.shape[:2]
    background_HWC = _plane(plane_KC, _across(height, pad=_PAD_PX), _across(width, pad=_PAD_PX))
    framed_HWC = background_HWC.copy()
    framed_HWC[_PAD_PX:-_PAD_PX, _PAD_PX:-_PAD_PX] = lab_HWC
    return Scene(framed_HWC, background_HWC, noise, _PAD_PX)


def _across(size_px: int, *, pad: int = 0) -> np.ndarray:
    """Positions of the pixels along one side: -1 to 1 across the picture, beyond that in the padding."""
    return (np.arange(-pad, size_px + pad) * (2 / (size_px - 1)) - 1).astype(np.float32)


def _plane(plane_KC: np.ndarray, y_H: np.ndarray, x_W: np.ndarray) -> np.ndarray:
    return (plane_KC[0] + x_W[:, None] * plane_KC[1])[None] + (y_H[:, None] * plane_KC[2])[:, None]


def _background(lab_HWC: np.ndarray) -> tuple[np.ndarray, float]:
    """A tilted plane of colour (K: 1, x, y; C) through the border, and its spread there.

    It starts from the corners, which a pill covers last, and leaves out what does not fit.
    """
    samples_NC, design_NK = _border_samples(lab_HWC)
    corner_N = np.abs(design_NK[:, 1:]).min(axis=1) > 1 - 2 * _CORNER_SHARE
    middle_C = np.median(samples_NC[corner_N], axis=0)
    weight_N = np.exp(-((np.linalg.norm(samples_NC - middle_C, axis=1) / 12) ** 2)) * (0.2 + corner_N)
    for _ in range(4):
        weighted_NK = design_NK * weight_N[:, None]
        plane_KC = np.linalg.solve(weighted_NK.T @ design_NK + 1e-2 * np.eye(3), weighted_NK.T @ samples_NC)
        residual_N = np.linalg.norm(samples_NC - design_NK @ plane_KC, axis=1)
        noise = float(np.median(residual_N[corner_N]))
        weight_N = (0.2 + corner_N) / (1 + (residual_N / (2.5 * noise + 1.0)) ** 4)
    return plane_KC.astype(np.float32), noise


def _border_samples(lab_HWC: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Colours (N, C) of every second pixel of the border's rings, and the terms (N, K: 1, x, y) there."""
    height, width = lab_HWC.shape[:2]
    thick = max(2, round(_BORDER_SHARE * max(height, width)))
    y_H, x_W = np.arange(0, height, 2), np.arange(0, width, 2)
    rings = range(0, thick, 2)
    rows = [(np.full_like(x_W, row), x_W) for ring in rings for row in (ring, height - 1 - ring)]
    columns = [(y_H, np.full_like(y_H, column)) for ring in rings for column in (ring, width - 1 - ring)]
    y_N, x_N = (np.concatenate(part) for part in zip(*rows, *columns, strict=True))
    terms = [np.ones(len(x_N)), 2 * x_N / (width - 1) - 1, 2 * y_N / (height - 1) - 1]
    return lab_HWC[y_N, x_N], np.stack(terms, axis=1)


def _standing_out(scene: Scene) -> list[_Shape]:
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
    floor, shapes = max(1.0, scene.noise / 2), []
    for map_HW in maps:
        for level in _LEVELS:
            above_HW = cv2.morphologyEx((map_HW > level * floor).astype(np.uint8), cv2.MORPH_OPEN, _disc(5))
            shapes += [s for s in _shapes(above_HW) if s.solidity >= _MIN_SOLIDITY]
    return shapes


def _enclosed(scene: Scene) -> list[_Shape]:
    """What steps in colour enclose, whatever lies inside: two-tone, transparent, or as bright as the background."""
    dx_HWC, dy_HWC = (cv2.Scharr(scene.lab_HWC, cv2.CV_32F, *order) / 16 for order in ((1, 0), (0, 1)))
    step_HW = np.sqrt((dx_HWC**2 + dy_HWC**2).sum(axis=2))
    floor, shapes = max(1.0, scene.noise), []
    for level in _STEP_LEVELS:
        above_HW = cv2.morphologyEx((step_HW > level * floor).astype(np.uint8), cv2.MORPH_CLOSE, _disc(5))
        shapes += [_Shape(s.hull, s.area, 1.0) for s in _shapes(above_HW)]
    return shapes


def _disc(size_px: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size_px, size_px))


def _shapes(above_HW: np.ndarray) -> list[_Shape]:
    contours, _ = cv2.findContours(above_HW, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hulls = [(cv2.convexHull(contour), cv2.contourArea(contour)) for contour in contours if len(contour) > 8]
    sized = [(hull, cv2.contourArea(hull), area) for hull, area in hulls]
    wanted = [s for s in sized if _MIN_AREA * above_HW.size < s[1] < _MAX_AREA * above_HW.size]
    return [_Shape(hull, hull_area, area / hull_area) for hull, hull_area, area in wanted]


def _pairs(shapes: list[_Shape]) -> list[_Shape]:
    """Two neighbours under one hull: the halves of a capsule of two colours."""
    largest = sorted(shapes, key=lambda s: -s.area * s.solidity)[:_NUM_PAIRED]
    pairs = []
    for one, other in combinations(largest, 2):
        hull = cv2.convexHull(np.concatenate([one.hull, other.hull]))
        area = cv2.contourArea(hull)
        if area > 1.15 * max(one.area, other.area):
            pairs.append(_Shape(hull, area, min(1.0, (one.area + other.area) / area)))
    return [pair for pair in pairs if pair.solidity >= _MIN_SOLIDITY]


def _distinct(shapes: list[_Shape]) -> list[_Shape]:
    """Leave out shapes whose bounding boxes agree with one kept, the fuller first."""
    kept, boxes = [], []
    for shape in sorted(shapes, key=lambda s: -s.solidity):
        x, y, width, height = cv2.boundingRect(shape.hull)
        box = np.array([x, y, x + width, y + height])
        if not boxes or np.abs(np.array(boxes) - box).max(axis=1).min() > _SAME_PX:
            kept.append(shape)
            boxes.append(box)
    return kept


def _chosen(judged: list[Judged], shape: tuple[int, int]) -> list[Outline]:
    ranked = sorted((j for j in judged if j.score >= _MIN_SCORE), key=lambda j: -j.score)
    ranked = [*_wholes_of(ranked, shape), *ranked]
    taken_HW, chosen = np.zeros(shape, bool), []
    for one in ranked:
        if one.area_share < _MIN_SHARE_OF_BEST * ranked[0].area_share:
            continue
        if one.score < _MIN_SCORE_OF_BEST * ranked[0].score:
            break
        points_NX = one.points_NX - _PAD_PX
        mask_HW = filled(points_NX, shape)
        if mask_HW.any() and not (mask_HW & taken_HW).any():
            taken_HW |= mask_HW
            chosen.append(Outline(points_NX, float(np.clip(one.score, 0, 1))))
    return chosen


def _wholes_of(ranked: list[Judged], shape: tuple[int, int]) -> list[Judged]:
    """The outline that holds the best one as one half of it, where it is nearly as good: a two-tone capsule."""
    if not ranked:
        return []
    low, high = (ratio * ranked[0].area_share for ratio in _WHOLE_OF_HALF)
    larger = [j for j in ranked if low < j.area_share < high and j.score >= _MIN_SCORE_OF_WHOLE * ranked[0].score]
    half_HW = filled(ranked[0].points_NX - _PAD_PX, shape)
    return [j for j in larger if (filled(j.points_NX - _PAD_PX, shape) & half_HW).sum() > 0.9 * half_HW.sum()][:1]


def filled(points_NX: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The pixels whose centre lies within the outline (filling itself adds half a pixel all around)."""
    mask_HW = np.zeros(shape, np.uint8)
    centre_X = points_NX.mean(axis=0)
    inward_NX = points_NX - centre_X
    inward_NX *= 1 - 0.5 / np.maximum(np.linalg.norm(inward_NX, axis=1, keepdims=True), 1)
    cv2.fillPoly(mask_HW, [np.rint((inward_NX + centre_X) * 16).astype(np.int32)], 1, shift=4)
    return mask_HW > 0
