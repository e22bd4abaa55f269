"""A located pill to a network's input; the one place where crops and batches are made.

H W: rows and columns, C: red, green, blue, S: crop size in pixels, B: crops.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from bentos.runtime.contract import PreprocessSpec
from bentos.runtime.locate import Located

ELONGATED_FROM = 1.15
_FEATHER_PX = 1.5


def crop_pill(rgb_HWC: np.ndarray, located: Located, *, spec: PreprocessSpec) -> np.ndarray:
    """Crop one pill to uint8 (S, S, 3): centred, scaled to fill S less the margin, long axis horizontal.

    A pill with no clear long axis is left as it lies. The background is filled with `fill_rgb` behind a
    feathered outline, unless the spec keeps it.
    """
    scale = spec.size_px / (located.length_px * (1 + 2 * spec.margin))
    rgb_HWC, mask_HW, shrunk = _shrunk(rgb_HWC, located, scale=scale)
    matrix = _placement(located, scale=scale, shrunk=shrunk, size_px=spec.size_px)
    size = (spec.size_px, spec.size_px)
    crop_SSC = cv2.warpAffine(rgb_HWC, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if spec.keep_background:
        return crop_SSC
    soft_SS = cv2.warpAffine(mask_HW, matrix, size, flags=cv2.INTER_LINEAR)
    weight_SS1 = _feathered(soft_SS)[..., None]
    fill_C = np.array(spec.fill_rgb, np.float32)
    return (crop_SSC * weight_SS1 + fill_C * (1 - weight_SS1) + 0.5).astype(np.uint8)


def to_batch(crops: Sequence[np.ndarray], *, spec: PreprocessSpec) -> np.ndarray:
    """uint8 crops (S, S, 3) to one normalised float32 batch (B, 3, S, S)."""
    size = spec.size_px
    pixels_BSSC = np.stack(crops) if len(crops) else np.zeros((0, size, size, 3), np.uint8)
    gain_C = 1 / (255 * np.array(spec.std, np.float32))
    offset_C = np.array(spec.mean, np.float32) / np.array(spec.std, np.float32)
    return np.ascontiguousarray((pixels_BSSC * gain_C - offset_C).transpose(0, 3, 1, 2), dtype=np.float32)


def _shrunk(rgb_HWC: np.ndarray, located: Located, *, scale: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Average large pictures down to at most twice the crop's resolution first, so that sampling does not alias."""
    mask_HW = located.mask_HW.astype(np.uint8) * 255
    if scale > 0.6:
        return rgb_HWC, mask_HW, 1.0
    size = (max(1, round(rgb_HWC.shape[1] * scale * 1.25)), max(1, round(rgb_HWC.shape[0] * scale * 1.25)))
    shrunk = size[0] / rgb_HWC.shape[1]
    area = cv2.INTER_AREA
    return cv2.resize(rgb_HWC, size, interpolation=area), cv2.resize(mask_HW, size, interpolation=area), shrunk


def _placement(located: Located, *, scale: float, shrunk: float, size_px: int) -> np.ndarray:
    """The (2, 3) matrix from picture pixels to crop pixels."""
    long = located.length_px >= ELONGATED_FROM * located.width_px
    matrix = cv2.getRotationMatrix2D((0, 0), located.angle_deg if long else 0.0, scale / shrunk)
    centre = (np.array(located.centre_xy) + 0.5) * shrunk - 0.5
    matrix[:, 2] = (size_px - 1) / 2 - matrix[:, :2] @ centre
    return matrix


def _feathered(soft_SS: np.ndarray) -> np.ndarray:
    """Weight of the pill's pixels, 0 to 1, falling off over about a pixel on either side of the outline."""
    return cv2.GaussianBlur(soft_SS, (0, 0), _FEATHER_PX / 2).astype(np.float32) / 255
