"""A small picture as locating sees it: smoothed colour, and a model of the surface that the pill lies on.

H W: rows and columns in pixels, C: L, a, b of CIE Lab, K: terms of a plane, N: samples.
"""

from dataclasses import dataclass

import cv2
import numpy as np

PAD_PX = 8
_BORDER_SHARE = 0.03
_CORNER_SHARE = 0.15


@dataclass(frozen=True)
class Scene:
    """A small picture: smoothed colour, the background's colour behind it, and the background's own spread.

    The outermost `PAD_PX` pixels are not seen but made up from the background, so that a pill may touch the
    picture's edge.
    """

    lab_HWC: np.ndarray
    background_HWC: np.ndarray
    noise: float


def scene_of(rgb_HWC: np.ndarray) -> Scene:
    """The picture in Lab, set into a frame of its own background so that a pill may touch the edge."""
    lab_HWC = cv2.cvtColor(cv2.medianBlur(rgb_HWC, 3), cv2.COLOR_RGB2LAB).astype(np.float32)
    lab_HWC = lab_HWC * np.array([100 / 255, 1, 1], np.float32) - np.array([0, 128, 128], np.float32)
    plane_KC, noise = _background(lab_HWC)
    height, width = lab_HWC.shape[:2]
    background_HWC = _plane(plane_KC, _across(height, pad=PAD_PX), _across(width, pad=PAD_PX))
    framed_HWC = background_HWC.copy()
    framed_HWC[PAD_PX:-PAD_PX, PAD_PX:-PAD_PX] = lab_HWC
    return Scene(framed_HWC, background_HWC, noise)


def _across(size_px: int, *, pad: int = 0) -> np.ndarray:
    """Positions of the pixels along one side: -1 to 1 across the picture, beyond that in the padding."""
    return (np.arange(-pad, size_px + pad) * (2 / (size_px - 1)) - 1).astype(np.float32)


def _plane(plane_KC: np.ndarray, y_H: np.ndarray, x_W: np.ndarray) -> np.ndarray:
    return (plane_KC[0] + x_W[:, None] * plane_KC[1])[None] + (y_H[:, None] * plane_KC[2])[:, None]


def _background(lab_HWC: np.ndarray) -> tuple[np.ndarray, float]:
    """A tilted plane of colour (K: 1, x, y; C) through the border, and its spread there.

    It starts from the corners, which a pill covers last, and leaves out what does not fit.
    """
    samples_NC, design_NK = _border_samples(lab_HWC)
    corner_N = np.abs(design_NK[:, 1:]).min(axis=1) > 1 - 2 * _CORNER_SHARE
    middle_C = np.median(samples_NC[corner_N], axis=0)
    weight_N = np.exp(-((np.linalg.norm(samples_NC - middle_C, axis=1) / 12) ** 2)) * (0.2 + corner_N)
    for _ in range(4):
        weighted_NK = design_NK * weight_N[:, None]
        plane_KC = np.linalg.solve(weighted_NK.T @ design_NK + 1e-2 * np.eye(3), weighted_NK.T @ samples_NC)
        residual_N = np.linalg.norm(samples_NC - design_NK @ plane_KC, axis=1)
        noise = float(np.median(residual_N[corner_N]))
        weight_N = (0.2 + corner_N) / (1 + (residual_N / (2.5 * noise + 1.0)) ** 4)
    return plane_KC.astype(np.float32), noise


def _border_samples(lab_HWC: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Colours (N, C) of every second pixel of the border's rings, and the terms (N, K: 1, x, y) there."""
    height, width = lab_HWC.shape[:2]
    thick = max(2, round(_BORDER_SHARE * max(height, width)))
    y_H, x_W = np.arange(0, height, 2), np.arange(0, width, 2)
    rings = range(0, thick, 2)
    rows = [(np.full_like(x_W, row), x_W) for ring in rings for row in (ring, height - 1 - ring)]
    columns = [(y_H, np.full_like(y_H, column)) for ring in rings for column in (ring, width - 1 - ring)]
    y_N, x_N = (np.concatenate(part) for part in zip(*rows, *columns, strict=True))
    terms = [np.ones(len(x_N)), 2 * x_N / (width - 1) - 1, 2 * y_N / (height - 1) - 1]
    return lab_HWC[y_N, x_N], np.stack(terms, axis=1)
