"""Outlines of pills in a small picture: many candidates, the best kept.

A pill is what stands out from the picture's border, is nearly convex and symmetric, and has a sharp step in
colour all around; a shadow is soft on its far side. H W: rows and columns, C: channels, N: points, X: x and y.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from bentos.runtime.candidates import Shape, clear_shapes, faint_shapes
from bentos.runtime.contour import Judged, snap_and_judge
from bentos.runtime.scene import PAD_PX, Scene, scene_of

_NUM_AGAIN = 4
_MIN_REFINED = 0.85
_CLEAR_SCORE, _FAINT_SCORE = 0.75, 0.6
_MIN_SCORE = 0.36
_WHOLE_OF_HALF, _MIN_SCORE_OF_WHOLE = (1.6, 2.8), 0.75
_MIN_SHARE_OF_BEST, _MIN_SCORE_OF_BEST = 0.15, 0.6


@dataclass(frozen=True)
class Outline:
    """A closed outline (N, X), x and y in pixels (whole numbers are pixel centres), and how sure it is, 0 to 1."""

    points_NX: np.ndarray
    confidence: float


def find_outlines(rgb_HWC: np.ndarray) -> list[Outline]:
    """Outlines in a picture of at most a few hundred pixels, best first, not overlapping."""
    scene = scene_of(rgb_HWC)
    judged = _judged(scene, clear_shapes(scene))
    if _best_score(judged) < _FAINT_SCORE:
        judged += _judged(scene, faint_shapes(scene))
    return _chosen(judged, rgb_HWC.shape[:2])


def _judged(scene: Scene, shapes: Sequence[Shape]) -> list[Judged]:
    """Snap and judge each shape; where none is clear, snap the best ones again from where they came to lie."""
    judged = snap_and_judge(scene, [s.hull for s in shapes], np.array([s.solidity for s in shapes]))
    if _best_score(judged) >= _CLEAR_SCORE:
        return judged
    best = sorted(judged, key=lambda j: -j.score)[:_NUM_AGAIN]
    return [*judged, *snap_and_judge(scene, [j.points_NX for j in best], np.array([j.solidity for j in best]))]


def _best_score(judged: Sequence[Judged]) -> float:
    return max((j.score for j in judged), default=0.0)


def refine_outline(rgb_HWC: np.ndarray, coarse: Outline) -> Outline:
    """The outline snapped once more in a picture that shows it larger; as it was where nothing fits better."""
    scene = scene_of(rgb_HWC)
    (fine,) = snap_and_judge(scene, [coarse.points_NX + PAD_PX], np.ones(1))
    if fine.score < _MIN_REFINED * coarse.confidence:
        return coarse
    return Outline(fine.points_NX - PAD_PX, coarse.confidence)


def _chosen(judged: list[Judged], shape: tuple[int, int]) -> list[Outline]:
    ranked = sorted((j for j in judged if j.score >= _MIN_SCORE), key=lambda j: -j.score)
    ranked = [*_wholes_of(ranked, shape), *ranked]
    taken_HW, chosen = np.zeros(shape, bool), []
    for one in ranked:
        if one.area_share < _MIN_SHARE_OF_BEST * ranked[0].area_share:
            continue
        if one.score < _MIN_SCORE_OF_BEST * ranked[0].score:
            break
        points_NX = one.points_NX - PAD_PX
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
    half_HW = filled(ranked[0].points_NX - PAD_PX, shape)
    return [j for j in larger if (filled(j.points_NX - PAD_PX, shape) & half_HW).sum() > 0.9 * half_HW.sum()][:1]


def filled(points_NX: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The pixels whose centre lies within the outline (filling itself adds half a pixel all around)."""
    mask_HW = np.zeros(shape, np.uint8)
    centre_X = points_NX.mean(axis=0)
    inward_NX = points_NX - centre_X
    inward_NX *= 1 - 0.5 / np.maximum(np.linalg.norm(inward_NX, axis=1, keepdims=True), 1)
    cv2.fillPoly(mask_HW, [np.rint((inward_NX + centre_X) * 16).astype(np.int32)], 1, shift=4)
    return mask_HW > 0
