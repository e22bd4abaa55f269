"""Draws a medication as a phone, or a studio, would photograph it; deterministic by medication, side and seed."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from bentos.runtime.medication import Medication, Side
from data.rendering.backgrounds import TEXTURES_PER_FAMILY, background_names, texture
from data.rendering.body import Body, body_of
from data.rendering.camera import Blur, Camera, blurred, camera_of, camera_seed, color_matrix, developed
from data.rendering.conditions import Conditions
from data.rendering.lights import Light, pick_light, studio_light, turned
from data.rendering.placement import Placement, place, place_straight
from data.rendering.scene import compose, fall_off, surface
from data.rendering.shading import shade
from data.rendering.stable import photo_rng, repeatable
from data.rendering.version import RENDERER_VERSION

Pool = Literal["train", "test"]
_STUDIO_GREY = 0.2
_STUDIO_GAIN = 0.87
_STUDIO_CAMERA = -1


@dataclass(frozen=True, eq=False)
class RenderedPhoto:
    """rgb_HWC: uint8 sRGB; mask_HW: bool, where the pill is; conditions: how it was taken (see Conditions)."""

    rgb_HWC: np.ndarray
    mask_HW: np.ndarray
    conditions: dict[str, str | float]


@repeatable
def render_photo(medication: Medication, *, side: Side, seed: int, pool: Pool, size_px: int = 224) -> RenderedPhoto:
    """A consumer photograph. Pools share no background texture, light or camera."""
    rng = photo_rng(medication, RENDERER_VERSION, side, seed, pool)
    body = body_of(medication, side=side)
    placement = place(body, rng, size_px=size_px)
    light_name, light = pick_light(pool, rng)
    background, ground = _ground(pool, placement, body, rng, size_px)
    scene, cover = _lit_scene(body, placement, light, ground, rng, lot_tint=_lot_tint(rng, spread=0.025))
    camera = camera_of(camera_seed(pool, rng))
    scene *= fall_off(light, rng, vignette=camera.vignette, size_px=size_px)[..., None]
    exposure_ev, gain = _exposed(scene, light, rng)
    blur, amount_px = _focus(camera, rng)
    noise = camera.noise * 2 ** (-0.35 * exposure_ev) * rng.uniform(0.6, 1.4)
    scene = blurred(scene, kind=blur, amount_px=amount_px, angle=rng.uniform(0, np.pi))
    rgb = developed(scene @ color_matrix(camera, gain=gain), camera, rng, noise=noise)
    conditions = Conditions(
        background=background,
        light=light_name,
        blur=blur,
        camera_seed=camera.seed,
        exposure_ev=round(float(exposure_ev), 3),
        angle_deg=round(float(np.degrees(placement.angle)) % 360, 2),
        tilt_deg=round(float(np.degrees(placement.tilt)), 2),
        fill=round(float(placement.fill), 3),
        noise=round(float(noise), 3),
        jpeg_quality=int(rng.integers(60, 96)),
    )
    return RenderedPhoto(_resent(rgb, rng), cover > 0.5, conditions.as_dict())


@repeatable
def render_reference(medication: Medication, *, side: Side, lot: int, size_px: int = 300) -> RenderedPhoto:
    """A studio picture as in a catalogue: grey ground, even light, straight from above; lots differ a little."""
    rng = photo_rng(medication, RENDERER_VERSION, side, "reference", lot)
    body = body_of(medication, side=side)
    placement = place_straight(body, rng, size_px=size_px)
    light = studio_light(lot)
    ground = np.full((size_px, size_px, 3), _STUDIO_GREY, np.float32)
    tint = _lot_tint(photo_rng(medication, "lot", lot), spread=0.03)
    scene, cover = _lit_scene(body, placement, light, ground, rng, lot_tint=tint)
    camera = camera_of(_STUDIO_CAMERA)
    rgb = developed(scene * _STUDIO_GAIN, camera, rng, noise=0.8)
    conditions = Conditions("studio", "studio", "sharp", camera.seed, 0.0, 0.0, 0.0, placement.fill, 0.8, 95)
    return RenderedPhoto(rgb, cover > 0.5, conditions.as_dict())


def _ground(
    pool: Pool, placement: Placement, body: Body, rng: np.random.Generator, size_px: int
) -> tuple[str, np.ndarray]:
    names = background_names(pool)
    name = names[rng.integers(len(names))]
    surface_texture = texture(name, pool, int(rng.integers(TEXTURES_PER_FAMILY)))
    return name, surface(surface_texture, placement, body, rng, size_px=size_px)


def _lit_scene(
    body: Body,
    placement: Placement,
    light: Light,
    ground: np.ndarray,
    rng: np.random.Generator,
    *,
    lot_tint: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    own_light = Light(
        direction=turned(light.direction, placement.angle),
        color=light.color,
        ambient_color=light.ambient_color,
        ambient=light.ambient,
        kind=light.kind,
        image_size=light.image_size,
    )
    shaded = shade(body, own_light, rng, lot_tint=lot_tint)
    flat = light.direction[2] * (1 - light.ambient) * light.color + light.ambient * light.ambient_color
    return compose(ground * flat, shaded, body, placement, light)


def _lot_tint(rng: np.random.Generator, *, spread: float) -> np.ndarray:
    return ((1 + rng.normal(0, spread)) * (1 + rng.normal(0, spread / 2, 3))).astype(np.float32)


def _exposed(scene: np.ndarray, light: Light, rng: np.random.Generator) -> tuple[float, np.ndarray]:
    """Exposure in stops and the gain of each channel: the phone meters, white-balances, and errs."""
    mean = float(scene[::4, ::4].mean())
    metered = (0.26 / max(mean, 0.02)) ** 0.45
    exposure_ev = float(np.clip(rng.normal(0, 0.33), -0.9, 0.9))
    balanced = light.color ** np.float32(-rng.uniform(0.45, 1.0))
    cast = np.exp(rng.normal(0, 0.035, 3))
    return exposure_ev, (metered * 2**exposure_ev * balanced * cast).astype(np.float32)


def _focus(camera: Camera, rng: np.random.Generator) -> tuple[Blur, float]:
    kind = rng.choice(["sharp", "soft", "motion"], p=[0.66, 0.24, 0.1])
    if kind == "sharp":
        return "sharp", camera.lens_blur_px
    return ("soft", rng.uniform(0.9, 1.9)) if kind == "soft" else ("motion", rng.uniform(2.0, 5.0))


def _resent(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Some photographs were compressed before, by a messenger or an editor."""
    if rng.random() >= 0.25:
        return rgb
    quality = int(rng.integers(45, 90))
    _, packed = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(packed, cv2.IMREAD_COLOR_RGB)
