"""Outlines of pills in a small picture: many candidates from a model of the background, judged by their edges.

A pill is what stands out from the picture's border, is convex and symmetric, and has a step in colour all
around; a shadow is soft on its far side. H W: rows and columns in pixels, C: L, a, b of CIE Lab, N: points.
"""

from dataclasses import dataclass

import cv2
import numpy as np

_BORDER_SHARE = 0.03
_LEVELS = (3.0, 4.5, 6.5, 9.0, 13.0, 19.0, 28.0, 42.0)
_MIN_AREA, _MAX_AREA = 0.006, 0.97
_MIN_SOLIDITY = 0.86
_STEP_PX = 2.5
_MIN_SCORE = 0.28
_MIN_SHARE_OF_BEST = 0.3


@dataclass(frozen=True)
class Outline:
    """A filled outline (H, W) bool and how sure it is one of a pill, 0 to 1."""

    mask_HW: np.ndarray
    confidence: float


@dataclass(frozen=True)
class _Candidate:
    contour: np.ndarray
    area: float
    score: float


def find_outlines(rgb_HWC: np.ndarray) -> list[Outline]:
    """Outlines in a picture of at most a few hundred pixels, best first, not overlapping."""
    lab_HWC = cv2.cvtColor(rgb_HWC.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    smooth_HWC = cv2.medianBlur(lab_HWC, 3)
    offset_HWC = smooth_HWC - _background(smooth_HWC)
    noise = _border_noise(offset_HWC)
    candidates = [
        _judged(contour, smooth_HWC, noise=noise)
        for map_HW in _maps(offset_HWC)
        for contour in _contours(map_HW, noise=noise)
    ]
    return [_outline(c, rgb_HWC.shape[:2]) for c in _chosen(candidates, rgb_HWC.shape[:2])]


def _background(lab_HWC: np.ndarray) -> np.ndarray:
    """A tilted plane of colour through the picture's border, robust against a pill that touches it."""
    height, width = lab_HWC.shape[:2]
    edge_HW = _edge(height, width)
    y_HW, x_HW = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    design_HWK = np.stack([np.ones_like(x_HW), x_HW, y_HW], axis=2)
    samples_NC, design_NK = lab_HWC[edge_HW], design_HWK[edge_HW]
    weight_N = np.exp(-((np.linalg.norm(samples_NC - np.median(samples_NC, axis=0), axis=1) / 15) ** 2))
    for _ in range(4):
        weighted_NK = design_NK * weight_N[:, None]
        plane_KC = np.linalg.solve(weighted_NK.T @ design_NK + 1e-3 * np.eye(3), weighted_NK.T @ samples_NC)
        residual_N = np.linalg.norm(samples_NC - design_NK @ plane_KC, axis=1)
        spread = 2.5 * np.median(residual_N) + 1.0
        weight_N = 1 / (1 + (residual_N / spread) ** 4)
    return (design_HWK @ plane_KC).astype(np.float32)


def _edge(height: int, width: int) -> np.ndarray:
    thick = max(2, round(_BORDER_SHARE * max(height, width)))
    edge_HW = np.ones((height, width), bool)
    edge_HW[thick:-thick, thick:-thick] = False
    return edge_HW


def _border_noise(offset_HWC: np.ndarray) -> float:
    return float(np.median(np.linalg.norm(offset_HWC[_edge(*offset_HWC.shape[:2])], axis=1)))


def _maps(offset_HWC: np.ndarray) -> list[np.ndarray]:
    """Ways to stand out: in any respect; in hue and chroma; brighter or in hue (which leaves shadows behind)."""
    chroma_HW = np.hypot(offset_HWC[..., 1], offset_HWC[..., 2])
    lighter_HW = np.maximum(offset_HWC[..., 0], 0)
    return [
        np.hypot(chroma_HW, offset_HWC[..., 0]),
        chroma_HW,
        np.hypot(1.5 * chroma_HW, lighter_HW),
        np.hypot(1.5 * chroma_HW, np.maximum(-offset_HWC[..., 0] - 20, 0)),
    ]


def _contours(map_HW: np.ndarray, *, noise: float) -> list[np.ndarray]:
    floor = max(1.0, noise / 2)
    found, size = [], map_HW.size
    for level in _LEVELS:
        above_HW = (map_HW > level * floor).astype(np.uint8)
        above_HW = cv2.morphologyEx(above_HW, cv2.MORPH_OPEN, _disc(5))
        contours, _ = cv2.findContours(above_HW, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        areas = [cv2.contourArea(contour) for contour in contours]
        found += [c for c, area in zip(contours, areas, strict=True) if _MIN_AREA * size < area < _MAX_AREA * size]
    return found


def _disc(size_px: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size_px, size_px))


def _judged(contour: np.ndarray, lab_HWC: np.ndarray, *, noise: float) -> _Candidate:
    area = cv2.contourArea(contour)
    hull = cv2.convexHull(contour)
    solidity = area / max(cv2.contourArea(hull), 1)
    if solidity < _MIN_SOLIDITY:
        return _Candidate(hull, area, 0.0)
    points_NX, outward_NX = _along(hull)
    steps_N = np.linalg.norm(
        _sampled(lab_HWC, points_NX + _STEP_PX * outward_NX) - _sampled(lab_HWC, points_NX - _STEP_PX * outward_NX),
        axis=1,
    )
    support = float(np.minimum(steps_N / (6 + 2 * noise), 1).mean())
    size = area / (lab_HWC.shape[0] * lab_HWC.shape[1])
    score = support * solidity**2 * _symmetry(hull) * size**0.08
    return _Candidate(hull, area, score)


def _along(hull: np.ndarray, num: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Points at even distances along a closed outline and the outward normals there."""
    corners_NX = hull[:, 0].astype(np.float64)
    closed_NX = np.vstack([corners_NX, corners_NX[:1]])
    distance_N = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(closed_NX, axis=0), axis=1))])
    at_N = np.linspace(0, distance_N[-1], num, endpoint=False)
    points_NX = np.stack([np.interp(at_N, distance_N, closed_NX[:, i]) for i in (0, 1)], axis=1)
    tangent_NX = np.roll(points_NX, -1, axis=0) - np.roll(points_NX, 1, axis=0)
    normal_NX = np.stack([tangent_NX[:, 1], -tangent_NX[:, 0]], axis=1)
    normal_NX /= np.linalg.norm(normal_NX, axis=1, keepdims=True) + 1e-9
    facing = np.sign(((points_NX - points_NX.mean(axis=0)) * normal_NX).sum())
    return points_NX, normal_NX * facing


def _sampled(lab_HWC: np.ndarray, points_NX: np.ndarray) -> np.ndarray:
    height, width = lab_HWC.shape[:2]
    x_N = np.clip(np.rint(points_NX[:, 0]), 0, width - 1).astype(int)
    y_N = np.clip(np.rint(points_NX[:, 1]), 0, height - 1).astype(int)
    return lab_HWC[y_N, x_N]


def _symmetry(hull: np.ndarray) -> float:
    """Overlap of the outline with itself turned by 180 degrees."""
    points_NX = hull[:, 0].astype(np.float64)
    moments = cv2.moments(hull)
    centre = np.array([moments["m10"], moments["m01"]]) / max(moments["m00"], 1e-9)
    turned_NX = 2 * centre - points_NX
    shared, _ = cv2.intersectConvexConvex(points_NX.astype(np.float32), turned_NX.astype(np.float32))
    area = max(moments["m00"], 1e-9)
    return float(shared / (2 * area - shared)) if shared > 0 else 0.0


def _chosen(candidates: list[_Candidate], shape: tuple[int, int]) -> list[_Candidate]:
    ranked = sorted((c for c in candidates if c.score >= _MIN_SCORE), key=lambda c: -c.score)
    taken_HW, chosen = np.zeros(shape, np.uint8), []
    for candidate in ranked:
        mask_HW = cv2.fillConvexPoly(np.zeros(shape, np.uint8), candidate.contour, 1)
        if (mask_HW & taken_HW).any():
            continue
        if chosen and candidate.area < _MIN_SHARE_OF_BEST * chosen[0].area:
            continue
        taken_HW |= mask_HW
        chosen.append(candidate)
    return chosen


def _outline(candidate: _Candidate, shape: tuple[int, int]) -> Outline:
    mask_HW = cv2.fillConvexPoly(np.zeros(shape, np.uint8), candidate.contour, 1)
    return Outline(mask_HW > 0, float(min(candidate.score, 1.0)))
