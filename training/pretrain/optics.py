"""What light and camera do to a picture: shading, shine, relief, colour cast, exposure, blur, noise, JPEG.

H W: rows and columns, C: red, green, blue; pictures are float32 of 0 to 255. `strength` 0 to 1 scales everything.
"""

import math
from functools import lru_cache

import cv2
import numpy as np

_GREY_C = np.array([0.299, 0.587, 0.114], np.float32)
_NOISE_PX = 512


def light_map(
    axes: tuple[np.ndarray, np.ndarray], rng: np.random.Generator, *, strength: float, shiny: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Gain (H, W) of the light over a pill and the shine (H, W) added to it, 0 to 1.

    `axes` are two grids (H, W) that run from -1 to 1 along and across the pill.
    """
    along_HW, across_HW = axes
    towards, slope = rng.uniform(0, 2 * math.pi), strength * abs(rng.normal(0, 0.13))
    gain_HW = 1 + slope * (math.cos(towards) * along_HW + math.sin(towards) * across_HW)
    round_HW = across_HW**2
    gain_HW -= strength * rng.normal(0.06, 0.1) * round_HW + strength * rng.normal(0.02, 0.06) * along_HW**2
    shine_HW = np.zeros_like(gain_HW)
    if rng.random() < strength * (0.75 if shiny else 0.25):
        for _ in range(rng.integers(1, 4)):
            shine_HW = np.maximum(shine_HW, _highlight(along_HW, across_HW, rng, shiny=shiny))
    return gain_HW, strength * shine_HW


def _highlight(along_HW: np.ndarray, across_HW: np.ndarray, rng: np.random.Generator, *, shiny: bool) -> np.ndarray:
    at = rng.uniform(-0.8, 0.8), rng.uniform(-0.75, 0.75)
    wide = (rng.uniform(0.05, 0.6), rng.uniform(0.05, 0.25)) if shiny else (rng.uniform(0.2, 0.7),) * 2
    away_HW = ((along_HW - at[0]) / wide[0]) ** 2 + ((across_HW - at[1]) / wide[1]) ** 2
    blob_HW = np.exp(-away_HW)
    if shiny:
        blob_HW = np.clip((blob_HW - 0.35) * rng.uniform(1.5, 6), 0, 1)
    return blob_HW * (rng.uniform(0.2, 0.95) if shiny else rng.uniform(0.05, 0.4))


def relit(rgb_HWC: np.ndarray, rng: np.random.Generator, *, window_px: int, strength: float) -> np.ndarray:
    """Debossing in other light: its contrast changes or turns over; slanting light gives a bright and a dark edge."""
    grey_HW = cv2.transform(rgb_HWC, _GREY_C[None])
    local_HW = grey_HW - cv2.blur(grey_HW, (window_px, window_px))
    turned_over = rng.random() < 0.2
    change_HW = local_HW * (strength * (rng.uniform(-1.8, -1.0) if turned_over else rng.uniform(-0.8, 0.7)))
    if rng.random() < 0.6:
        reach, towards = rng.uniform(0.8, 2.0) * window_px / 12, rng.uniform(0, 2 * math.pi)
        dx, dy = reach * math.cos(towards), reach * math.sin(towards)
        change_HW += strength * rng.uniform(0.2, 0.9) * (_shifted(local_HW, dx, dy) - _shifted(local_HW, -dx, -dy))
    return rgb_HWC + change_HW[..., None]


def _shifted(picture_HW: np.ndarray, dx: float, dy: float) -> np.ndarray:
    matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    size = picture_HW.shape[::-1]
    return cv2.warpAffine(picture_HW, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def lot_matrix(rng: np.random.Generator, *, strength: float) -> np.ndarray:
    """Colour matrix (C, C) of another lot: a little other hue, depth and tint."""
    wide = 2.5 if rng.random() < 0.08 else 1.0
    return color_matrix(
        hue_deg=strength * wide * rng.normal(0, 3.0),
        saturation=1 + strength * wide * rng.normal(0, 0.07),
        gain_C=1 + strength * wide * rng.normal(0, 0.02, 3),
    )


def color_matrix(*, hue_deg: float, saturation: float, gain_C: np.ndarray) -> np.ndarray:
    """Turn hue about the grey axis, scale saturation, then the channels; (C, C) float32."""
    turn, _ = cv2.Rodrigues(np.full(3, math.radians(hue_deg) / math.sqrt(3)))
    grey_CC = np.tile(_GREY_C, (3, 1))
    return (np.diag(gain_C) @ (grey_CC + saturation * (turn - grey_CC))).astype(np.float32)


def camera(rgb_HWC: np.ndarray, rng: np.random.Generator, *, strength: float, scale: float = 1.0) -> np.ndarray:
    """Everything between the light and the file, as uint8 (H, W, C); blur is in units of `scale` pixels."""
    rgb_HWC = _blurred(rgb_HWC, rng, strength=strength, scale=scale)
    rgb_HWC = _developed(rgb_HWC, rng, strength=strength)
    rgb_HWC = _noisy(rgb_HWC, rng, strength=strength)
    rgb_HWC = np.clip(rgb_HWC + 0.5, 0, 255).astype(np.uint8)
    return _compressed(rgb_HWC, rng) if rng.random() < 0.5 * strength else rgb_HWC


def _developed(rgb_HWC: np.ndarray, rng: np.random.Generator, *, strength: float) -> np.ndarray:
    """White balance, exposure, saturation and tone curve."""
    gain_C = _white_balance(rng, strength=strength) * _exposure(rng, strength=strength)
    matrix_CC = color_matrix(
        hue_deg=strength * rng.normal(0, 2.0),
        saturation=math.exp(strength * rng.normal(0.03, 0.18)),
        gain_C=gain_C,
    )
    share_HWC = np.clip(cv2.transform(rgb_HWC, matrix_CC / 255), 0, 1.15)
    if rng.random() < 0.6:
        share_HWC = cv2.pow(share_HWC, math.exp(strength * rng.normal(0, 0.22)))
    contrast = math.exp(strength * rng.normal(0, 0.12))
    return (share_HWC * contrast + 0.5 * (1 - contrast)) * 255


def _white_balance(rng: np.random.Generator, *, strength: float) -> np.ndarray:
    """Gains (C,): a small error either way, or the light of a lamp or of a window that the phone took for white."""
    warm, tint = rng.normal(0, 0.06), rng.normal(0, 0.03)
    kind = rng.random()
    if kind < 0.45:
        warm += rng.uniform(0, 0.55)
    elif kind < 0.53:
        warm -= rng.uniform(0, 0.25)
    return 1 + strength * np.array([0.5 * warm, tint - 0.2 * max(warm, 0), -warm])


def _exposure(rng: np.random.Generator, *, strength: float) -> float:
    kind = rng.random()
    if kind < 0.15 * strength:
        return math.exp(strength * rng.uniform(0.2, 0.7))
    if kind < 0.4 * strength:
        return math.exp(-strength * rng.uniform(0.3, 1.1))
    return math.exp(strength * rng.normal(0.0, 0.14))


def _blurred(rgb_HWC: np.ndarray, rng: np.random.Generator, *, strength: float, scale: float) -> np.ndarray:
    """Low resolution, focus, motion, or the sharpening of a phone."""
    size = rgb_HWC.shape[1], rgb_HWC.shape[0]
    if rng.random() < 0.3 * strength:
        share = rng.uniform(1 - 0.65 * strength, 1)
        small = max(16, round(size[0] * share)), max(16, round(size[1] * share))
        back = cv2.INTER_LINEAR if rng.random() < 0.5 else cv2.INTER_CUBIC
        rgb_HWC = cv2.resize(cv2.resize(rgb_HWC, small, interpolation=cv2.INTER_AREA), size, interpolation=back)
    kind = rng.random()
    if kind < 0.45:
        sigma = scale * (0.2 + strength * 1.3 * rng.random() ** 1.7)
        return cv2.GaussianBlur(rgb_HWC, (0, 0), sigma) if sigma > 0.35 else rgb_HWC
    if kind < 0.45 + 0.12 * strength:
        return cv2.filter2D(rgb_HWC, -1, _streak(scale * rng.uniform(1.5, 6.0), rng.uniform(0, math.pi)))
    if kind > 0.8:
        soft_HWC = cv2.GaussianBlur(rgb_HWC, (0, 0), 1.2 * scale)
        return rgb_HWC + strength * rng.uniform(0.2, 1.2) * (rgb_HWC - soft_HWC)
    return rgb_HWC


def _streak(length_px: float, angle_rad: float) -> np.ndarray:
    half = math.ceil(length_px / 2)
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    dx, dy = length_px / 2 * math.cos(angle_rad), length_px / 2 * math.sin(angle_rad)
    ends = [(round((half + s * dx) * 16), round((half + s * dy) * 16)) for s in (-1, 1)]
    cv2.line(kernel, *ends, 1.0, 1, cv2.LINE_AA, 4)
    return kernel / kernel.sum()


def _noisy(rgb_HWC: np.ndarray, rng: np.random.Generator, *, strength: float) -> np.ndarray:
    sigma = strength * 9.0 * rng.random() ** 3
    return rgb_HWC if sigma < 0.4 else rgb_HWC + np.float32(sigma) * grain(rng, rgb_HWC.shape[:2])


def grain(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """A piece (H, W, C) of noise of unit variance, fine or coarse; at most 512 px long."""
    (height, width), coarse = shape, int(rng.integers(3))
    y, x = rng.integers(0, _NOISE_PX - height + 1), rng.integers(0, _NOISE_PX - width + 1)
    return _grain(coarse)[y : y + height, x : x + width]


@lru_cache(maxsize=3)
def _grain(coarse: int) -> np.ndarray:
    """Noise of unit variance, (512, 512, 3), three times: fine to coarse, partly the same in all channels."""
    rng = np.random.default_rng((2026, coarse))
    noise = rng.standard_normal((_NOISE_PX, _NOISE_PX, 3)).astype(np.float32)
    noise += rng.standard_normal((_NOISE_PX, _NOISE_PX, 1)).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), 0.6 * coarse) if coarse else noise
    return noise / noise.std()


def _compressed(rgb_HWC: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    quality = int(rng.integers(30, 96))
    _, data = cv2.imencode(".jpg", cv2.cvtColor(rgb_HWC, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
