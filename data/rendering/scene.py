"""Puts the lit pill onto its background: cast shadow, side wall, fall-off of the light, all in linear light."""

from functools import lru_cache

import cv2
import numpy as np

from data.rendering.backgrounds import TEXTURE_PX
from data.rendering.body import LENGTH_PX, Body
from data.rendering.lights import Light
from data.rendering.paint import to_linear
from data.rendering.placement import Placement
from data.rendering.stable import repeatable

_TO_LINEAR = to_linear(np.arange(256))
_TEXTURE_PX_PER_MM = 12.0


def surface(
    texture: np.ndarray, placement: Placement, body: Body, rng: np.random.Generator, *, size_px: int
) -> np.ndarray:
    """A part of the background at the scale of the pill, in linear light, (S, S, 3) float32."""
    px_per_mm = placement.scale * LENGTH_PX / body.size_mm
    zoom = np.clip(px_per_mm / _TEXTURE_PX_PER_MM * rng.uniform(0.7, 1.4), size_px / TEXTURE_PX * 1.1, 2.6)
    turn = rng.uniform(0, 2 * np.pi)
    cos, sin = np.cos(turn) * zoom, np.sin(turn) * zoom
    x, y = rng.uniform(0, TEXTURE_PX, 2)
    half = size_px / 2
    matrix = np.array([[cos, -sin, half - cos * x + sin * y], [sin, cos, half - sin * x - cos * y]])
    cut = cv2.warpAffine(texture, matrix, (size_px, size_px), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return cv2.LUT(cut, _TO_LINEAR)


def compose(
    ground: np.ndarray, shaded_HW4: np.ndarray, body: Body, placement: Placement, light: Light
) -> tuple[np.ndarray, np.ndarray]:
    """The scene in linear light and the pill's cover, (S, S, 3) and (S, S) float32; `light` in the picture's frame."""
    size = (ground.shape[1], ground.shape[0])
    if placement.scale < 0.6:
        shrink = placement.scale * 1.25
        shaded_HW4 = cv2.resize(shaded_HW4, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    ratio = shaded_HW4.shape[1] / body.alpha_HW.shape[1]
    to_picture = placement.matrix_33 @ np.diag([1 / ratio, 1 / ratio, 1.0])
    top = cv2.warpPerspective(shaded_HW4, to_picture, size, flags=cv2.INTER_LINEAR)
    cover = _swept(top[..., 3], placement.wall_px)
    scene = ground * _shadow(cover, body, placement, light)[..., None]
    hidden = 1 - cover
    scene *= hidden[..., None]
    if np.abs(placement.wall_px).max() >= 1:
        side = cover - top[..., 3]
        scene += _wall(cover, body, light) * side[..., None]
    scene += top[..., :3]
    return scene, cover


def _swept(cover: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """What the upper face covers on its way to the foot of the wall."""
    num_steps = int(np.ceil(np.abs(offset).max() / 2))
    swept = cover
    for step in range(1, num_steps + 1):
        x, y = np.round(offset * step / num_steps).astype(int)
        swept = np.maximum(swept, _shifted(cover, x, y))
    return swept


def _shifted(image: np.ndarray, x: int, y: int) -> np.ndarray:
    matrix = np.array([[1, 0, x], [0, 1, y]], np.float32)
    return cv2.warpAffine(image, matrix, (image.shape[1], image.shape[0]), flags=cv2.INTER_NEAREST)


def _wall(cover: np.ndarray, body: Body, light: Light) -> np.ndarray:
    """Light on the upright side of a tablet, from the direction its rim faces."""
    soft = cv2.GaussianBlur(cover, (0, 0), 3)
    dx, dy = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
    length = np.sqrt(dx * dx + dy * dy) + 1e-4
    facing = -(dx * light.direction[0] + dy * light.direction[1]) / length
    lit = 0.5 * light.ambient + (1 - light.ambient) * np.maximum(facing, 0) * 0.9 + 0.06
    return lit[..., None] * (body.wall_rgb * light.color)


def _shadow(cover: np.ndarray, body: Body, placement: Placement, light: Light) -> np.ndarray:
    """Share of light left on the ground: a cast shadow and the dark line where the pill touches it."""
    height_px = (0.22 if body.form.wall == 0 else body.form.wall + body.form.crown) * LENGTH_PX * placement.scale
    reach = -light.direction[:2] / max(light.direction[2], 0.3) * height_px * 0.9
    small = cv2.resize(cover, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    span = max(light.image_size)
    softness = max(1.0, height_px * (0.08 + 0.35 * min(span, 1.0)) * 0.5)
    cast = _shifted(small, *np.round(reach / 2).astype(int))
    cast = np.maximum(cast, _shifted(small, *np.round(reach / 4).astype(int)))
    cast = cv2.GaussianBlur(cast, (0, 0), softness)
    touch = cv2.GaussianBlur(small, (0, 0), max(1.0, 0.09 * height_px + 0.8))
    left = (1 - (1 - light.ambient) * 0.85 * cast) * (1 - 0.45 * touch)
    return cv2.resize(left, (cover.shape[1], cover.shape[0]), interpolation=cv2.INTER_LINEAR)


@lru_cache(maxsize=4)
@repeatable
def _grid(size_px: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    axis = np.linspace(-1, 1, size_px, dtype=np.float32)
    x, y = np.meshgrid(axis, axis)
    return x, y, x * x + y * y


def fall_off(light: Light, rng: np.random.Generator, *, vignette: float, size_px: int) -> np.ndarray:
    """Uneven light over the picture: stronger near the lamp, weaker in the corners; (S, S) float32 about 1."""
    x, y, radius = _grid(size_px)
    slope = np.float32(rng.uniform(0.0, 0.22))
    return 1 + slope * (light.direction[0] * x + light.direction[1] * y) - np.float32(vignette) * radius
