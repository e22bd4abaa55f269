"""How a pill lies before the camera: turn, tilt, the wall that a tilt shows, and where its outline then is.

X: x and y in pixels, N: points of the outline, H W: rows and columns, C: red, green, blue.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from training.pretrain.pack import Side

_NUM_POINTS = 64
_RIM_PX = 2
_MAX_TILT_RAD = math.radians(38)
_STROKE_SHARE = 8
_PLAIN_STD = 14.0


@dataclass(frozen=True)
class Pill:
    """A reference side made ready: its colours continue beyond the outline, so that no edge pixel is grey.

    `outline_NX` is in the picture's pixels; `marked` says how the imprint is made (an SPL word or ""). `base_HWC`
    is the face without its strokes; `plain` pills have one colour.
    """

    rgb_HWC: np.ndarray
    base_HWC: np.ndarray
    plain: bool
    alpha_HW: np.ndarray
    outline_NX: np.ndarray
    rim_C: np.ndarray
    marked: str


@dataclass(frozen=True)
class Pose:
    """The pill laid out around the origin: `matrix_33` takes its picture's pixels there.

    `outline_NX` is the face's; `wall_X` the way from it to the lower rim, seen on a tilted pill.
    """

    matrix_33: np.ndarray
    outline_NX: np.ndarray
    wall_X: np.ndarray

    @property
    def hull_NX(self) -> np.ndarray:
        """The outline of face and wall together."""
        both_NX = np.concatenate([self.outline_NX, self.outline_NX + self.wall_X])
        return cv2.convexHull(both_NX.astype(np.float32)).reshape(-1, 2) if self.wall_X.any() else self.outline_NX


@dataclass(frozen=True)
class Frame:
    """The box of a pill as the runtime measures it: centre, direction of the long axis, length and width."""

    centre_X: np.ndarray
    angle_rad: float
    length_px: float
    width_px: float


def prepare(side: Side, *, marked: str = "") -> Pill:
    """Make a reference side ready for any number of photographs."""
    mask_HW = side.mask_HW.astype(np.uint8)
    inner_HW = cv2.erode(np.pad(mask_HW, 1), np.ones((3, 3), np.uint8), iterations=_RIM_PX)[1:-1, 1:-1]
    source_HW = inner_HW if inner_HW.any() else mask_HW
    rgb_HWC = _continued(side.rgb_HWC, source_HW)
    base_HWC = cv2.medianBlur(rgb_HWC, 2 * (min(rgb_HWC.shape[:2]) // _STROKE_SHARE) + 1)
    return Pill(
        rgb_HWC=rgb_HWC,
        base_HWC=base_HWC,
        plain=bool(base_HWC[source_HW > 0].std(axis=0).max() < _PLAIN_STD),
        alpha_HW=mask_HW * 255,
        outline_NX=_outline(mask_HW),
        rim_C=side.rgb_HWC[(mask_HW > 0) & ~(inner_HW > 0)].mean(axis=0).astype(np.float32),
        marked=marked,
    )


def _continued(rgb_HWC: np.ndarray, source_HW: np.ndarray) -> np.ndarray:
    """Pixels outside `source_HW` take the colour of the nearest one inside."""
    _, label_HW = cv2.distanceTransformWithLabels(1 - source_HW, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    color_LC = np.zeros((label_HW.max() + 1, 3), np.uint8)
    color_LC[label_HW[source_HW > 0]] = rgb_HWC[source_HW > 0]
    return np.where(source_HW[..., None] > 0, rgb_HWC, color_LC[label_HW])


def _outline(mask_HW: np.ndarray) -> np.ndarray:
    contours, _ = cv2.findContours(mask_HW, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    points_NX = max(contours, key=len).reshape(-1, 2)
    return points_NX[np.linspace(0, len(points_NX), _NUM_POINTS, endpoint=False).astype(int)].astype(np.float32)


def lay_down(pill: Pill, rng: np.random.Generator, *, turn_rad: float, strength: float) -> Pose:
    """Turn the pill by `turn_rad`, tilt it by up to 38 degrees times `strength` and let its wall show."""
    centre_X = (pill.outline_NX.max(axis=0) + pill.outline_NX.min(axis=0)) / 2
    tilt = _MAX_TILT_RAD * strength * rng.random() ** 2.5
    away = rng.uniform(0, 2 * math.pi)
    turn_22 = _turn(turn_rad)
    flat_22 = _turn(-away) @ np.diag([math.cos(tilt), 1.0]) @ _turn(away)
    stretch_22 = np.diag([math.exp(strength * rng.normal(0, 0.02)), 1.0])
    matrix_33 = np.eye(3)
    matrix_33[:2, :2] = flat_22 @ turn_22 @ stretch_22
    size = float(np.ptp(pill.outline_NX, axis=0).max())
    depth = math.sin(tilt) * rng.uniform(0.1, 0.5) / size
    matrix_33[2, :2] = depth * np.array([math.cos(away), -math.sin(away)]) @ turn_22
    matrix_33 = matrix_33 @ np.array([[1, 0, -centre_X[0]], [0, 1, -centre_X[1]], [0, 0, 1]])
    thickness = rng.uniform(0.1, 0.35) * float(np.ptp(pill.outline_NX, axis=0).min())
    wall_X = thickness * math.sin(tilt) * np.array([math.cos(away), -math.sin(away)])
    wall_X = wall_X if np.hypot(*wall_X) > 0.02 * size else np.zeros(2)
    return Pose(matrix_33, project(matrix_33, pill.outline_NX), wall_X)


def project(matrix_33: np.ndarray, points_NX: np.ndarray) -> np.ndarray:
    """The points moved by a homography."""
    moved_N3 = points_NX @ matrix_33[:, :2].T + matrix_33[:, 2]
    return moved_N3[:, :2] / moved_N3[:, 2:]


def measured(outline_NX: np.ndarray) -> Frame:
    """The box around an outline, by the rule of `bentos.runtime.locate`."""
    centre_xy, (first, second), turn = cv2.minAreaRect(outline_NX.astype(np.float32))
    angle = turn if first >= second else turn + 90
    level = math.radians(90 - (90 - angle) % 180)
    return Frame(np.array(centre_xy), level, max(first, second) + 1, min(first, second) + 1)


def found_outline(hull_NX: np.ndarray, rng: np.random.Generator, *, strength: float) -> np.ndarray:
    """The outline as a locator might draw it: a little too large or small, wavy, pulled out by a shadow, cut off."""
    centre_X = hull_NX.mean(axis=0)
    away_NX = hull_NX - centre_X
    direction_N = np.arctan2(away_NX[:, 1], away_NX[:, 0])
    growth_N = np.full(len(hull_NX), rng.normal(0.0, 0.015 * strength))
    for waves in (1, 2, 3):
        growth_N += rng.normal(0, 0.012 * strength) * np.cos(waves * direction_N + rng.uniform(0, 2 * math.pi))
    if rng.random() < 0.12 * strength:
        lobe_N = np.cos(direction_N - rng.uniform(0, 2 * math.pi))
        growth_N += rng.uniform(0.04, 0.16) * np.clip(lobe_N, 0, 1) ** 2
    if rng.random() < 0.07 * strength:
        lobe_N = np.cos(direction_N - rng.uniform(0, 2 * math.pi))
        growth_N -= rng.uniform(0.05, 0.15) * np.clip(lobe_N, 0, 1) ** 3
    return (centre_X + away_NX * (1 + growth_N)[:, None]).astype(np.float32)


def cut_off(outline_NX: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The outline of a pill of which up to a seventh lies beyond the picture's edge."""
    angle = rng.uniform(0, 2 * math.pi)
    normal_X = np.array([math.cos(angle), math.sin(angle)])
    height_N = outline_NX @ normal_X
    limit = height_N.max() - rng.uniform(0.02, 0.14) * np.ptp(height_N)
    return outline_NX - np.maximum(height_N - limit, 0)[:, None] * normal_X


def _turn(angle_rad: float) -> np.ndarray:
    c, s = math.cos(angle_rad), math.sin(angle_rad)
    return np.array([[c, -s], [s, c]])
