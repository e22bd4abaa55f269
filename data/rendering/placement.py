"""Where the pill lies in the picture: turn, size, tilt of the camera, and the homography that follows."""

from dataclasses import dataclass

import cv2
import numpy as np

from data.rendering.body import LENGTH_PX, Body


@dataclass(frozen=True)
class Placement:
    """`matrix_33` maps the pill's own frame to the picture; `wall_px` is how far the pill's foot lies from its
    upper face in the picture, towards the camera; `scale` is picture pixels to a pixel of the pill's frame."""

    matrix_33: np.ndarray
    angle: float
    tilt: float
    fill: float
    scale: float
    wall_px: np.ndarray


def place(body: Body, rng: np.random.Generator, *, size_px: int) -> Placement:
    """As people photograph pills: any turn, mostly from above, mostly close."""
    angle = rng.uniform(0, 2 * np.pi)
    if body.form.width < 0.75 and rng.random() < 0.5:
        angle = rng.choice([0, np.pi]) + rng.normal(0, 0.12)
    tilt = min(abs(rng.normal(0, np.radians(13))), np.radians(38))
    fill = 0.35 + 0.6 * rng.beta(2.2, 1.1)
    wall = body.form.wall * (1 if tilt > np.radians(5) else 0)
    return _placed(body, rng, angle=angle, tilt=tilt, fill=fill, wall=wall, size_px=size_px)


def place_straight(body: Body, rng: np.random.Generator, *, size_px: int) -> Placement:
    """As in a reference picture: upright, from straight above, filling most of the frame."""
    return _placed(body, rng, angle=0.0, tilt=0.0, fill=0.86, wall=0.0, size_px=size_px)


def _placed(
    body: Body, rng: np.random.Generator, *, angle: float, tilt: float, fill: float, wall: float, size_px: int
) -> Placement:
    toward = rng.normal(np.pi / 2, 0.7)
    lean = np.array([np.cos(toward), np.sin(toward)])
    squeeze = np.eye(2) - (1 - np.cos(tilt)) * np.outer(lean, lean)
    cos, sin = np.cos(angle), np.sin(angle)
    linear = squeeze @ np.array([[cos, -sin], [sin, cos]])
    foot = lean * np.sin(tilt) * wall * LENGTH_PX
    corners = _extent(body, linear)
    low, high = np.minimum(corners[0], corners[0] + foot), np.maximum(corners[1], corners[1] + foot)
    scale = fill * size_px / max(high - low)
    room = np.maximum(size_px - (high - low) * scale, 0) / 2
    middle = size_px / 2 + rng.uniform(-0.8, 0.8, 2) * room * (tilt > 0) - (low + high) / 2 * scale
    height, width = body.alpha_HW.shape
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    matrix = np.eye(3)
    matrix[:2, :2] = linear * scale
    matrix[:2, 2] = middle - linear @ centre * scale
    keystone = np.eye(3)
    keystone[2, :2] = lean * np.sin(tilt) * 0.16 / size_px
    keystone = _fixed(keystone, middle)
    return Placement(keystone @ matrix, angle, tilt, fill, scale, foot * scale)


def _fixed(keystone: np.ndarray, point: np.ndarray) -> np.ndarray:
    """The keystone about a point that stays where it is."""
    shift = np.array([[1, 0, point[0]], [0, 1, point[1]], [0, 0, 1]], float)
    back = np.array([[1, 0, -point[0]], [0, 1, -point[1]], [0, 0, 1]], float)
    return shift @ keystone @ back


def _extent(body: Body, linear: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest corner of the turned outline about its centre, in the pill's pixels."""
    contours, _ = cv2.findContours((body.alpha_HW > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    points = np.vstack(contours)[:, 0].astype(float)
    height, width = body.alpha_HW.shape
    points = (points - [(width - 1) / 2, (height - 1) / 2]) @ linear.T
    return points.min(axis=0), points.max(axis=0)
