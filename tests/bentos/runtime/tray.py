"""A tray: rendered pills of different medications side by side in one picture, with their true boxes."""

from collections.abc import Sequence

import cv2
import numpy as np

from bentos.runtime.answer import Box
from bentos.runtime.medication import Medication
from data.rendering.backgrounds import texture
from data.rendering.render import render_reference

WIDTH_PX, HEIGHT_PX, COLUMNS = 1200, 900, 4
_PX_PER_MM = 12.0


def tray(items: Sequence[Medication], *, background: str, seed: int) -> tuple[np.ndarray, list[Box]]:
    """The picture (H, W, 3) uint8 of pills at one scale, turned and shifted at random, and each one's box."""
    rng = np.random.default_rng(seed)
    ground_HWC = cv2.resize(texture(background, "test", 0), (WIDTH_PX, HEIGHT_PX)).astype(np.float32)
    rows, boxes = -(-len(items) // COLUMNS), []
    for place, item in enumerate(items):
        pill_HWC, cover_HW = _turned(item, degrees=float(rng.uniform(0, 360)))
        cell = np.array([place % COLUMNS + 0.5, place // COLUMNS + 0.5]) + rng.uniform(-0.1, 0.1, 2)
        x, y = (cell * (WIDTH_PX / COLUMNS, HEIGHT_PX / rows) - len(cover_HW) / 2).astype(int)
        boxes.append(_laid(ground_HWC, pill_HWC, cover_HW, x=x, y=y))
    return np.clip(cv2.GaussianBlur(ground_HWC, (0, 0), 0.8), 0, 255).astype(np.uint8), boxes


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes."""
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    shared = max(width, 0) * max(height, 0)
    return shared / (one.width * one.height + other.width * other.height - shared)


def _turned(item: Medication, *, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """The pill at the tray's scale in a square that holds it in any turn, and its cover, 0 to 1."""
    taken = render_reference(item, side="front", lot=0)
    x, y, width, height = cv2.boundingRect(taken.mask_HW.astype(np.uint8))
    scale = item.size_mm * _PX_PER_MM / max(width, height)
    size = int(np.hypot(width, height) * scale) + 4
    matrix = cv2.getRotationMatrix2D((x + width / 2, y + height / 2), degrees, scale)
    matrix[:, 2] += size / 2 - np.array([x + width / 2, y + height / 2])
    cover_HW = cv2.warpAffine(taken.mask_HW.astype(np.float32), matrix, (size, size))
    return cv2.warpAffine(taken.rgb_HWC, matrix, (size, size)).astype(np.float32), cover_HW


def _laid(ground_HWC: np.ndarray, pill_HWC: np.ndarray, cover_HW: np.ndarray, *, x: int, y: int) -> Box:
    size = len(cover_HW)
    shift = size // 25
    cast_HW = cv2.GaussianBlur(cover_HW, (0, 0), size * 0.06)
    ground_HWC[y + shift : y + shift + size, x + shift : x + shift + size] *= 1 - 0.4 * cast_HW[..., None]
    under_HWC = ground_HWC[y : y + size, x : x + size]
    under_HWC[:] = under_HWC * (1 - cover_HW[..., None]) + pill_HWC * cover_HW[..., None]
    left, top, width, height = cv2.boundingRect((cover_HW > 0.5).astype(np.uint8))
    return Box(x=int(x + left), y=int(y + top), width=width, height=height)
