"""From the light of a scene to the picture a phone stores: exposure, colour cast, lens, sensor and tone."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np

from data.rendering.stable import named_rng, repeatable

Blur = Literal["sharp", "soft", "motion"]
NUM_CAMERAS = {"train": 48, "test": 16}
_LUT_SIZE = 2048
_NOISE_PX = 512


@dataclass(frozen=True)
class Camera:
    """One phone: its tone curve, colour rendering, noise and sharpening."""

    seed: int
    contrast: float
    gamma: float
    black: float
    saturation: float
    hue_mix: np.ndarray
    noise: float
    sharpening: float
    lens_blur_px: float
    vignette: float


def camera_seed(pool: str, rng: np.random.Generator) -> int:
    """A camera of the pool; test cameras start at 1000."""
    return int(rng.integers(NUM_CAMERAS[pool])) + (1000 if pool == "test" else 0)


@lru_cache(maxsize=128)
@repeatable
def camera_of(seed: int) -> Camera:
    """The camera that a seed stands for."""
    rng = named_rng("camera", seed)
    return Camera(
        seed=seed,
        contrast=rng.uniform(0.0, 0.5),
        gamma=rng.uniform(0.92, 1.08),
        black=rng.uniform(0.0, 0.012),
        saturation=rng.uniform(0.8, 1.22),
        hue_mix=rng.normal(0, 0.022, (3, 3)).astype(np.float32),
        noise=rng.uniform(0.4, 3.2),
        sharpening=rng.choice([0.0, rng.uniform(0.2, 0.9)]),
        lens_blur_px=rng.uniform(0.3, 0.75),
        vignette=rng.uniform(0.0, 0.16),
    )


@lru_cache(maxsize=128)
@repeatable
def _tone(seed: int) -> np.ndarray:
    """Linear light 0 to 1 in steps of 1/2047 to 0-255, float32: sRGB curve and the maker's contrast."""
    camera = camera_of(seed)
    light = np.linspace(0, 1, _LUT_SIZE)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) ** camera.gamma
    steep = encoded * encoded * (3 - 2 * encoded)
    toned = encoded + camera.contrast * (steep - encoded)
    return (255 * (camera.black + (1 - camera.black) * toned)).astype(np.float32)


@lru_cache(maxsize=2)
@repeatable
def _noise_tile() -> np.ndarray:
    """Sensor noise after a phone's smoothing, (512, 512, 3) float32, standard deviation about 1."""
    rng = named_rng("noise")
    luma = rng.standard_normal((_NOISE_PX, _NOISE_PX, 1)).astype(np.float32)
    chroma = cv2.GaussianBlur(rng.standard_normal((_NOISE_PX, _NOISE_PX, 3)).astype(np.float32), (0, 0), 1.2)
    luma = cv2.GaussianBlur(luma, (0, 0), 0.6)[..., None]
    return luma / luma.std() * 0.9 + chroma / chroma.std() * 0.45


def color_matrix(camera: Camera, *, gain: np.ndarray) -> np.ndarray:
    """White balance, exposure, saturation and the sensor's own mixing in one (3, 3) matrix for row vectors."""
    grey = np.array([[0.2126], [0.7152], [0.0722]], np.float32) @ np.ones((1, 3), np.float32)
    saturated = grey + camera.saturation * (np.eye(3, dtype=np.float32) - grey)
    mix = camera.hue_mix - camera.hue_mix.mean(axis=0, keepdims=True)
    return (np.diag(gain).astype(np.float32) @ saturated + mix * gain.mean()).astype(np.float32)


def blurred(linear_HWC: np.ndarray, *, kind: Blur, amount_px: float, angle: float) -> np.ndarray:
    """Lens and focus blur, or a streak from a moving hand."""
    if kind == "motion":
        return cv2.filter2D(linear_HWC, -1, _streak(amount_px, angle), borderType=cv2.BORDER_REFLECT)
    size = 3 if amount_px < 0.55 else 0
    return cv2.GaussianBlur(linear_HWC, (size, size), amount_px)


def _streak(length_px: float, angle: float) -> np.ndarray:
    size = int(np.ceil(length_px)) * 2 + 3
    kernel = np.zeros((size, size), np.float32)
    middle = size // 2
    step = np.array([np.cos(angle), np.sin(angle)]) * length_px / 2
    ends = [tuple(int(v) for v in np.round((middle + sign * step) * 16)) for sign in (-1, 1)]
    cv2.line(kernel, *ends, 1.0, 1, cv2.LINE_AA, shift=4)
    return kernel / kernel.sum()


def developed(linear_HWC: np.ndarray, camera: Camera, rng: np.random.Generator, *, noise: float) -> np.ndarray:
    """Tone curve, noise and sharpening: (H, W, 3) uint8 sRGB from linear light where 1 is white."""
    index = np.clip(linear_HWC * (_LUT_SIZE - 1), 0, _LUT_SIZE - 1).astype(np.uint16)
    toned = _tone(camera.seed)[index]
    height, width = toned.shape[:2]
    y, x = rng.integers(_NOISE_PX - height), rng.integers(_NOISE_PX - width)
    toned += _noise_tile()[y : y + height, x : x + width] * np.float32(noise)
    if camera.sharpening > 0:
        soft = cv2.GaussianBlur(toned, (0, 0), 1.1)
        toned = cv2.addWeighted(toned, 1 + camera.sharpening, soft, -camera.sharpening, 0)
    return cv2.convertScaleAbs(np.maximum(toned, 0))
