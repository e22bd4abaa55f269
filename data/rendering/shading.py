"""Lights one side of a pill in its own frame: diffuse light, mirror images of the lamp, grain, flecks and worn ink."""

from functools import lru_cache

import cv2
import numpy as np

from data.rendering.body import Body
from data.rendering.lights import Light
from data.rendering.stable import named_rng, repeatable

_TILE = 512
_VIEW_SPREAD = 0.22


@lru_cache(maxsize=1)
@repeatable
def _grain_tile() -> np.ndarray:
    """Slopes of a rough surface, (512, 512, 2) float32 with standard deviation 1."""
    rng = named_rng("grain")
    noise = rng.standard_normal((_TILE, _TILE)).astype(np.float32)
    height = cv2.GaussianBlur(noise, (0, 0), 0.8) + 1.6 * cv2.GaussianBlur(noise[::-1], (0, 0), 2.0)
    slopes = np.dstack([cv2.Sobel(height, cv2.CV_32F, 1, 0), cv2.Sobel(height, cv2.CV_32F, 0, 1)])
    return slopes / slopes.std()


@lru_cache(maxsize=1)
@repeatable
def _fleck_tile() -> np.ndarray:
    """Where flecks lie, (512, 512) float32 from 0 to 1."""
    noise = cv2.GaussianBlur(named_rng("fleck").standard_normal((_TILE, _TILE)).astype(np.float32), (0, 0), 1.3)
    return np.clip((noise / noise.std() - 1.1) * 1.6, 0, 1)


@lru_cache(maxsize=1)
@repeatable
def _mottle_tile() -> np.ndarray:
    """Uneven colour, (512, 512) float32 with standard deviation 1."""
    rng = named_rng("mottle")
    noise = [rng.standard_normal((_TILE, _TILE)).astype(np.float32) for _ in range(3)]
    layers = [cv2.GaussianBlur(layer, (0, 0), sigma) for layer, sigma in zip(noise, (0.9, 5, 20), strict=True)]
    mottle = sum(layer / layer.std() for layer in layers)
    return mottle / mottle.std()


def _cut(tile: np.ndarray, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    y, x = rng.integers(_TILE - shape[0]), rng.integers(_TILE - shape[1])
    return tile[y : y + shape[0], x : x + shape[1]]


def shade(body: Body, light: Light, rng: np.random.Generator, *, lot_tint: np.ndarray) -> np.ndarray:
    """Colour that leaves the surface, premultiplied, with its cover: (H, W, 4) float32 in linear light.

    `light` is given in the pill's own frame; `lot_tint` multiplies the body colour.
    """
    normals = _grained(body, rng)
    lit = normals @ np.stack([light.direction, np.float32([0, 0, 1])], axis=1)
    softness = 0.04 + 0.3 * light.ambient
    key = np.maximum(lit[..., 0] + softness, 0) * ((1 - light.ambient) / (1 + softness))
    sky = (0.55 + 0.45 * lit[..., 1]) * light.ambient * body.occlusion_HW
    key *= 0.5 + 0.5 * body.occlusion_HW
    illumination = key[..., None] * light.color
    illumination += sky[..., None] * light.ambient_color
    surface = _painted(body, rng, lot_tint)
    if body.form.clear > 0:
        surface *= _shine_through(normals, light, clear=body.form.clear)[..., None]
    surface *= illumination
    surface += _mirrored(body, normals, light)[..., None] * light.color
    surface *= body.alpha_HW[..., None]
    return np.dstack([surface, body.alpha_HW])


def _grained(body: Body, rng: np.random.Generator) -> np.ndarray:
    """The normals with this one pill's roughness."""
    if body.form.grain < 0.02:
        return body.normals_HW3
    normals = body.normals_HW3.copy()
    normals[..., :2] += _cut(_grain_tile(), normals.shape[:2], rng) * np.float32(0.04 * body.form.grain)
    return normals


def _painted(body: Body, rng: np.random.Generator, lot_tint: np.ndarray) -> np.ndarray:
    surface = body.albedo_HW3 * lot_tint
    if body.form.mottle > 0:
        surface *= 1 + _cut(_mottle_tile(), surface.shape[:2], rng)[..., None] * np.float32(body.form.mottle)
    if body.fleck_rgb is not None:
        flecks = _cut(_fleck_tile(), surface.shape[:2], rng) * np.float32(body.form.speckle)
        surface += (body.fleck_rgb - surface) * flecks[..., None]
    if body.ink_HW is not None:
        ink = _rolled_ink(body, rng) * np.float32(rng.uniform(0.72, 0.97))
        surface += (body.ink_rgb - surface) * ink[..., None]
    return surface


def _rolled_ink(body: Body, rng: np.random.Generator) -> np.ndarray:
    """Ink with specks worn off; on capsules the print lies more to one side, cap and body apart."""
    wear = _cut(_fleck_tile(), body.ink_HW.shape, rng)
    ink = body.ink_HW * (1 - np.float32(rng.uniform(0, 0.8)) * wear)
    if body.form.kind != "hard_capsule":
        return ink
    reach = 0.16 * ink.shape[0]
    turn = rng.normal(0, 0.5)
    cap, rest = (int(np.clip(turn + rng.normal(0, 0.15), -1, 1) * reach) for _ in range(2))
    joint = body.joint_column
    return np.hstack([np.roll(ink[:, :joint], cap, axis=0), np.roll(ink[:, joint:], rest, axis=0)])


def _shine_through(normals: np.ndarray, light: Light, *, clear: float) -> np.ndarray:
    """Light that crosses a clear gelatine body and leaves on the far side."""
    far = -(normals[..., :2] @ light.direction[:2])
    return 1 + np.float32(clear) * (1.1 * np.maximum(far, 0) + 0.25 * (1 - normals[..., 2]) - 0.5)


def _mirrored(body: Body, normals: np.ndarray, light: Light) -> np.ndarray:
    """Mirror image of the lamp: a window with edges on gelatine, a broad sheen on film coat."""
    gloss = body.form.gloss
    if gloss < 0.02:
        return np.zeros(normals.shape[:2], np.float32)
    height, width = normals.shape[:2]
    twice = 2 * normals[..., 2]
    rx = twice * normals[..., 0] + np.linspace(-_VIEW_SPREAD, _VIEW_SPREAD, width, dtype=np.float32)
    ry = twice * normals[..., 1]
    ry += np.linspace(-_VIEW_SPREAD, _VIEW_SPREAD, height, dtype=np.float32)[:, None] * (height / width)
    rx -= light.direction[0]
    ry -= light.direction[1]
    is_gelatine = body.form.kind in ("hard_capsule", "softgel")
    image = _window(rx, ry, light, blur=light.kind.edge if is_gelatine else 0.35)
    if not is_gelatine:
        return image * np.float32(0.35 * gloss)
    rim = (1 - normals[..., 2]) ** 3
    return (image * np.float32(0.75) + rim * np.float32(0.12)) * np.float32(gloss)


def _window(rx: np.ndarray, ry: np.ndarray, light: Light, *, blur: float) -> np.ndarray:
    """1 where the mirrored direction meets the lamp, falling to 0 over `blur`."""
    half_width, half_height = (size / 2 for size in light.image_size)
    across = np.abs(rx)
    if light.kind.num_images == 2:
        across = np.abs(across - np.float32(half_width * 0.9 + 0.05))
    image = np.clip((half_width - across) / blur + 0.5, 0, 1)
    image *= np.clip((half_height - np.abs(ry)) / blur + 0.5, 0, 1)
    return image
