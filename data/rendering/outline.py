"""The outline of each of the 19 SPL shapes as a mask with its distance to the rim."""

from collections.abc import Callable
from types import MappingProxyType

import cv2
import numpy as np

from bentos.runtime.medication import Medication
from data.rendering.form import Form
from data.rendering.stable import look_rng

_OVERSAMPLING = 2
_TURN = np.linspace(0, 2 * np.pi, 181)[:-1]
Polygons = list[np.ndarray]

_CORNER_RADIUS = {"RECTANGLE": 0.16, "SQUARE": 0.16, "DIAMOND": 0.2, "TRIANGLE": 0.2, "TRAPEZOID": 0.14}
_DEFAULT_CORNER_RADIUS = 0.1


def distance_inside(medication: Medication, form: Form, *, length_px: int, pad_px: int) -> np.ndarray:
    """Distance to the rim in pixels, (H, W) float32, negative outside; the long axis lies along x."""
    scale = length_px * _OVERSAMPLING
    height, width = round(scale * form.width), scale
    pad = pad_px * _OVERSAMPLING
    mask = np.zeros((height + 2 * pad, width + 2 * pad), np.uint8)
    for polygon in _polygons(medication, form):
        pixels = np.column_stack(
            [polygon[:, 0] * width / 2 + mask.shape[1] / 2, polygon[:, 1] * height / 2 + mask.shape[0] / 2]
        )
        cv2.fillPoly(mask, [np.round(pixels * 16).astype(np.int32)], 255, lineType=cv2.LINE_8, shift=4)
    mask = _rounded(mask, radius=_corner_radius(medication) * min(height, width))
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    outside = cv2.distanceTransform(255 - mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    signed = (inside - outside) / _OVERSAMPLING
    size = (mask.shape[1] // _OVERSAMPLING, mask.shape[0] // _OVERSAMPLING)
    return cv2.resize(signed, size, interpolation=cv2.INTER_AREA)


def _corner_radius(medication: Medication) -> float:
    if medication.shape in ("ROUND", "OVAL", "CAPSULE", "DOUBLE CIRCLE", "FREEFORM"):
        return 0.0
    if medication.shape in ("GEAR", "CLOVER", "TEAR"):
        return 0.03
    return _CORNER_RADIUS.get(medication.shape, _DEFAULT_CORNER_RADIUS)


def _rounded(mask: np.ndarray, *, radius: float) -> np.ndarray:
    """Round the convex corners: what a disk of `radius` inside the mask can reach."""
    if radius < 1:
        return mask
    core = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) > radius
    reach = cv2.distanceTransform((~core).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return ((reach < radius) * 255).astype(np.uint8)


def _polygons(medication: Medication, form: Form) -> Polygons:
    """Polygons whose union is the shape; x and y run from -1 to 1 over length and width."""
    polygons = OUTLINES[medication.shape](form, look_rng(medication, "outline"))
    points = np.vstack(polygons)
    low, high = points.min(axis=0), points.max(axis=0)
    return [(polygon - (low + high) / 2) / ((high - low) / 2) for polygon in polygons]


def _round(_form: Form, _rng: np.random.Generator) -> Polygons:
    return [np.column_stack([np.cos(_TURN), np.sin(_TURN)])]


def _oval(_form: Form, rng: np.random.Generator) -> Polygons:
    power = rng.uniform(2.0, 2.7)
    cos, sin = np.cos(_TURN), np.sin(_TURN)
    return [np.column_stack([np.sign(cos) * np.abs(cos) ** (2 / power), np.sign(sin) * np.abs(sin) ** (2 / power)])]


def _capsule(form: Form, _rng: np.random.Generator) -> Polygons:
    cos, sin = np.cos(_TURN) * form.width, np.sin(_TURN) * form.width
    return [np.column_stack([cos + np.sign(cos) * (1 - form.width), sin])]


def _bullet(_form: Form, _rng: np.random.Generator) -> Polygons:
    turn = np.linspace(-np.pi / 2, np.pi / 2, 91)
    nose = np.column_stack([np.cos(turn) * 0.9, np.sin(turn)])
    return [np.vstack([nose, [[-1.0, 1.0], [-1.0, -1.0]]])]


def _clover(_form: Form, _rng: np.random.Generator) -> Polygons:
    radius = 1 + 0.22 * np.cos(4 * _TURN)
    return [np.column_stack([radius * np.cos(_TURN), radius * np.sin(_TURN)])]


def _gear(_form: Form, rng: np.random.Generator) -> Polygons:
    teeth = rng.integers(8, 13)
    radius = 0.92 + 0.08 * np.tanh(6 * np.cos(teeth * _TURN))
    return [np.column_stack([radius * np.cos(_TURN), radius * np.sin(_TURN)])]


def _freeform(_form: Form, rng: np.random.Generator) -> Polygons:
    radius = 1 + sum(rng.uniform(-0.12, 0.12) * np.cos(k * _TURN + rng.uniform(0, 6)) for k in (2, 3, 4))
    return [np.column_stack([radius * np.cos(_TURN), radius * np.sin(_TURN)])]


def _tear(_form: Form, _rng: np.random.Generator) -> Polygons:
    return [np.column_stack([np.cos(_TURN), np.sin(_TURN) * np.sin(_TURN / 2) ** 1.1])]


def _semicircle(_form: Form, _rng: np.random.Generator) -> Polygons:
    turn = np.linspace(np.pi, 2 * np.pi, 91)
    return [np.column_stack([np.cos(turn), np.sin(turn)])]


def _double_circle(form: Form, _rng: np.random.Generator) -> Polygons:
    ball = np.column_stack([np.cos(_TURN) * form.width, np.sin(_TURN)])
    apart = np.array([1 - form.width, 0])
    return [ball - apart, ball + apart]


def _corners(*points: tuple[float, float]) -> Callable[[Form, np.random.Generator], Polygons]:
    return lambda _form, _rng: [np.array(points, float)]


def _regular(num_sides: int) -> Callable[[Form, np.random.Generator], Polygons]:
    turn = 2 * np.pi * np.arange(num_sides) / num_sides - np.pi / 2
    if num_sides % 2 == 0:
        turn = turn + np.pi / num_sides * (num_sides == 8)
    if num_sides == 6:
        turn = turn + np.pi / 2
    points = np.column_stack([np.cos(turn), np.sin(turn)])
    return lambda _form, _rng: [points]


OUTLINES: MappingProxyType[str, Callable[[Form, np.random.Generator], Polygons]] = MappingProxyType(
    {
        "BULLET": _bullet,
        "CAPSULE": _capsule,
        "CLOVER": _clover,
        "DIAMOND": _corners((1, 0), (0, 1), (-1, 0), (0, -1)),
        "DOUBLE CIRCLE": _double_circle,
        "FREEFORM": _freeform,
        "GEAR": _gear,
        "HEPTAGON (7 sided)": _regular(7),
        "HEXAGON (6 sided)": _regular(6),
        "OCTAGON (8 sided)": _regular(8),
        "OVAL": _oval,
        "PENTAGON (5 sided)": _regular(5),
        "RECTANGLE": _corners((1, 1), (-1, 1), (-1, -1), (1, -1)),
        "ROUND": _round,
        "SEMI-CIRCLE": _semicircle,
        "SQUARE": _corners((1, 1), (-1, 1), (-1, -1), (1, -1)),
        "TEAR": _tear,
        "TRAPEZOID": _corners((1, 1), (-1, 1), (-0.68, -1), (0.68, -1)),
        "TRIANGLE": _regular(3),
    }
)
