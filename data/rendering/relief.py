"""The height of a pill's surface in pixels, and the normals that light sees."""

import cv2
import numpy as np

from data.rendering.form import Form
from data.rendering.layout import Groove, SideLayout
from data.rendering.lettering import Typeface, arc_mask, line_mask


def surface_height(distance_HW: np.ndarray, form: Form, *, length_px: int) -> np.ndarray:
    """Height of the blank pill above its rim, (H, W) float32."""
    inside = np.maximum(distance_HW, 0)
    if form.kind == "hard_capsule":
        return _capsule_height(inside, form, length_px)
    depth = inside / max(float(inside.max()), 1.0)
    if form.kind == "softgel":
        dome = np.sqrt(np.clip(1 - (1 - depth) ** 2, 0, 1)) * form.width * length_px * 0.42
        return cv2.GaussianBlur(dome, (0, 0), 0.006 * length_px)
    dome = cv2.GaussianBlur(1 - (1 - depth) ** 2, (0, 0), 0.03 * length_px) * form.crown * length_px
    slope = np.clip(inside / (form.bevel_width * length_px), 0, 1)
    is_flat = form.crown < 0.03
    bevel = slope if is_flat else np.sqrt(1 - (1 - slope) ** 2)
    height = dome + bevel * form.bevel_height * length_px
    return cv2.GaussianBlur(height, (0, 0), 0.0045 * length_px).astype(np.float32)


def _capsule_height(inside: np.ndarray, form: Form, length_px: int) -> np.ndarray:
    """A cylinder with round ends; the cap (left) is a little thicker and ends in a joint ring."""
    radius = form.width * length_px / 2
    round_profile = np.sqrt(np.clip(1 - (1 - np.clip(inside / radius, 0, 1)) ** 2, 0, 1))
    x = np.linspace(-1, 1, inside.shape[1]) * inside.shape[1] / length_px
    step = 0.05 / (1 + np.exp(-(form.joint - x) * 140))
    ring = -0.02 * np.exp(-(((x - form.joint + 0.26) / 0.02) ** 2))
    height = round_profile * radius * (0.95 + step + ring)[None, :]
    return cv2.GaussianBlur(height.astype(np.float32), (0, 0), 0.008 * length_px)


def groove_mask(layout: SideLayout, *, shape: tuple[int, int], length_px: int) -> np.ndarray:
    """Depth of the score lines from 0 to 1: V-shaped with a soft edge."""
    mask = np.zeros(shape, np.float32)
    half_width = 0.03 * length_px
    y, x = np.indices(shape, np.float32)
    for groove in layout.grooves:
        away = np.abs(_offset_px(groove, x if groove.upright else y, shape, length_px))
        np.maximum(mask, 1 - np.minimum(away / half_width, 1), out=mask)
    return cv2.GaussianBlur(mask, (0, 0), 0.004 * length_px) if layout.grooves else mask


def _offset_px(groove: Groove, along: np.ndarray, shape: tuple[int, int], length_px: int) -> np.ndarray:
    if groove.upright:
        return along - (shape[1] - 1) / 2 - groove.x * length_px / 2
    return along - (shape[0] - 1) / 2 - groove.y * length_px / 2


def imprint_mask(
    layout: SideLayout, typeface: Typeface, *, shape: tuple[int, int], length_px: int, mark: np.ndarray | None
) -> np.ndarray:
    """All text of a side, and the maker's mark, (H, W) float32 from 0 to 1."""
    canvas = np.zeros(shape, np.float32)
    half = length_px / 2
    if mark is not None:
        _paste(canvas, mark, ((shape[1] - 1) / 2 + layout.mark_x * half, (shape[0] - 1) / 2))
    for line in layout.lines:
        centre = ((shape[1] - 1) / 2 + line.x * half, (shape[0] - 1) / 2 + line.y * half)
        if line.arc is not None:
            _paste(canvas, _rim_text(line.text, line.arc, typeface, half), centre)
            continue
        text = line_mask(line.text, typeface)
        scale = min(line.height * half / text.shape[0], line.width * half / text.shape[1])
        stretch = min(1.25, line.height * half / (text.shape[0] * scale))
        size = (max(2, round(text.shape[1] * scale)), max(2, round(text.shape[0] * scale * stretch)))
        text = cv2.resize(text, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        _paste(canvas, np.rot90(text) if line.angle_deg == 90 else text, centre)
    return canvas


def _rim_text(text: str, arc: str, typeface: Typeface, half_px: float) -> np.ndarray:
    height = min(0.27, 2.6 / len(text)) * half_px
    return arc_mask(text, typeface, radius_px=0.66 * half_px, height_px=height, below=arc == "below")


def _paste(canvas: np.ndarray, patch: np.ndarray, centre: tuple[float, float]) -> None:
    """Add a patch around a centre; what lies outside the canvas is cut off."""
    left, top = round(centre[0] - patch.shape[1] / 2), round(centre[1] - patch.shape[0] / 2)
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + patch.shape[1], canvas.shape[1]), min(top + patch.shape[0], canvas.shape[0])
    if x1 <= x0 or y1 <= y0:
        return
    window = canvas[y0:y1, x0:x1]
    np.maximum(window, patch[y0 - top : y1 - top, x0 - left : x1 - left], out=window)


def normals_of(height_HW: np.ndarray) -> np.ndarray:
    """Unit normals (H, W, 3): x right, y down, z towards the viewer."""
    dx = cv2.Sobel(height_HW, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    dy = cv2.Sobel(height_HW, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    length = np.sqrt(dx * dx + dy * dy + 1)
    return np.dstack([-dx / length, -dy / length, 1 / length])
