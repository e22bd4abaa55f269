"""Lines of text on a side: where they lie, what they say, and how they move with the picture.

X: x and y in pixels; a quad is four corners (4, 2), clockwise from the left end's top.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from training.pretrain.pack import Side


@dataclass(frozen=True)
class TextLine:
    """One line: its quad on the side's picture and its folded text."""

    quad_4X: np.ndarray
    text: str


@dataclass(frozen=True)
class LabelledSide:
    """A side with the lines known to stand on it.

    `ambiguous` quads may or may not be text. `complete`: the pill's whole imprint was found, so that what is
    neither line nor ambiguous is no text.
    """

    side: Side
    lines: tuple[TextLine, ...]
    ambiguous: tuple[np.ndarray, ...]
    complete: bool


def moved(points_NX: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The points under a (2, 3) affine matrix."""
    return points_NX @ matrix[:, :2].T + matrix[:, 2]


def overlap(quad_4X: np.ndarray, other_4X: np.ndarray) -> float:
    """The common area of two convex quads as a share of the smaller one."""
    both, _ = cv2.intersectConvexConvex(*(np.asarray(quad, np.float32) for quad in (quad_4X, other_4X)))
    least = min(cv2.contourArea(np.asarray(quad, np.float32)) for quad in (quad_4X, other_4X))
    return both / max(least, 1.0)


def extent(quad_4X: np.ndarray) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Unit vectors along and across the line, and its width and height."""
    along_X, across_X = quad_4X[1] - quad_4X[0], quad_4X[3] - quad_4X[0]
    width, height = max(float(np.hypot(*along_X)), 1e-3), max(float(np.hypot(*across_X)), 1e-3)
    return along_X / width, across_X / height, width, height
