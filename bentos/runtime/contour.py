"""Closed outlines as points: snapped to the steps in colour around them, and judged by what lies on either side.

M outlines, N points of each, K positions along the normal, X: x and y in pixels, C: L, a, b of CIE Lab.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from bentos.runtime.scene import PAD_PX, Scene

NUM_POINTS = 64
_REACH_PX = 7
_BEYOND_PX = 4
_BEND_COST = 0.12
_SHADOW_DARKEST = 0.25
_TRUST_ON_EDGE = 0.6
_MAX_ELONGATION = 4.5


@dataclass(frozen=True)
class Judged:
    """A snapped outline (N, X) and how well it fits a pill, 0 to 1, with the share of its area in the picture.

    `solidity` is that of what the outline was drawn around.
    """

    points_NX: np.ndarray
    score: float
    area_share: float
    solidity: float


def snap_and_judge(scene: Scene, hulls: list[np.ndarray], solidity_M: np.ndarray) -> list[Judged]:
    """Move each outline to the colour steps nearby and judge it."""
    if not hulls:
        return []
    points_MNX = np.stack([_resampled(hull) for hull in hulls])
    normal_MNX = _outward(points_MNX)
    profile_MNKC = _profiles(scene.lab_HWC, points_MNX, normal_MNX)
    step_MNK = _length(profile_MNKC[:, :, 2:] - profile_MNKC[:, :, :-2])
    usable = slice(_BEYOND_PX - 1, step_MNK.shape[2] - _BEYOND_PX + 1)
    offset_K = np.arange(-_REACH_PX, _REACH_PX + 1)[:, None]
    trust_MNK = _trust(scene, points_MNX[:, :, None] + offset_K * normal_MNX[:, :, None])
    path_MN = _best_paths(trust_MNK * _saturated(step_MNK[:, :, usable], scene.noise))
    path_MN = _smoothed(path_MN)
    snapped_MNX = points_MNX + (path_MN - _REACH_PX)[..., None] * normal_MNX
    at_MN = np.rint(path_MN).astype(int) + _BEYOND_PX
    score_M = _scores(scene, profile_MNKC, at_MN, snapped_MNX)
    return [
        _judged(scene, snapped_NX, float(score), solidity=float(solidity))
        for snapped_NX, score, solidity in zip(snapped_MNX, score_M, solidity_M, strict=True)
    ]


def _resampled(hull: np.ndarray) -> np.ndarray:
    """Points at even distances along a closed outline, (N, X), all outlines in the same sense."""
    corners_NX = hull.reshape(-1, 2).astype(np.float64)
    closed_NX = np.vstack([corners_NX, corners_NX[:1]])
    distance_N = np.concatenate([[0], np.cumsum(_length(np.diff(closed_NX, axis=0)))])
    at_N = np.linspace(0, distance_N[-1], NUM_POINTS, endpoint=False)
    return np.stack([np.interp(at_N, distance_N, closed_NX[:, i]) for i in (0, 1)], axis=1)


def _length(vectors_X: np.ndarray) -> np.ndarray:
    """Euclidean length over the last axis of two or three: some times as fast as `np.linalg.norm` over so few."""
    total = vectors_X[..., 0] ** 2
    for i in range(1, vectors_X.shape[-1]):
        total += vectors_X[..., i] ** 2
    return np.sqrt(total)


def _outward(points_MNX: np.ndarray) -> np.ndarray:
    tangent_MNX = np.roll(points_MNX, -2, axis=1) - np.roll(points_MNX, 2, axis=1)
    normal_MNX = np.stack([tangent_MNX[..., 1], -tangent_MNX[..., 0]], axis=2)
    normal_MNX /= _length(normal_MNX)[..., None] + 1e-9
    from_centre_MNX = points_MNX - points_MNX.mean(axis=1, keepdims=True)
    facing_M = np.sign((from_centre_MNX * normal_MNX).sum(axis=(1, 2)))
    return normal_MNX * facing_M[:, None, None]


def _profiles(lab_HWC: np.ndarray, points_MNX: np.ndarray, normal_MNX: np.ndarray) -> np.ndarray:
    reach = _REACH_PX + _BEYOND_PX
    offset_K = np.arange(-reach, reach + 1)
    at_MNKX = points_MNX[:, :, None] + offset_K[:, None] * normal_MNX[:, :, None]
    num, points, positions, _ = at_MNKX.shape
    flat = at_MNKX.astype(np.float32).reshape(num * points, positions, 2)
    found = cv2.remap(lab_HWC, flat[..., 0], flat[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return found.reshape(num, points, positions, 3)


def _saturated(step: np.ndarray, noise: float) -> np.ndarray:
    return step / (step + 5 + 2 * noise)


def _trust(scene: Scene, at_X: np.ndarray) -> np.ndarray:
    """1 within the picture, less on its very edge, where the step is one to the made-up frame."""
    height, width = scene.lab_HWC.shape[:2]
    farthest = np.array([width, height]) - 1 - PAD_PX - 1
    x, y = at_X[..., 0], at_X[..., 1]
    inside = (x > PAD_PX + 1) & (y > PAD_PX + 1) & (x < farthest[0]) & (y < farthest[1])
    return np.where(inside, 1.0, _TRUST_ON_EDGE)


def _best_paths(gain_MNK: np.ndarray) -> np.ndarray:
    """The closed path of positions (M, N) with the most gain that bends by at most one position a point.

    Dynamic programming one and a quarter times around; the middle lap is free of where it started.
    """
    points = gain_MNK.shape[1]
    lead = points // 8
    laps = np.arange(-lead, points + lead) % points
    total_TMK = np.ascontiguousarray(gain_MNK.transpose(1, 0, 2), dtype=np.float32)[laps]
    for total_MK, before_MK in zip(total_TMK[1:], total_TMK[:-1], strict=True):
        bent_MK, best_MK = before_MK - _BEND_COST, before_MK.copy()
        np.maximum(best_MK[:, 1:], bent_MK[:, :-1], out=best_MK[:, 1:])
        np.maximum(best_MK[:, :-1], bent_MK[:, 1:], out=best_MK[:, :-1])
        total_MK += best_MK
    return _traced_back(total_TMK)[lead : lead + points].T


def _traced_back(total_TMK: np.ndarray) -> np.ndarray:
    """The positions (T, M) that led to the largest total at the end; straight on where bending gains nothing."""
    num_laps, num, _ = total_TMK.shape
    straight_TMK, bent_TMK = total_TMK[:-1], total_TMK[:-1] - _BEND_COST
    came_from = np.zeros(straight_TMK.shape, np.int8)
    came_from[:, :, 1:][bent_TMK[:, :, :-1] > straight_TMK[:, :, 1:]] = -1
    best_TMK = straight_TMK.copy()
    np.maximum(best_TMK[:, :, 1:], bent_TMK[:, :, :-1], out=best_TMK[:, :, 1:])
    came_from[:, :, :-1][bent_TMK[:, :, 1:] > best_TMK[:, :, :-1]] = 1
    rows, path_TM = np.arange(num), np.empty((num_laps, num))
    path_TM[-1] = here_M = total_TMK[-1].argmax(axis=1)
    for t in range(num_laps - 2, -1, -1):
        here_M = here_M + came_from[t, rows, here_M]
        path_TM[t] = here_M
    return path_TM


def _smoothed(path_MN: np.ndarray) -> np.ndarray:
    around = np.stack([np.roll(path_MN, shift, axis=1) for shift in (-2, -1, 0, 1, 2)])
    middle_MN = np.median(around, axis=0)
    return (np.roll(middle_MN, 1, axis=1) + 2 * middle_MN + np.roll(middle_MN, -1, axis=1)) / 4


def _scores(scene: Scene, profile_MNKC: np.ndarray, at_MN: np.ndarray, points_MNX: np.ndarray) -> np.ndarray:
    """Mean over the points of: a sharp step here, something else than background inside, background outside."""
    near_MN = _difference(profile_MNKC, at_MN, 1)
    far_MN = _difference(profile_MNKC, at_MN, _BEYOND_PX)
    inside_MNC, outside_MNC = _taken(profile_MNKC, at_MN - _BEYOND_PX), _taken(profile_MNKC, at_MN + _BEYOND_PX)
    background_MNC = _behind(scene.background_HWC, points_MNX)
    step_MN = np.minimum(near_MN / (4 + 1.5 * scene.noise), 1)
    sharp_MN = np.clip(near_MN / (0.45 * far_MN + 1e-6), 0, 1)
    within_MN = _unlike(inside_MNC, background_MNC, scene.noise)
    without_MN = 1 - _unlike(outside_MNC, background_MNC, scene.noise)
    trust_MN = _trust(scene, points_MNX)
    return (trust_MN * step_MN * sharp_MN * (0.3 + 0.45 * within_MN + 0.25 * without_MN)).mean(axis=1)


def _difference(profile_MNKC: np.ndarray, at_MN: np.ndarray, distance_px: int) -> np.ndarray:
    return _length(_taken(profile_MNKC, at_MN + distance_px) - _taken(profile_MNKC, at_MN - distance_px))


def _taken(profile_MNKC: np.ndarray, at_MN: np.ndarray) -> np.ndarray:
    return np.take_along_axis(profile_MNKC, at_MN[..., None, None], axis=2)[:, :, 0]


def _behind(background_HWC: np.ndarray, points_MNX: np.ndarray) -> np.ndarray:
    height, width = background_HWC.shape[:2]
    x_MN = np.clip(np.rint(points_MNX[..., 0]), 0, width - 1).astype(int)
    y_MN = np.clip(np.rint(points_MNX[..., 1]), 0, height - 1).astype(int)
    return background_HWC[y_MN, x_MN]


def _unlike(lab_MNC: np.ndarray, background_MNC: np.ndarray, noise: float) -> np.ndarray:
    """0 for the background's colour, in light or in shadow, to 1 for another colour."""
    share_MN = np.clip(lab_MNC[..., 0] / np.maximum(background_MNC[..., 0], 1), _SHADOW_DARKEST, 1.0)
    offset_MNC = lab_MNC - background_MNC * share_MN[..., None]
    return np.clip(_length(offset_MNC) / (8 + 3 * noise), 0, 1)


def _judged(scene: Scene, points_NX: np.ndarray, score: float, *, solidity: float) -> Judged:
    contour = points_NX.astype(np.float32)
    area = cv2.contourArea(contour)
    share = area / (scene.lab_HWC.shape[0] * scene.lab_HWC.shape[1])
    _, sides, _ = cv2.minAreaRect(contour)
    if max(sides) > _MAX_ELONGATION * min(sides):
        return Judged(points_NX, 0.0, share, solidity)
    convexity = area / max(cv2.contourArea(cv2.convexHull(contour)), 1e-9)
    score *= solidity**2 * convexity**4 * _symmetry(contour) ** 2 * (2.5 * min(share, 1.0)) ** 0.11
    return Judged(points_NX, score, share, solidity)


def _symmetry(contour: np.ndarray) -> float:
    """Overlap of the outline with itself turned by half, or (triangles) by a third."""
    hull = cv2.convexHull(contour)
    moments = cv2.moments(hull)
    area = moments["m00"]
    if area <= 0:
        return 0.0
    arm_NX = hull[:, 0] - np.array([moments["m10"], moments["m01"]]) / area
    return max(_overlap(arm_NX, arm_NX @ _turn(angle), area) for angle in (np.pi, np.pi * 2 / 3))


def _turn(angle: float) -> np.ndarray:
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def _overlap(one_NX: np.ndarray, other_NX: np.ndarray, area: float) -> float:
    shared, _ = cv2.intersectConvexConvex(one_NX.astype(np.float32), other_NX.astype(np.float32))
    return float(shared / max(2 * area - shared, 1e-9))
