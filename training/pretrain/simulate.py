"""The photograph simulator: a reference side as a phone would show it, as a training crop or a whole photograph.

S: side of the square picture, H W: rows and columns, C: red, green, blue, X: x and y in pixels, N: points.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from bentos.runtime.outline import filled
from bentos.runtime.preprocess import ELONGATED_FROM, filled_behind, surface_rgb
from data.rendering.backgrounds import TEXTURE_PX, TEXTURES_PER_FAMILY, background_names, texture
from training.pretrain.lots import another_lot
from training.pretrain.optics import camera, light_map, lot_matrix, relit
from training.pretrain.pack import Side
from training.pretrain.pose import Frame, Pill, Pose, cut_off, found_outline, lay_down, measured, prepare, project

_FEATHER_SIGMA = 0.75
_SHADOW_PX = 64
_CUT_OUT_SHARE, _WHITE_SHARE = 0.15, 0.15
_WHITE = (255.0, 255.0, 255.0)


@dataclass(frozen=True)
class CropSpec:
    """What the runtime's preprocessing does to a located pill: `bentos.runtime.contract.PreprocessSpec` in short."""

    size_px: int
    margin: float = 0.04
    fill_rgb: tuple[int, int, int] = (128, 128, 128)
    fill_with_surface: bool = False


def simulate_crop(
    pill: Pill, rng: np.random.Generator, *, spec: CropSpec, strength: float = 1.0, turn_rad: float = math.pi
) -> np.ndarray:
    """One training crop (S, S, 3) uint8, as `crop_pill` would cut it out of a photograph of the pill.

    `turn_rad` is the widest turn either way; an elongated pill is levelled again, as the runtime does.
    """
    size = spec.size_px
    pose = lay_down(pill, rng, turn_rad=rng.uniform(-turn_rad, turn_rad), strength=strength)
    seen_NX = found_outline(pose.hull_NX, rng, strength=strength)
    if rng.random() < 0.06 * strength:
        seen_NX = cut_off(seen_NX, rng)
    frame = measured(seen_NX)
    level = frame.length_px >= ELONGATED_FROM * frame.width_px
    scale = size / (frame.length_px * (1 + 2 * spec.margin)) * math.exp(strength * rng.normal(0, 0.015))
    angle = (frame.angle_rad if level else 0.0) + strength * rng.normal(0, math.radians(2))
    place_33 = _placement(frame.centre_X, angle, scale=scale, at=((size - 1) / 2, (size - 1) / 2))
    rgb_SSC = _scene(pill, pose, rng, place_33=place_33, size_px=size, strength=strength, frame=frame, far=False)
    rgb_SSC = camera(rgb_SSC, rng, strength=strength, scale=size / 112)
    mask_SS = filled(project(place_33, seen_NX), (size, size)).astype(np.uint8) * 255
    weight_SS = cv2.GaussianBlur(mask_SS, (0, 0), _FEATHER_SIGMA).astype(np.float32) / 255
    return filled_behind(rgb_SSC, weight_SS, fill_rgb=_fill_rgb(rgb_SSC, weight_SS, rng, spec=spec))


def _fill_rgb(
    rgb_SSC: np.ndarray, weight_SS: np.ndarray, rng: np.random.Generator, *, spec: CropSpec
) -> tuple[float, float, float]:
    """The surface's colour as the runtime finds it; at times a plain or a white one, as around a cut-out."""
    if not spec.fill_with_surface:
        return spec.fill_rgb
    kind = rng.random()
    if kind < _CUT_OUT_SHARE:
        return spec.fill_rgb
    if kind < _CUT_OUT_SHARE + _WHITE_SHARE:
        return _WHITE
    return surface_rgb(rgb_SSC, weight_SS, unknown=spec.fill_rgb)


def simulate_photo(
    side: Side, rng: np.random.Generator, *, size_px: int = 224, marked: str = "", strength: float = 1.0
) -> np.ndarray:
    """A whole square photograph (H, W, 3) uint8 of one side on some surface, to go through the runtime's `locate`."""
    pill = prepare(side, marked=marked)
    pose = lay_down(pill, rng, turn_rad=_lying(rng), strength=strength)
    frame = measured(pose.hull_NX)
    scale = size_px * rng.uniform(0.5, 0.93) / frame.length_px
    hull_NX = pose.hull_NX - frame.centre_X
    room_X = (size_px - scale * np.ptp(hull_NX, axis=0)) / 2 - 2
    at_X = (size_px - 1) / 2 + rng.uniform(-0.6, 0.6, 2) * np.maximum(room_X, 0)
    place_33 = _placement(frame.centre_X, 0.0, scale=scale, at=tuple(at_X))
    rgb_HWC = _scene(pill, pose, rng, place_33=place_33, size_px=size_px, strength=strength, frame=frame, far=True)
    rgb_HWC = camera(rgb_HWC, rng, strength=strength, scale=scale * frame.length_px / 104)
    low_X, high_X = at_X + scale * hull_NX.min(axis=0), at_X + scale * hull_NX.max(axis=0)
    return _barred(rgb_HWC, rng, low_X, high_X) if rng.random() < 0.35 else rgb_HWC


def _lying(rng: np.random.Generator) -> float:
    """People lay pills straight more often than not."""
    return rng.uniform(-math.pi, math.pi) if rng.random() < 0.5 else rng.normal(0, 0.2) + math.pi / 2 * rng.integers(4)


def _placement(centre_X: np.ndarray, angle_rad: float, *, scale: float, at: tuple[float, float]) -> np.ndarray:
    """The (3, 3) matrix that turns the direction `angle_rad` level and puts `centre_X` at `at`."""
    c, s = scale * math.cos(angle_rad), scale * math.sin(angle_rad)
    linear_22 = np.array([[c, s], [-s, c]])
    matrix_33 = np.eye(3)
    matrix_33[:2, :2] = linear_22
    matrix_33[:2, 2] = np.array(at) - linear_22 @ centre_X
    return matrix_33


def _scene(
    pill: Pill, pose: Pose, rng: np.random.Generator, *, place_33: np.ndarray, size_px: int, strength: float,
    frame: Frame, far: bool,
) -> np.ndarray:  # fmt: skip
    """The pill in its light on a surface, float32 (S, S, 3), before the camera."""
    matrix_33, size = place_33 @ pose.matrix_33, (size_px, size_px)
    face_SSC = cv2.warpPerspective(
        another_lot(pill, rng, strength=strength),
        matrix_33,
        size,
        flags=_sampling(matrix_33),
        borderMode=cv2.BORDER_REPLICATE,
    )
    alpha_SS = cv2.warpPerspective(pill.alpha_HW, matrix_33, size, flags=cv2.INTER_LINEAR).astype(np.float32) / 255
    face_SSC = cv2.transform(face_SSC.astype(np.float32), lot_matrix(rng, strength=strength))
    scale = float(np.hypot(*place_33[:2, 0]))
    window_px = 2 * round(scale * frame.length_px / 20) + 1
    if pill.marked != "PRINTED":
        face_SSC = relit(face_SSC, rng, window_px=window_px, strength=strength)
    shiny = pill.marked == "PRINTED" or rng.random() < 0.2
    gain_SS, shine_SS = light_map(_axes(size_px, frame, place_33), rng, strength=strength, shiny=shiny)
    back_SSC = _background(rng, size_px) * _shade(alpha_SS, rng, size_px=size_px, far=far)
    if pose.wall_X.any():
        back_SSC = _with_wall(back_SSC, pill, pose, rng, place_33=place_33)
    lit_SSC = face_SSC * gain_SS[..., None]
    lit_SSC += (255 - lit_SSC) * shine_SS[..., None]
    return back_SSC + (lit_SSC - back_SSC) * alpha_SS[..., None]


def _sampling(matrix_33: np.ndarray) -> int:
    enlarging = abs(np.linalg.det(matrix_33[:2, :2])) > 1.2
    return cv2.INTER_CUBIC if enlarging else cv2.INTER_LINEAR


def _axes(size_px: int, frame: Frame, place_33: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Grids (S, S) from -1 to 1 along and across the pill as it is placed."""
    x_SS, y_SS = _grid(size_px)
    centre_X = place_33[:2, :2] @ frame.centre_X + place_33[:2, 2]
    long_X = place_33[:2, :2] @ np.array([math.cos(frame.angle_rad), math.sin(frame.angle_rad)])
    scale = float(np.hypot(*long_X))
    dx_SS, dy_SS = (x_SS - np.float32(centre_X[0])), (y_SS - np.float32(centre_X[1]))
    c, s = np.float32(long_X[0] / scale), np.float32(long_X[1] / scale)
    half_length, half_width = (np.float32(scale * length / 2) for length in (frame.length_px, frame.width_px))
    limit = np.float32(1.5)
    along_SS = np.clip((dx_SS * c + dy_SS * s) / half_length, -limit, limit)
    return along_SS, np.clip((dy_SS * c - dx_SS * s) / half_width, -limit, limit)


@lru_cache(maxsize=8)
def _grid(size_px: int) -> tuple[np.ndarray, np.ndarray]:
    y_SS, x_SS = np.indices((size_px, size_px), np.float32)
    return x_SS, y_SS


def _background(rng: np.random.Generator, size_px: int) -> np.ndarray:
    """Part of some surface, (S, S, 3) float32; every third is white, black or grey paper without any texture."""
    if rng.random() < 0.35:
        level = rng.choice([250.0, 20.0, rng.uniform(60, 230)])
        return np.broadcast_to((level + rng.normal(0, 5, 3)).astype(np.float32), (size_px, size_px, 3)).copy()
    names = background_names("train")
    surface = texture(names[rng.integers(len(names))], "train", int(rng.integers(TEXTURES_PER_FAMILY)))
    y, x = rng.integers(0, TEXTURE_PX - size_px + 1, 2)
    return surface[y : y + size_px, x : x + size_px].astype(np.float32) * np.float32(rng.uniform(0.7, 1.1))


def _shade(alpha_SS: np.ndarray, rng: np.random.Generator, *, size_px: int, far: bool) -> np.ndarray:
    """Gain (S, S, 1) of the light beside the pill: a soft shadow to one side and a gradient."""
    small_SS = cv2.resize(alpha_SS, (_SHADOW_PX, _SHADOW_PX), interpolation=cv2.INTER_AREA)
    reach, towards = _SHADOW_PX * rng.uniform(0.0, 0.09), rng.uniform(0, 2 * math.pi)
    matrix = np.array([[1, 0, reach * math.cos(towards)], [0, 1, reach * math.sin(towards)]], np.float32)
    shadow_SS = cv2.warpAffine(small_SS, matrix, (_SHADOW_PX, _SHADOW_PX))
    shadow_SS = cv2.GaussianBlur(shadow_SS, (0, 0), rng.uniform(0.6, 4.0))
    gain_SS = 1 - rng.uniform(0.1, 0.75) * shadow_SS
    if far:
        x_SS, y_SS = _grid(_SHADOW_PX)
        slope = rng.normal(0, 0.15, 2) / _SHADOW_PX
        gain_SS *= 1 + slope[0] * (x_SS - _SHADOW_PX / 2) + slope[1] * (y_SS - _SHADOW_PX / 2)
    return cv2.resize(gain_SS.astype(np.float32), (size_px, size_px), interpolation=cv2.INTER_LINEAR)[..., None]


def _with_wall(
    back_SSC: np.ndarray, pill: Pill, pose: Pose, rng: np.random.Generator, *, place_33: np.ndarray
) -> np.ndarray:
    """The side wall of a tilted pill, in its rim's colour, lighter or darker than the face."""
    hull_NX = project(place_33, pose.hull_NX)
    wall_SS = np.zeros(back_SSC.shape[:2], np.uint8)
    cv2.fillPoly(wall_SS, [np.rint(hull_NX * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    weight_SS1 = wall_SS[..., None].astype(np.float32) / 255
    return back_SSC + (pill.rim_C * np.float32(rng.uniform(0.5, 1.02)) - back_SSC) * weight_SS1


def _barred(rgb_HWC: np.ndarray, rng: np.random.Generator, low_X: np.ndarray, high_X: np.ndarray) -> np.ndarray:
    """Black bars beside a pill that was cropped closely and padded to a square."""
    axis = int(np.argmin(high_X - low_X))
    room = rng.uniform(0.03, 0.3) * (high_X - low_X)[axis]
    first, last = max(0, int(low_X[axis] - room)), int(high_X[axis] + room) + 1
    barred_HWC = rgb_HWC.copy()
    outside = [np.s_[:, :first], np.s_[:, last:]] if axis == 0 else [np.s_[:first], np.s_[last:]]
    for part in outside:
        barred_HWC[part] = 0
    return barred_HWC
