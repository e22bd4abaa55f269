"""A line of text on a canvas, straightened to the strip that the reader takes.

Shapes: H W canvas in px, N strips. A quad is four corners (4, 2), clockwise from the left end's top.
"""

import cv2
import numpy as np

from bentos.runtime.contract import ReaderSpec

_UPRIGHT_UP_TO = 1.45


def quarter_turns(quad_XY: np.ndarray) -> tuple[int, ...]:
    """Quarter turns in which a line may be read; a stubby one may stand upright as well."""
    return (0, 2) if _aspect(quad_XY) > _UPRIGHT_UP_TO else (0, 2, 1, 3)


def turned(quad_XY: np.ndarray, turn: int) -> np.ndarray:
    """The quad whose text is read after `turn` quarter turns."""
    return np.roll(quad_XY, -turn, axis=0)


def strip_size(quad_XY: np.ndarray, *, spec: ReaderSpec) -> tuple[int, int]:
    """Width and height of a line's strip: of the possible widths the one nearest to the line's shape."""
    wanted = spec.strip_height * _aspect(quad_XY)
    return min(spec.strip_widths, key=lambda width: abs(np.log(width / wanted))), spec.strip_height


def strip_of(canvas_HWC: np.ndarray, quad_XY: np.ndarray, *, size: tuple[int, int]) -> np.ndarray:
    """The line straightened to a strip of `size` (width, height), uint8."""
    width, height = size
    corners = np.array([[0, 0], [width, 0], [width, height]], np.float32)
    matrix = cv2.getAffineTransform(quad_XY[:3].astype(np.float32), corners)
    return cv2.warpAffine(canvas_HWC, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def normalised(pixels_NHWC: np.ndarray) -> np.ndarray:
    """uint8 RGB to float32 BGR from -1 to 1, (N, 3, H, W), as the networks' first training had it."""
    return np.ascontiguousarray(pixels_NHWC[..., ::-1].transpose(0, 3, 1, 2), np.float32) / 127.5 - 1


def _aspect(quad_XY: np.ndarray) -> float:
    return float(np.linalg.norm(quad_XY[1] - quad_XY[0]) / max(np.linalg.norm(quad_XY[3] - quad_XY[0]), 1e-6))
