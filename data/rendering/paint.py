"""From SPL colour words to the colour a maker's pill really has, in linear light."""

from types import MappingProxyType
from typing import Final

import numpy as np

from bentos.runtime.medication import Medication
from data.rendering.form import Form
from data.rendering.stable import look_rng

Rgb = tuple[int, int, int]

# sRGB of typical pills under neutral light; the first is the commonest. Gelatine is more saturated than film coat.
TABLET_COLORS: Final = MappingProxyType(
    {
        "BLACK": ((42, 40, 40), (62, 58, 58)),
        "BLUE": ((150, 182, 212), (104, 152, 202), (176, 200, 220), (66, 110, 178), (128, 150, 196)),
        "BROWN": ((172, 128, 92), (148, 98, 66), (198, 158, 118), (124, 62, 42), (206, 176, 140)),
        "GRAY": ((160, 158, 154), (182, 180, 174), (134, 134, 136)),
        "GREEN": ((158, 196, 160), (186, 210, 172), (128, 170, 132), (172, 204, 90), (140, 190, 168)),
        "ORANGE": ((228, 160, 106), (236, 186, 142), (224, 136, 84), (240, 172, 112), (222, 146, 120)),
        "PINK": ((224, 176, 172), (234, 196, 192), (214, 150, 146), (224, 168, 180), (226, 162, 144)),
        "PURPLE": ((176, 156, 186), (148, 116, 162), (196, 182, 204), (130, 90, 136)),
        "RED": ((176, 62, 56), (150, 50, 46), (196, 84, 74), (186, 66, 82)),
        "TURQUOISE": ((96, 178, 178), (54, 150, 158), (140, 200, 194)),
        "WHITE": ((234, 234, 231), (229, 229, 226), (236, 234, 226), (227, 228, 229), (233, 229, 218)),
        "YELLOW": ((232, 206, 106), (238, 220, 146), (226, 188, 74), (240, 226, 172), (214, 180, 84)),
    }
)
GELATINE_COLORS: Final = MappingProxyType(
    {
        "BLACK": ((20, 18, 20), (34, 30, 32)),
        "BLUE": ((36, 112, 190), (24, 62, 158), (70, 156, 214), (18, 40, 110), (110, 186, 222)),
        "BROWN": ((118, 54, 38), (96, 44, 34), (150, 84, 50), (84, 36, 32)),
        "GRAY": ((158, 152, 148), (186, 180, 172), (128, 124, 122)),
        "GREEN": ((44, 120, 78), (96, 172, 118), (26, 92, 66), (130, 196, 150), (62, 146, 60)),
        "ORANGE": ((226, 122, 36), (236, 152, 76), (206, 92, 30), (240, 168, 98)),
        "PINK": ((222, 130, 146), (232, 164, 166), (204, 86, 112), (234, 184, 176)),
        "PURPLE": ((112, 52, 122), (146, 92, 156), (86, 36, 84), (170, 140, 186)),
        "RED": ((176, 30, 32), (140, 22, 28), (200, 46, 40), (160, 28, 56)),
        "TURQUOISE": ((34, 152, 160), (18, 112, 124), (92, 190, 184)),
        "WHITE": ((236, 235, 230), (228, 226, 220), (240, 236, 226)),
        "YELLOW": ((222, 178, 40), (236, 202, 84), (206, 152, 30), (234, 214, 128)),
    }
)
_INK = MappingProxyType(
    {
        "BLACK": (30, 28, 30),
        "WHITE": (232, 230, 228),
        "GRAY": (120, 118, 118),
        "BLUE": (30, 60, 140),
        "RED": (180, 44, 52),
        "BROWN": (92, 50, 34),
        "GREEN": (28, 96, 62),
        "TURQUOISE": (24, 120, 128),
        "ORANGE": (206, 104, 36),
        "PINK": (206, 92, 116),
        "PURPLE": (96, 50, 112),
        "YELLOW": (222, 190, 70),
    }
)


def to_linear(srgb: np.ndarray | Rgb) -> np.ndarray:
    """From sRGB 0-255 to linear light 0-1, float32 (IEC 61966-2-1)."""
    value = np.asarray(srgb, np.float32) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)


def body_colors(medication: Medication, form: Form) -> list[np.ndarray]:
    """One linear colour for each SPL colour of the medication, the same for every one of its appearance."""
    palette = GELATINE_COLORS if form.kind in ("hard_capsule", "softgel") else TABLET_COLORS
    rng = look_rng(medication, "paint")
    return [_one_of(palette[color], rng) for color in medication.colors]


def _one_of(anchors: tuple[Rgb, ...], rng: np.random.Generator) -> np.ndarray:
    weights = 1 / (1 + np.arange(len(anchors)))
    first, second = rng.choice(len(anchors), size=2, p=weights / weights.sum())
    blend = np.array(anchors[first]) * 0.75 + np.array(anchors[second]) * 0.25
    return to_linear(np.clip(blend * rng.uniform(0.95, 1.03) + rng.normal(0, 0.02 * np.ptp(blend) + 0.8, 3), 4, 244))


def ink_color(medication: Medication, body: np.ndarray) -> np.ndarray:
    """Linear colour of the printed imprint; where the catalogue is silent, black or, on a dark body, white."""
    named = medication.imprint_color or ("WHITE" if body.mean() < 0.08 else "BLACK")
    return to_linear(_INK[named])
