"""Drawn pills for the tests of the picture runtime: outlines and surfaces whose true mask is known."""

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Drawn:
    """A picture (H, W, 3) uint8 and the true mask of its pill(s), (H, W) bool."""

    rgb_HWC: np.ndarray
    mask_HW: np.ndarray


def surface(*, size_px: int = 240, rgb: tuple[int, int, int] = (150, 140, 130), noise: float = 2.0, seed: int = 1):
    """A plain surface lit from one side."""
    slope_W = np.linspace(0.92, 1.08, size_px)[None, :, None]
    rgb_HWC = np.ones((size_px, size_px, 3)) * np.array(rgb) * slope_W
    return np.clip(rgb_HWC + np.random.default_rng(seed).normal(0, noise, rgb_HWC.shape), 0, 255)


def drawn_pill(
    *,
    size_px: int = 240,
    length: float = 0.5,
    ratio: float = 1.0,
    angle_deg: float = 0.0,
    centre: tuple[float, float] = (0.5, 0.5),
    rgb: tuple[int, int, int] = (240, 238, 232),
    second_rgb: tuple[int, int, int] | None = None,
    background: tuple[int, int, int] = (150, 140, 130),
    shadow: float = 0.0,
    noise: float = 2.0,
    onto: np.ndarray | None = None,
) -> Drawn:
    """A capsule-shaped pill (round where `ratio` is 1); lengths and centre are shares of the picture's side."""
    middle = np.array(centre) * (size_px - 1)
    along = np.array([np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))])
    half, radius = length * size_px / 2, length * ratio * size_px / 2
    yx_HW2 = np.stack(np.mgrid[0:size_px, 0:size_px][::-1], axis=2) - middle
    position_HW = yx_HW2 @ along
    nearest_HW = np.clip(position_HW, radius - half, half - radius)
    distance_HW = np.linalg.norm(yx_HW2 - nearest_HW[..., None] * along, axis=2) - radius
    cover_HW = np.clip(0.5 - distance_HW, 0, 1)
    picture_HWC = surface(size_px=size_px, rgb=background, noise=noise) if onto is None else onto.astype(float)
    cast_HW = cv2.GaussianBlur(np.roll(cover_HW, (size_px // 24, size_px // 24), (0, 1)), (0, 0), size_px / 40)
    picture_HWC = picture_HWC * (1 - shadow * cast_HW[..., None])
    color_HWC = np.where((position_HW < 0)[..., None], second_rgb or rgb, rgb) * (1 - 0.15 * cover_HW[..., None] ** 2)
    rounded_HW = np.clip(-distance_HW / radius, 0, 1) ** 0.35
    pill_HWC = color_HWC * (0.75 + 0.4 * rounded_HW[..., None])
    mixed_HWC = picture_HWC * (1 - cover_HW[..., None]) + np.clip(pill_HWC, 0, 255) * cover_HW[..., None]
    blurred_HWC = cv2.GaussianBlur(mixed_HWC, (0, 0), 0.8)
    return Drawn(np.clip(blurred_HWC, 0, 255).astype(np.uint8), cover_HW > 0.5)


def iou(one_HW: np.ndarray, other_HW: np.ndarray) -> float:
    """Intersection over union of two masks."""
    return float((one_HW & other_HW).sum() / max((one_HW | other_HW).sum(), 1))
