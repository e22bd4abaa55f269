"""What the finder shall show on a canvas: cores of lines, their reading direction, and where it does not count.

Cores as in Liao et al. (AAAI 2020): lines shrunk by the offset that `bentos.runtime.text_regions` grows back.
h w: rows and columns at a quarter of the canvas.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from bentos.runtime.text_regions import core_offset
from training.reading.lines import extent
from training.reading.photograph import Canvas

STRIDE = 4
_FIXED_BITS = 4
_COVERED = 0.3
_NEARLY_OUTSIDE = 0.05


@dataclass(frozen=True)
class FinderTarget:
    """Core (h, w) 0 or 1, direction (2, h, w) as unit vectors on cores, weight (h, w) 0 or 1; float32."""

    core_hw: np.ndarray
    direction_2hw: np.ndarray
    weight_hw: np.ndarray


def finder_target(canvas: Canvas) -> FinderTarget:
    """Draw the target; where the imprint is not known whole, only lines and surroundings count."""
    height, width = (length // STRIDE for length in canvas.weight_HW.shape)
    core_hw, direction_2hw = np.zeros((height, width), np.float32), np.zeros((2, height, width), np.float32)
    weight_hw = np.ones((height, width), np.float32)
    if not canvas.complete:
        pill_hw = cv2.resize(canvas.weight_HW, (width, height), interpolation=cv2.INTER_AREA)
        weight_hw = (pill_hw < _NEARLY_OUTSIDE).astype(np.float32)
    for quad_4X in canvas.ambiguous:
        weight_hw[_inside(quad_4X, (height, width))] = 0
    for line in canvas.lines:
        weight_hw[_inside(line.quad_4X, (height, width))] = 1
    for line in canvas.lines:
        inside_hw = _inside(core_quad(line.quad_4X), (height, width))
        core_hw[inside_hw] = 1
        direction_2hw[:, inside_hw] = extent(line.quad_4X)[0][:, None]
    return FinderTarget(core_hw, direction_2hw, weight_hw)


def core_quad(quad_4X: np.ndarray) -> np.ndarray:
    """The line's quad shrunk to its core."""
    along_X, across_X, width, height = extent(quad_4X)
    inwards = np.array([along_X + across_X, across_X - along_X, -along_X - across_X, along_X - across_X])
    return quad_4X + inwards * core_offset(width, height)


def _inside(quad_4X: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The coarse pixels (h, w) of which a quad covers enough: so much that even a thin one is not torn."""
    drawn = np.zeros((shape[0] * STRIDE, shape[1] * STRIDE), np.float32)
    cv2.fillPoly(drawn, [np.rint(quad_4X * 2**_FIXED_BITS).astype(np.int32)], 1.0, shift=_FIXED_BITS)
    return cv2.resize(drawn, shape[::-1], interpolation=cv2.INTER_AREA) > _COVERED
