"""The same pill from another lot, or turned about its own axis: what one reference picture cannot show.

A photograph made of the very picture that it is matched with shows the same grain, shading and place of the imprint.
A network that learns from such pairs learns to find a picture again, not a pill. H W: rows and columns,
C: red, green, blue; `strength` 0 to 1 scales everything.
"""

import math

import cv2
import numpy as np

from bentos.runtime.preprocess import ELONGATED_FROM
from training.pretrain.optics import grain
from training.pretrain.pose import Frame, Pill, measured

_GREY_C = np.array([[0.299, 0.587, 0.114]], np.float32)
_LONG_FROM = 1.6


def another_lot(pill: Pill, rng: np.random.Generator, *, strength: float) -> np.ndarray:
    """The face (H, W, C) uint8 with its imprint a little elsewhere, fainter or stronger, and its own shading lessened.

    A long pill may lie turned about its axis, so that the imprint comes nearer to one rim; what turns into sight
    mirrors what turns out of it.
    """
    frame = measured(pill.outline_NX)
    base_HWC = pill.base_HWC.astype(np.float32)
    detail_HWC = pill.rgb_HWC - base_HWC
    if rng.random() < 0.7 * strength:
        long = frame.length_px >= ELONGATED_FROM * frame.width_px
        detail_HWC = _displaced(detail_HWC, rng, centre_X=frame.centre_X, size_px=frame.length_px, strength=strength,
                                most_turn_deg=4.0 if long else 8.0)  # fmt: skip
    face_HWC = base_HWC + detail_HWC * np.float32(math.exp(strength * rng.normal(0, 0.2)))
    if pill.plain and rng.random() < 0.6:
        face_HWC = face_HWC * _evened(pill, share=strength * rng.uniform(0.2, 1.0))
    if rng.random() < 0.3 * strength:
        face_HWC = face_HWC * (1 + strength * rng.uniform(0.01, 0.04) * _mottle(face_HWC.shape[:2], rng))
    face_HWC = np.clip(face_HWC + 0.5, 0, 255).astype(np.uint8)
    if frame.length_px >= _LONG_FROM * frame.width_px and rng.random() < 0.6 * strength:
        return _rolled(face_HWC, frame, angle_rad=strength * rng.normal(0, 0.3))
    return face_HWC


def _displaced(
    detail_HWC: np.ndarray, rng: np.random.Generator, *, centre_X: np.ndarray, size_px: float, strength: float,
    most_turn_deg: float,
) -> np.ndarray:  # fmt: skip
    """The imprint moved, turned and stretched as one piece against the outline."""
    centre = tuple(float(value) for value in centre_X)
    turn = float(np.clip(strength * rng.normal(0, most_turn_deg / 2), -most_turn_deg, most_turn_deg))
    matrix = cv2.getRotationMatrix2D(centre, turn, math.exp(strength * rng.normal(0, 0.03)))
    matrix[:, 2] += strength * rng.normal(0, 0.02, 2) * size_px
    return cv2.warpAffine(detail_HWC, matrix, detail_HWC.shape[1::-1], flags=cv2.INTER_LINEAR)


def _evened(pill: Pill, *, share: float) -> np.ndarray:
    """Gain (H, W, 1) that takes `share` of the slow shading of a pill of one colour away."""
    grey_HW = cv2.transform(pill.base_HWC.astype(np.float32), _GREY_C)
    slow_HW = cv2.GaussianBlur(grey_HW, (0, 0), max(grey_HW.shape) / 12)
    mean = float(slow_HW[pill.alpha_HW > 0].mean())
    gain_HW = np.clip(mean / np.maximum(slow_HW, 1.0), 0.75, 1.35)
    return (1 + np.float32(share) * (gain_HW - 1))[..., None]


def _mottle(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Patches (H, W, 1) of unit variance that no other lot has."""
    coarse = int(rng.integers(4, 24))
    small = tuple(max(2, math.ceil(side / coarse)) for side in shape)
    return cv2.resize(grain(rng, small)[..., 0], shape[::-1], interpolation=cv2.INTER_CUBIC)[..., None]


def _rolled(face_HWC: np.ndarray, frame: Frame, *, angle_rad: float) -> np.ndarray:
    """The face of a cylinder that lies along the frame's long axis, turned by `angle_rad`."""
    c, s = math.cos(frame.angle_rad), math.sin(frame.angle_rad)
    y_HW, x_HW = np.indices(face_HWC.shape[:2], np.float32)
    dx_HW, dy_HW = x_HW - np.float32(frame.centre_X[0]), y_HW - np.float32(frame.centre_X[1])
    across_HW = (dy_HW * np.float32(c) - dx_HW * np.float32(s)) / np.float32(frame.width_px / 2)
    inside_HW = np.clip(across_HW, -1, 1)
    moved_HW = (np.sin(np.arcsin(inside_HW) - np.float32(angle_rad)) - inside_HW) * np.float32(frame.width_px / 2)
    source = x_HW - moved_HW * np.float32(s), y_HW + moved_HW * np.float32(c)
    return cv2.remap(face_HWC, *source, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
