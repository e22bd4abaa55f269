"""One side of a medication as a surface to be lit: normals, colours, ink; the same for all of its photographs."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from bentos.runtime.medication import Medication, Side
from data.rendering.form import Form, form_of
from data.rendering.layout import layout_of
from data.rendering.lettering import Typeface, mark_mask
from data.rendering.outline import distance_inside
from data.rendering.paint import body_colors, ink_color
from data.rendering.relief import groove_mask, imprint_mask, normals_of, surface_height
from data.rendering.stable import look_rng, repeatable

LENGTH_PX = 232
PAD_PX = 4
_GROOVE_DEPTH = 0.024
_CAP_STEP = 0.009


@dataclass(frozen=True, eq=False)
class Body:
    """Arrays over the pill's own frame (H, W), long axis along x; colours in linear light.

    ink_HW: share of ink (zero where nothing is printed). fleck_rgb: second colour of a speckled tablet.
    """

    form: Form
    size_mm: float
    alpha_HW: np.ndarray
    normals_HW3: np.ndarray
    occlusion_HW: np.ndarray
    albedo_HW3: np.ndarray
    ink_HW: np.ndarray | None
    ink_rgb: np.ndarray
    fleck_rgb: np.ndarray | None
    wall_rgb: np.ndarray
    joint_column: int


@lru_cache(maxsize=96)
@repeatable
def body_of(medication: Medication, *, side: Side) -> Body:
    """Build (or take from the cache) one side of a medication."""
    form = form_of(medication)
    layout = layout_of(medication, form, side=side)
    distance = distance_inside(medication, form, length_px=LENGTH_PX, pad_px=PAD_PX)
    joint = round((distance.shape[1] + form.joint * LENGTH_PX) / 2)
    if form.kind == "hard_capsule":
        distance[:, joint:] -= _CAP_STEP * LENGTH_PX
    mark = (
        mark_mask(look_rng(medication, "mark"), size_px=round(0.7 * form.width * LENGTH_PX)) if layout.symbol else None
    )
    text = imprint_mask(layout, _typeface(medication), shape=distance.shape, length_px=LENGTH_PX, mark=mark)
    inside = np.clip(distance + 0.5, 0, 1)
    grooves = groove_mask(layout, shape=distance.shape, length_px=LENGTH_PX) * inside
    is_printed = (medication.imprint_type or _usual_imprint(form)) == "PRINTED"
    height = surface_height(distance, form, length_px=LENGTH_PX) - grooves * _GROOVE_DEPTH * LENGTH_PX
    relief = np.zeros_like(text) if is_printed else _stroke_relief(text) * inside
    sign = 1.0 if medication.imprint_type == "EMBOSSED" else -1.0
    height += sign * relief * 4.2 * form.imprint_depth
    colors = body_colors(medication, form)
    albedo = _albedo(colors, form, side, distance.shape, joint)
    return Body(
        form=form,
        size_mm=medication.size_mm,
        alpha_HW=inside,
        normals_HW3=normals_of(height),
        occlusion_HW=_occlusion(relief if sign < 0 else relief * 0, grooves, distance),
        albedo_HW3=albedo,
        ink_HW=text * inside if is_printed and text.any() else None,
        ink_rgb=ink_color(medication, colors[0]),
        fleck_rgb=_fleck(colors, form),
        wall_rgb=colors[-1] if side == "front" and len(colors) > 1 else colors[0],
        joint_column=joint,
    )


def _usual_imprint(form: Form) -> str:
    return "PRINTED" if form.kind in ("hard_capsule", "softgel") else "DEBOSSED"


def _typeface(medication: Medication) -> Typeface:
    """Punches cut letters of one stroke width; printing rolls use bold sans or, rarely, serif letters."""
    rng = look_rng(medication, "typeface")
    if medication.imprint_type == "PRINTED":
        file = "DejaVuSerif-Bold.ttf" if rng.random() < 0.12 else "DejaVuSans-Bold.ttf"
        if rng.random() < 0.35:
            return Typeface("DejaVuSans-ExtraLight.ttf", rng.uniform(0.035, 0.06), rng.uniform(0.75, 1.0))
        return Typeface(file, 0.0, rng.uniform(0.72, 0.95), rng.uniform(0.04, 0.1))
    condense = rng.uniform(0.78, 1.02)
    return Typeface("DejaVuSans-ExtraLight.ttf", rng.uniform(0.016, 0.055), condense, rng.uniform(0.08, 0.22))


def _stroke_relief(text: np.ndarray) -> np.ndarray:
    """Letters pressed in: soft edges and a rounded bottom."""
    return 0.55 * cv2.GaussianBlur(text, (0, 0), 0.9) + 0.45 * cv2.GaussianBlur(text, (0, 0), 2.2)


def _occlusion(relief: np.ndarray, grooves: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Share of the ambient light that reaches the surface."""
    pit = cv2.GaussianBlur(relief, (0, 0), 1.2)
    rim = np.exp(-np.maximum(distance, 0) / (0.02 * LENGTH_PX))
    return (1 - 0.16 * pit) * (1 - 0.3 * grooves) * (1 - 0.15 * rim)


def _albedo(colors: list[np.ndarray], form: Form, side: Side, shape: tuple[int, int], joint: int) -> np.ndarray:
    """Two-tone capsules change colour at the joint; two-coloured tablets are layered or speckled."""
    albedo = np.empty((*shape, 3), np.float32)
    if form.kind == "hard_capsule":
        albedo[:, :joint] = colors[0]
        albedo[:, joint:] = colors[1] if len(colors) > 1 else colors[0]
        return albedo
    albedo[:] = colors[0] if side == "front" or form.speckle > 0 else colors[-1]
    return albedo


def _fleck(colors: list[np.ndarray], form: Form) -> np.ndarray | None:
    if form.speckle == 0:
        return None
    return colors[1] if len(colors) > 1 else colors[0] * np.array([0.72, 0.68, 0.62], np.float32)
