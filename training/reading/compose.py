"""Text made up on blank sides, debossed or printed, with its exact place: what weak labels lack.

Lit relief after Lambert. X: x and y in pixels; L S: the pill lengthwise and across at twice its size.
"""

import math
import string
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from bentos.runtime.locate import Located
from data.rendering.lettering import Typeface, line_mask
from data.rendering.relief import normals_of
from training.pretrain.pack import Side
from training.reading.lines import TextLine, moved

_OVERSAMPLED = 2
_LONG_FROM = 1.5
_BORDER = 0.14
_STACKED, _TWICE = (0.44, 0.62), 0.7
_LENGTHS = (0.08, 0.20, 0.25, 0.25, 0.12, 0.06, 0.04)
_OWN_FONTS = ("DejaVuSans-ExtraLight.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif-Bold.ttf")
_MORE_FONTS = ("DejaVuSans.ttf", "DejaVuSansMono.ttf", "DejaVuSerif.ttf", "STIXGeneral.ttf", "STIXGeneralBol.ttf",
               "cmss10.ttf")  # fmt: skip
_STROKE_FONTS = tuple(range(8))


def lettered(
    side: Side, located: Located, rng: np.random.Generator, *, fonts: Sequence[str]
) -> tuple[Side, tuple[TextLine, ...]]:
    """The side with one, two or four lines of text on it; none where no line found room."""
    size = tuple(round(length * _OVERSAMPLED) for length in (located.length_px, located.width_px))
    mask_SL, level_lines, across = _written(size, rng, fonts=fonts)
    matrix = _onto_side(located, size, upside_down=bool(rng.integers(2)))
    printed = rng.random() < 0.3
    if not printed:
        _score(mask_SL, rng, across=across)
    shown = _printed if printed else _debossed
    rgb_HWC = np.where(side.mask_HW[..., None], shown(side.rgb_HWC, mask_SL, matrix, rng), side.rgb_HWC)
    lines = tuple(TextLine(moved(line.quad_4X, matrix), line.text) for line in level_lines)
    return Side(np.clip(rgb_HWC + 0.5, 0, 255).astype(np.uint8), side.mask_HW), lines


def font_files() -> tuple[str, ...]:
    """The renderer's own fonts and those that matplotlib brings where it is installed."""
    found = find_spec("matplotlib")
    home = Path(found.submodule_search_locations[0]) / "mpl-data" / "fonts" / "ttf" if found else None
    more = [str(home / file) for file in _MORE_FONTS if (home / file).is_file()] if home else []
    return (*_OWN_FONTS, *more)


def _written(
    size: tuple[int, int], rng: np.random.Generator, *, fonts: Sequence[str]
) -> tuple[np.ndarray, list[TextLine], bool | None]:
    """Strokes (S, L) from 0 to 1, lines on them, and whether two lines stand side by side (None: there is one)."""
    boxes, across = _layout(size[0] > _LONG_FROM * size[1], rng)
    mask_SL, lines = np.zeros(size[::-1], np.float32), []
    for (x, y, wide, high), text in zip(boxes, _texts(len(boxes), rng), strict=True):
        glyphs = _fitted(_glyphs(text, rng, fonts=fonts), (wide * size[0], high * size[1]), rng)
        height, width = glyphs.shape
        left = round(size[0] / 2 + (x + rng.normal(0, 0.01)) * size[0] - width / 2)
        top = round(size[1] / 2 + (y + rng.normal(0, 0.015)) * size[1] - height / 2)
        if left < 0 or top < 0 or left + width > size[0] or top + height > size[1]:
            continue
        part = mask_SL[top : top + height, left : left + width]
        np.maximum(part, glyphs, out=part)
        low, high_X = (
            np.array([left, top]) - _BORDER * height,
            np.array([left + width, top + height]) + _BORDER * height,
        )
        quad_4X = np.array([low, [high_X[0], low[1]], high_X, [low[0], high_X[1]]]) - 0.5
        lines.append(TextLine(quad_4X, text))
    return mask_SL, lines, across


def _layout(long: bool, rng: np.random.Generator) -> tuple[list[tuple[float, float, float, float]], bool | None]:
    """Boxes (x, y, width, height) in shares of the pill around its middle; in fours as capsules are printed."""
    kind = rng.random()
    if kind < 0.4:
        return [(0, 0, 0.8, 0.5)], None
    if long and kind < 0.62:
        return [(-0.22, 0, 0.34, 0.55), (0.22, 0, 0.34, 0.55)], True
    high, middle = rng.uniform(0.16, 0.36), rng.normal(0, 0.05)
    apart = high * rng.uniform(*_STACKED)
    rows = (middle - apart, middle + apart)
    if long and kind < 0.85:
        return [(x, y, rng.uniform(0.16, 0.34), high) for x in (-0.22, 0.22) for y in rows], None
    return [(0, y, 0.7, high) for y in rows], False


def _texts(count: int, rng: np.random.Generator) -> list[str]:
    """A text for each box; in fours mostly the same on both halves."""
    texts = [_made_up(rng) for _ in range(count)]
    return texts[:2] * 2 if count == 4 and rng.random() < _TWICE else texts


def _made_up(rng: np.random.Generator) -> str:
    kind = rng.random()
    pool = (
        string.digits
        if kind < 0.55
        else string.ascii_uppercase
        if kind < 0.88
        else string.digits + string.ascii_uppercase
    )
    return "".join(rng.choice(list(pool), 1 + rng.choice(len(_LENGTHS), p=_LENGTHS)))


def _glyphs(text: str, rng: np.random.Generator, *, fonts: Sequence[str]) -> np.ndarray:
    """The text tightly cut: half of it in strokes of one width, as engravers draw, half in a typeface."""
    if rng.random() < 0.5:
        return _stroked(text, font=int(rng.choice(_STROKE_FONTS)), thickness=int(rng.integers(4, 9)))
    stroke, condense = float(rng.choice([0.0, 0.03])), float(rng.choice([0.8, 1.0]))
    return line_mask(text, Typeface(str(rng.choice(fonts)), stroke, condense, float(rng.choice([0.06, 0.15]))))


def _stroked(text: str, *, font: int, thickness: int) -> np.ndarray:
    (width, height), below = cv2.getTextSize(text, font, 2.5, thickness)
    canvas = np.zeros((height + below + 4 * thickness, width + 4 * thickness), np.uint8)
    cv2.putText(canvas, text, (2 * thickness, height + 2 * thickness), font, 2.5, 255, thickness, cv2.LINE_AA)
    x, y, width, height = cv2.boundingRect(canvas)
    return canvas[y : y + height, x : x + width].astype(np.float32) / 255


def _fitted(glyphs: np.ndarray, room: tuple[float, float], rng: np.random.Generator) -> np.ndarray:
    """The glyphs as large as the room has it, at most, and up to a quarter narrower."""
    height, width = glyphs.shape
    scale = min(room[0] / width, room[1] * rng.uniform(0.6, 1.05) / height)
    size = max(4, int(width * scale * rng.uniform(0.75, 1.0))), max(4, int(height * scale))
    return cv2.resize(glyphs, size, interpolation=cv2.INTER_AREA)


def _score(mask_SL: np.ndarray, rng: np.random.Generator, *, across: bool | None) -> None:
    """A score line between two lines of text, or now and then through one."""
    if rng.random() > (0.35 if across is not None else 0.1):
        return
    height, width = mask_SL.shape
    ends = [(0, height // 2), (width, height // 2)] if across is False else [(width // 2, 0), (width // 2, height)]
    cv2.line(mask_SL, *ends, 1.0, max(2, int(0.02 * max(mask_SL.shape))), cv2.LINE_AA)


def _onto_side(located: Located, size: tuple[int, int], *, upside_down: bool) -> np.ndarray:
    """The (2, 3) matrix from the level pill at twice its size to the side's picture."""
    middle_X = (np.array(size) - 1) / 2
    turn = cv2.getRotationMatrix2D((0, 0), -located.angle_deg + 180 * upside_down, 1 / _OVERSAMPLED)[:, :2]
    return np.hstack([turn, (np.array(located.centre_xy) - turn @ middle_X)[:, None]])


def _placed(values_SL: np.ndarray, matrix: np.ndarray, shape: tuple[int, int], *, outside: float) -> np.ndarray:
    size = shape[1], shape[0]
    return cv2.warpAffine(values_SL.astype(np.float32), matrix, size, flags=cv2.INTER_LINEAR, borderValue=outside)


def _printed(rgb_HWC: np.ndarray, mask_SL: np.ndarray, matrix: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    soft_SL = cv2.GaussianBlur(mask_SL, (0, 0), 0.6 * _OVERSAMPLED)
    ink_C = np.clip(rng.choice([0, 0, 255, 60]) + rng.normal(0, 25, 3), 0, 255)
    cover_HW1 = _placed(soft_SL, matrix, rgb_HWC.shape[:2], outside=0)[..., None] * rng.uniform(0.4, 0.95)
    return rgb_HWC * (1 - cover_HW1) + ink_C * cover_HW1


def _debossed(rgb_HWC: np.ndarray, mask_SL: np.ndarray, matrix: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Strokes pressed in (or raised, one time in four) under slanting light, darker where they are deep."""
    soft_SL = cv2.GaussianBlur(mask_SL, (0, 0), _OVERSAMPLED * rng.uniform(0.5, 1.3))
    depth = np.float32(_OVERSAMPLED * rng.uniform(2, 9) * rng.choice([-1, -1, -1, 1]))
    towards, height = rng.uniform(0, 2 * math.pi), rng.uniform(0.3, 1.2)
    light_C = np.array([math.cos(towards) * math.cos(height), math.sin(towards) * math.cos(height), math.sin(height)])
    lit_SL = np.maximum(normals_of(depth * soft_SL) @ light_C, 0) / light_C[2]
    ambient = rng.uniform(0.25, 0.7)
    shade_SL = (ambient + (1 - ambient) * lit_SL) * (1 - rng.uniform(0, 0.25) * soft_SL)
    return rgb_HWC * np.clip(_placed(shade_SL, matrix, rgb_HWC.shape[:2], outside=1), 0.2, 2.2)[..., None]
