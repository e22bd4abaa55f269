"""Where the pills are in a picture: mask, box, long axis; best first, nothing where there is no pill.

H W: rows and columns in pixels, C: red, green, blue.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from bentos.runtime.answer import Box
from bentos.runtime.outline import Outline, find_outlines

_COARSE_SIDE_PX = 176
_FINE_BELOW = 0.6
_FINE_BORDER = 0.3
_SOLID_ALPHA = 127
_MIN_CUT_OUT_SHARE = 0.002
_BAR_LEVEL = 24
_MIN_BAR_SHARE = 0.02


@dataclass(frozen=True)
class Located:
    """One pill. `mask_HW` (bool) is as large as the picture; lengths are in its pixels.

    `angle_deg` is the direction of the long axis against the horizontal, in (-90, 90], clockwise in the
    picture (y points down). `confidence` is between 0 and 1.
    """

    mask_HW: np.ndarray
    box: Box
    centre_xy: tuple[float, float]
    angle_deg: float
    length_px: float
    width_px: float
    confidence: float


def locate(rgb_HWC: np.ndarray, *, alpha_HW: np.ndarray | None = None) -> list[Located]:
    """Find the pills in a uint8 RGB picture, best first; [] where there is none.

    Where the picture is a cut-out, `alpha_HW` (uint8) says where the pill is.
    """
    if alpha_HW is not None:
        return _cut_outs(alpha_HW)
    rows, columns = _without_bars(rgb_HWC)
    inner_HWC = rgb_HWC[rows, columns]
    outlines = _outlines(inner_HWC)
    return [_located(_placed(o.mask_HW, rgb_HWC.shape[:2], rows, columns), o.confidence) for o in outlines]


def _cut_outs(alpha_HW: np.ndarray) -> list[Located]:
    num, labels_HW, stats, _ = cv2.connectedComponentsWithStats((alpha_HW > _SOLID_ALPHA).astype(np.uint8))
    areas = stats[1:num, cv2.CC_STAT_AREA]
    large = [i + 1 for i in np.argsort(-areas) if areas[i] >= max(_MIN_CUT_OUT_SHARE * alpha_HW.size, areas.max() / 4)]
    return [_located(labels_HW == i, 1.0) for i in large]


def _outlines(rgb_HWC: np.ndarray) -> list[Outline]:
    """Look at the whole picture small; where the pill is small, look again closer."""
    height, width = rgb_HWC.shape[:2]
    scale = min(1.0, _COARSE_SIDE_PX / max(height, width))
    small_HWC = _scaled(rgb_HWC, (max(1, round(width * scale)), max(1, round(height * scale))), cv2.INTER_AREA)
    found = []
    for outline in find_outlines(small_HWC):
        mask_HW = _grown(outline.mask_HW, (width, height))
        found.append(Outline(_closer(rgb_HWC, mask_HW) if scale < 1 else mask_HW, outline.confidence))
    return found


def _closer(rgb_HWC: np.ndarray, mask_HW: np.ndarray) -> np.ndarray:
    """The outline found again in the surroundings of a pill that fills little of the picture."""
    x, y, width, height = cv2.boundingRect(mask_HW.astype(np.uint8))
    longest = max(width, height)
    if longest > _FINE_BELOW * max(mask_HW.shape):
        return mask_HW
    border = math.ceil(_FINE_BORDER * longest)
    rows, columns = slice(max(y - border, 0), y + height + border), slice(max(x - border, 0), x + width + border)
    around_HWC, coarse_HW = rgb_HWC[rows, columns], mask_HW[rows, columns]
    scale = min(1.0, _COARSE_SIDE_PX / max(around_HWC.shape[:2]))
    size = (max(1, round(around_HWC.shape[1] * scale)), max(1, round(around_HWC.shape[0] * scale)))
    for outline in find_outlines(_scaled(around_HWC, size, cv2.INTER_AREA)):
        fine_HW = _grown(outline.mask_HW, coarse_HW.shape[::-1])
        if (fine_HW & coarse_HW).sum() > 0.7 * (fine_HW | coarse_HW).sum():
            return _placed(fine_HW, mask_HW.shape, rows, columns)
    return mask_HW


def _scaled(pixels: np.ndarray, size: tuple[int, int], how: int) -> np.ndarray:
    return pixels if pixels.shape[1::-1] == size else cv2.resize(pixels, size, interpolation=how)


def _grown(mask_HW: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    soft_HW = _scaled(mask_HW.astype(np.uint8) * 255, size, cv2.INTER_LINEAR)
    ratio = size[0] / mask_HW.shape[1]
    return (cv2.GaussianBlur(soft_HW, (0, 0), ratio) if ratio > 1.2 else soft_HW) > 127


def _placed(mask_HW: np.ndarray, shape: tuple[int, int], rows: slice, columns: slice) -> np.ndarray:
    whole_HW = np.zeros(shape, bool)
    whole_HW[rows, columns] = mask_HW
    return whole_HW


def _without_bars(rgb_HWC: np.ndarray) -> tuple[slice, slice]:
    """The picture without the black bars that pad it to a square."""
    peak_HW = rgb_HWC.max(axis=2)
    return _inner(peak_HW.max(axis=1)), _inner(peak_HW.max(axis=0))


def _inner(peak_N: np.ndarray) -> slice:
    bright = np.flatnonzero(peak_N > _BAR_LEVEL)
    if len(bright) < len(peak_N) / 8:
        return slice(0, len(peak_N))
    start, stop = int(bright[0]), int(bright[-1]) + 1
    shortest = max(3, _MIN_BAR_SHARE * len(peak_N))
    return slice(start + 2 if start >= shortest else 0, stop - 2 if len(peak_N) - stop >= shortest else len(peak_N))


def _located(mask_HW: np.ndarray, confidence: float) -> Located:
    points = cv2.findNonZero(mask_HW.astype(np.uint8))
    x, y, width, height = cv2.boundingRect(points)
    centre_xy, (first, second), turn = cv2.minAreaRect(cv2.convexHull(points))
    angle = turn if first >= second else turn + 90
    return Located(
        mask_HW=mask_HW,
        box=Box(x=x, y=y, width=width, height=height),
        centre_xy=(float(centre_xy[0]), float(centre_xy[1])),
        angle_deg=float(90 - (90 - angle) % 180),
        length_px=float(max(first, second) + 1),
        width_px=float(min(first, second) + 1),
        confidence=confidence,
    )
