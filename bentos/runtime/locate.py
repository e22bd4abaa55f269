"""Where the pills are in a picture: mask, box, long axis; best first, nothing where there is no pill.

H W: rows and columns in pixels, C: red, green, blue.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from bentos.runtime.answer import Box
from bentos.runtime.outline import Outline, filled, find_outlines, refine_outline

_WORKING_SIDE_PX = 176
_FINE_BELOW = 0.5
_FINE_BORDER = 0.3
_SOLID_ALPHA = 127
_MIN_CUT_OUT_SHARE = 0.002
_DIM_LEVEL, _LIT_LEVEL, _MAX_GAIN = 90, 150, 8.0
_BAR_LEVEL = 24
_MIN_BAR_SHARE = 0.02


@dataclass(frozen=True)
class Located:
    """One pill. `mask_HW` (bool) is as large as the picture; lengths are in its pixels.

    `angle_deg` is the direction of the long axis against the horizontal, in (-90, 90], clockwise in the
    picture (y points down). `confidence` is between 0 and 1. Around a `cut_out` the picture shows no surface.
    """

    mask_HW: np.ndarray
    box: Box
    centre_xy: tuple[float, float]
    angle_deg: float
    length_px: float
    width_px: float
    confidence: float
    cut_out: bool = False


def locate(rgb_HWC: np.ndarray, *, alpha_HW: np.ndarray | None = None) -> list[Located]:
    """Find the pills in a uint8 RGB picture, best first; [] where there is none.

    Where the picture is a cut-out, `alpha_HW` (uint8) says where the pill is.
    """
    if alpha_HW is not None:
        return _cut_outs(alpha_HW)
    rgb_HWC = _lit(rgb_HWC)
    rows, columns = _without_bars(rgb_HWC)
    outlines = _outlines(rgb_HWC[rows, columns])
    start = np.array([columns.start, rows.start])
    masks = [(filled(o.points_NX + start, rgb_HWC.shape[:2]), o.confidence) for o in outlines]
    return [_located(mask_HW, confidence) for mask_HW, confidence in masks if mask_HW.any()]


def _cut_outs(alpha_HW: np.ndarray) -> list[Located]:
    num, labels_HW, stats, _ = cv2.connectedComponentsWithStats((alpha_HW > _SOLID_ALPHA).astype(np.uint8))
    areas = stats[1:num, cv2.CC_STAT_AREA]
    large = [i + 1 for i in np.argsort(-areas) if areas[i] >= max(_MIN_CUT_OUT_SHARE * alpha_HW.size, areas.max() / 4)]
    return [_located(labels_HW == i, 1.0, cut_out=True) for i in large]


def _outlines(rgb_HWC: np.ndarray) -> list[Outline]:
    """Look at the whole picture small; where that lost detail, look at each pill again closer."""
    small_HWC, scale = _at_working_size(rgb_HWC)
    found = find_outlines(small_HWC)
    return (
        [_closer(rgb_HWC, _scaled(outline, 1 / scale)) for outline in found]
        if scale < _FINE_BELOW
        else [_scaled(outline, 1 / scale) for outline in found]
    )


def _closer(rgb_HWC: np.ndarray, coarse: Outline) -> Outline:
    """The outline snapped again to the surroundings of the pill, seen at the working size."""
    low_X, high_X = coarse.points_NX.min(axis=0), coarse.points_NX.max(axis=0)
    border = _FINE_BORDER * float((high_X - low_X).max())
    left, top = (max(0, math.floor(v - border)) for v in low_X)
    right, bottom = (math.ceil(v + border) + 1 for v in high_X)
    around_HWC, scale = _at_working_size(rgb_HWC[top:bottom, left:right])
    corner_X = np.array([left, top])
    fine = refine_outline(around_HWC, _scaled(Outline(coarse.points_NX - corner_X, coarse.confidence), scale))
    fine = _scaled(fine, 1 / scale)
    return Outline(fine.points_NX + corner_X, fine.confidence)


def _at_working_size(rgb_HWC: np.ndarray) -> tuple[np.ndarray, float]:
    height, width = rgb_HWC.shape[:2]
    scale = min(1.0, _WORKING_SIDE_PX / max(height, width))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    return (cv2.resize(rgb_HWC, size, interpolation=cv2.INTER_AREA), scale) if scale < 1 else (rgb_HWC, 1.0)


def _scaled(outline: Outline, ratio: float) -> Outline:
    return Outline((outline.points_NX + 0.5) * ratio - 0.5, outline.confidence)


def _lit(rgb_HWC: np.ndarray) -> np.ndarray:
    """A very dark picture brightened, so that its steps in colour are as high as in any other."""
    brightest = float(np.percentile(rgb_HWC[::8, ::8], 99))
    if brightest >= _DIM_LEVEL:
        return rgb_HWC
    return cv2.convertScaleAbs(rgb_HWC, alpha=min(_LIT_LEVEL / max(brightest, 1), _MAX_GAIN))


def _without_bars(rgb_HWC: np.ndarray) -> tuple[slice, slice]:
    """The picture without the black bars that pad it to a square; every eighth pixel across a bar will do."""
    return _inner(rgb_HWC[:, ::8].max(axis=(1, 2))), _inner(rgb_HWC[::8].max(axis=(0, 2)))


def _inner(peak_N: np.ndarray) -> slice:
    bright = np.flatnonzero(peak_N > _BAR_LEVEL)
    if len(bright) < len(peak_N) / 8:
        return slice(0, len(peak_N))
    start, stop = int(bright[0]), int(bright[-1]) + 1
    shortest = max(3, _MIN_BAR_SHARE * len(peak_N))
    return slice(start + 2 if start >= shortest else 0, stop - 2 if len(peak_N) - stop >= shortest else len(peak_N))


def _located(mask_HW: np.ndarray, confidence: float, *, cut_out: bool = False) -> Located:
    contours, _ = cv2.findContours(mask_HW.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    points = np.concatenate(contours)
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
        cut_out=cut_out,
    )
