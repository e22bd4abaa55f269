"""Colour, outline and surface of a pill in numbers that need no training.

N pixels of the pill, H W rows and columns.
"""

from dataclasses import dataclass

import cv2
import numpy as np

COLOR_BINS = 48
TEXTURE_BINS = 32
_TEXTURE_SIDE_PX = 96
_NUM_LIGHTNESS = 4
_NUM_HUES = 11
_NEUTRAL_CHROMA, _CHROMA_RANGE = 6.0, 16.0
_USUAL_LIGHTNESS = 75.0


@dataclass(frozen=True)
class VisualFeatures:
    """shape_ratio: width over length, in (0, 1]. color_histogram: (48,) float32, sums to 1.

    texture_features: (32,) float32.
    """

    shape_ratio: float
    color_histogram: np.ndarray
    texture_features: np.ndarray


def visual_features(rgb_HWC: np.ndarray, mask_HW: np.ndarray) -> VisualFeatures:
    """Measure the pill under a mask, (H, W) bool and not empty, in a uint8 RGB picture."""
    rgb_HWC, mask_HW = _pill_area(rgb_HWC, mask_HW)
    return VisualFeatures(_shape_ratio(mask_HW), _color_histogram(rgb_HWC, mask_HW), _texture(rgb_HWC, mask_HW))


def _pill_area(rgb_HWC: np.ndarray, mask_HW: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The pill's bounding box, its longest side scaled to a common size."""
    x, y, width, height = cv2.boundingRect(mask_HW.astype(np.uint8))
    rgb_HWC, mask_HW = rgb_HWC[y : y + height, x : x + width], mask_HW[y : y + height, x : x + width]
    scale = _TEXTURE_SIDE_PX / max(width, height)
    size = (max(4, round(width * scale)), max(4, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    mask_HW = cv2.resize(mask_HW.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    return cv2.resize(rgb_HWC, size, interpolation=how), mask_HW


def _shape_ratio(mask_HW: np.ndarray) -> float:
    _, sides, _ = cv2.minAreaRect(cv2.findNonZero(mask_HW))
    return float((min(sides) + 1) / (max(sides) + 1))


def _color_histogram(rgb_HWC: np.ndarray, mask_HW: np.ndarray) -> np.ndarray:
    """Joint histogram of lightness (4) and chroma (neutral, 11 hues), softly binned, CIE Lab.

    Half of the difference in exposure is taken out: all of it would make grey pills white.
    """
    lab_HWC = cv2.cvtColor(rgb_HWC.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    lab_NC = lab_HWC[mask_HW > 0]
    gain = np.sqrt(_USUAL_LIGHTNESS / max(float(np.percentile(lab_NC[:, 0], 80)), 20.0))
    lightness_N, a_N, b_N = lab_NC.T * gain
    colored_N = np.clip((np.hypot(a_N, b_N) - _NEUTRAL_CHROMA) / _CHROMA_RANGE, 0, 1)
    hue_N = (np.arctan2(b_N, a_N) / (2 * np.pi) % 1) * _NUM_HUES
    level_N = np.clip(lightness_N / 100 * _NUM_LIGHTNESS - 0.5, 0, _NUM_LIGHTNESS - 1.001)
    bins = np.zeros(COLOR_BINS)
    for level, level_weight_N in _neighbours(level_N):
        first = level * (_NUM_HUES + 1)
        bins += np.bincount(first, level_weight_N * (1 - colored_N), minlength=COLOR_BINS)
        for hue, hue_weight_N in _neighbours(hue_N):
            weight_N = level_weight_N * colored_N * hue_weight_N
            bins += np.bincount(first + 1 + hue % _NUM_HUES, weight_N, minlength=COLOR_BINS)
    return (bins / bins.sum()).astype(np.float32)


def _neighbours(position_N: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The two bins around each position, with their weights."""
    low_N = np.floor(position_N).astype(int)
    high_weight_N = position_N - low_N
    return [(low_N, 1 - high_weight_N), (low_N + 1, high_weight_N)]


def _texture(rgb_HWC: np.ndarray, mask_HW: np.ndarray) -> np.ndarray:
    """Rotation-invariant uniform LBP at two radii (Ojala et al. 2002) and gradient statistics."""
    grey_HW = cv2.cvtColor(rgb_HWC, cv2.COLOR_RGB2GRAY).astype(np.float32)
    core_HW = cv2.erode(mask_HW, np.ones((7, 7), np.uint8), borderValue=0) > 0
    core_HW = core_HW if core_HW.any() else mask_HW > 0
    parts = [_pattern_histogram(grey_HW, core_HW, radius=radius) for radius in (1.0, 2.5)]
    return np.concatenate([*parts, _gradients(grey_HW, core_HW)]).astype(np.float32)


def _pattern_histogram(grey_HW: np.ndarray, core_HW: np.ndarray, *, radius: float) -> np.ndarray:
    brighter = [_shifted(grey_HW, angle, radius) > grey_HW + 1 for angle in np.arange(8) * np.pi / 4]
    bits_8HW = np.stack(brighter).astype(np.uint8)
    changes_HW = (bits_8HW != np.roll(bits_8HW, 1, axis=0)).sum(axis=0)
    code_HW = np.where(changes_HW <= 2, bits_8HW.sum(axis=0), 9)
    counts = np.bincount(code_HW[core_HW].ravel(), minlength=10)
    return counts / counts.sum()


def _shifted(grey_HW: np.ndarray, angle: float, radius: float) -> np.ndarray:
    matrix = np.array([[1, 0, radius * np.cos(angle)], [0, 1, radius * np.sin(angle)]])
    size = grey_HW.shape[::-1]
    return cv2.warpAffine(grey_HW, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _gradients(grey_HW: np.ndarray, core_HW: np.ndarray) -> np.ndarray:
    """Histogram (12,) of gradient strength, logarithmic, relative to the pill's lightness."""
    dx_HW, dy_HW = cv2.Sobel(grey_HW, cv2.CV_32F, 1, 0), cv2.Sobel(grey_HW, cv2.CV_32F, 0, 1)
    strength_N = np.hypot(dx_HW, dy_HW)[core_HW] / max(float(grey_HW[core_HW].mean()), 16.0)
    counts, _ = np.histogram(np.log2(np.clip(strength_N, 2**-6, 2**2)), bins=12, range=(-6, 2.001))
    return counts / counts.sum()
