"""A located pill to a network's input; the one place where crops and batches are made.

H W: rows and columns, C: red, green, blue, S: crop size in pixels, B: crops.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from bentos.runtime.contract import PreprocessSpec
from bentos.runtime.locate import Located

ELONGATED_FROM = 1.15
_FEATHER_PX = 1.5
_PLAIN_SCALE, _OVERSAMPLED = 0.6, 1.25
_SURFACE_WEIGHT, _LEAST_SURFACE, _BAR_LEVEL = 0.01, 0.02, 24


def crop_pill(rgb_HWC: np.ndarray, located: Located, *, spec: PreprocessSpec) -> np.ndarray:
    """Crop one pill to uint8 (S, S, 3): centred, scaled to fill S less the margin, long axis horizontal.

    A pill with no clear long axis is left as it lies. The background is filled with `fill_rgb` behind a
    feathered outline, or with the surface's own colour, unless the spec keeps it.
    """
    size = (spec.size_px, spec.size_px)
    whole = spec.keep_background or spec.fill_with_surface
    crop_SSC, weight_SS = pill_canvas(rgb_HWC, located, size=size, margin=spec.margin, whole=whole)
    if spec.keep_background:
        return crop_SSC
    known = spec.fill_with_surface and not located.cut_out
    fill_rgb = surface_rgb(crop_SSC, weight_SS, unknown=spec.fill_rgb) if known else spec.fill_rgb
    return filled_behind(crop_SSC, weight_SS, fill_rgb=fill_rgb)


def pill_canvas(
    rgb_HWC: np.ndarray, located: Located, *, size: tuple[int, int], margin: float, whole: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """One pill on a canvas of `size` (width, height) px, as large as fits less the margin, long axis horizontal.

    Returns the uint8 pixels and the pill's feathered weight, float32 from 0 to 1. `whole` keeps more of the
    surroundings around a pill that is turned.
    """
    turn, scale = _turn(located, size=size, margin=margin)
    view = _view(rgb_HWC, located, scale=scale, keep_background=whole)
    matrix = _placement(located, view, turn=turn, size=size)
    pixels_HWC = cv2.warpAffine(view.rgb_HWC, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return pixels_HWC, _feathered(cv2.warpAffine(view.mask_HW, matrix, size, flags=cv2.INTER_LINEAR))


def surface_rgb(
    pixels_HWC: np.ndarray, weight_HW: np.ndarray, *, unknown: tuple[float, float, float]
) -> tuple[float, float, float]:
    """The middle colour of what the pill lies on, channel by channel; `unknown` where too little of it is seen.

    Black bars that pad a picture are no surface. Every second row and column will do.
    """
    around_NC = pixels_HWC[::2, ::2][weight_HW[::2, ::2] <= _SURFACE_WEIGHT]
    seen_NC = around_NC[around_NC.max(axis=1, initial=0) > _BAR_LEVEL]
    if len(seen_NC) < _LEAST_SURFACE * weight_HW.size / 4:
        return unknown
    return tuple(np.median(seen_NC, axis=0).tolist())


def filled_behind(pixels_HWC: np.ndarray, weight_HW: np.ndarray, *, fill_rgb: tuple[float, float, float]) -> np.ndarray:
    """The pixels by their weight over a plain colour, uint8 (H, W, 3)."""
    weight_HW1 = weight_HW[..., None]
    return (pixels_HWC * weight_HW1 + np.array(fill_rgb, np.float32) * (1 - weight_HW1) + 0.5).astype(np.uint8)


def to_batch(crops: Sequence[np.ndarray], *, spec: PreprocessSpec) -> np.ndarray:
    """uint8 crops (S, S, 3) to one normalised float32 batch (B, 3, S, S)."""
    size = spec.size_px
    pixels_BSSC = np.stack(crops) if len(crops) else np.zeros((0, size, size, 3), np.uint8)
    gain_C = 1 / (255 * np.array(spec.std, np.float32))
    offset_C = np.array(spec.mean, np.float32) / np.array(spec.std, np.float32)
    return np.ascontiguousarray((pixels_BSSC * gain_C - offset_C).transpose(0, 3, 1, 2), dtype=np.float32)


@dataclass(frozen=True)
class _View:
    """The pill's surroundings and mask (0 or 255), scaled by `shrunk` (x, y), their corner at `left`, `top`."""

    rgb_HWC: np.ndarray
    mask_HW: np.ndarray
    left: int
    top: int
    shrunk: tuple[float, float]


def _view(rgb_HWC: np.ndarray, located: Located, *, scale: float, keep_background: bool) -> _View:
    """Cut out the surroundings; average them down to little above the crop's resolution, so that nothing aliases."""
    box = located.box
    border = round(located.length_px if keep_background else 4 / scale + 4)
    left, top = max(box.x - border, 0), max(box.y - border, 0)
    window = np.s_[top : box.y + box.height + border, left : box.x + box.width + border]
    part_HWC, mask_HW = rgb_HWC[window], located.mask_HW[window].astype(np.uint8) * 255
    if scale > _PLAIN_SCALE:
        return _View(part_HWC, mask_HW, left, top, (1.0, 1.0))
    height, width = mask_HW.shape
    size = (max(1, round(width * scale * _OVERSAMPLED)), max(1, round(height * scale * _OVERSAMPLED)))
    small_HWC, small_HW = (cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) for pixels in (part_HWC, mask_HW))
    return _View(small_HWC, small_HW, left, top, (size[0] / width, size[1] / height))


def canvas_matrix(located: Located, *, size: tuple[int, int], margin: float) -> np.ndarray:
    """The (2, 3) matrix from the picture's pixels to those of `pill_canvas`."""
    turn, _ = _turn(located, size=size, margin=margin)
    offset = (np.array(size) - 1) / 2 - turn @ np.array(located.centre_xy)
    return np.hstack([turn, offset[:, None]])


def _turn(located: Located, *, size: tuple[int, int], margin: float) -> tuple[np.ndarray, float]:
    """The (2, 2) matrix that levels the pill and scales it to the canvas, and its scale."""
    share = 1 + 2 * margin
    long = located.length_px >= ELONGATED_FROM * located.width_px
    across_px = located.width_px if long else located.length_px
    scale = min(size[0] / (located.length_px * share), size[1] / (across_px * share))
    return cv2.getRotationMatrix2D((0, 0), located.angle_deg if long else 0.0, scale)[:, :2], scale


def _placement(located: Located, view: _View, *, turn: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The (2, 3) matrix from the view's pixels to the canvas's."""
    centre_X = np.array(located.centre_xy) - (view.left, view.top)
    shrunk_X = np.array(view.shrunk)
    linear = turn / shrunk_X
    offset = (np.array(size) - 1) / 2 - turn @ centre_X + linear @ (0.5 - 0.5 * shrunk_X)
    return np.hstack([linear, offset[:, None]])


def _feathered(soft_SS: np.ndarray) -> np.ndarray:
    """Weight of the pill's pixels, 0 to 1, falling off over about a pixel on either side of the outline."""
    return cv2.GaussianBlur(soft_SS, (0, 0), _FEATHER_PX / 2).astype(np.float32) / 255
