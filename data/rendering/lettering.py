"""Draws imprint text as masks: engraved letters of one stroke width, or printed letters.

The fonts are DejaVu, shipped beside this file with their licence (fonts/LICENSE.txt).
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from data.rendering.stable import repeatable

_FONTS = Path(__file__).resolve().parent / "fonts"
_DRAW_PX = 64


@dataclass(frozen=True)
class Typeface:
    """A font file, the stroke added around its outlines (share of the letter height) and the width factor."""

    file: str
    stroke: float
    condense: float
    spacing: float = 0.06


@lru_cache(maxsize=64)
@repeatable
def _font(file: str, size_px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(_FONTS / file), size_px)


def line_mask(text: str, typeface: Typeface) -> np.ndarray:
    """One line of text, tightly cut, (H, W) float32 from 0 to 1, about 64 px high."""
    glyphs = [_glyph(char, typeface) for char in text]
    gap = np.zeros((glyphs[0].shape[0], max(1, round(typeface.spacing * _DRAW_PX))), np.float32)
    joined = np.hstack([part for glyph in glyphs for part in (glyph, gap)][:-1])
    return _trim_rows(joined)


def arc_mask(text: str, typeface: Typeface, *, radius_px: float, height_px: float, below: bool) -> np.ndarray:
    """Text along a circle of `radius_px` through the middle of its letters, centred, as a square mask."""
    size = int(2 * (radius_px + height_px)) | 1
    canvas = np.zeros((size, size), np.float32)
    scale = height_px / _DRAW_PX
    widths = [(_glyph(char, typeface).shape[1] + typeface.spacing * _DRAW_PX) * scale for char in text]
    sign = -1.0 if below else 1.0
    turn = -sign * sum(widths) / 2 / radius_px
    for char, width in zip(text, widths, strict=True):
        middle = turn + sign * width / 2 / radius_px
        _stamp(canvas, _glyph(char, typeface), scale=scale, turn=middle, radius=radius_px, below=below)
        turn += sign * width / radius_px
    return canvas


def mark_mask(rng: np.random.Generator, *, size_px: int) -> np.ndarray:
    """An invented maker's mark of two strokes' figures in a square, (S, S) float32 from 0 to 1."""
    canvas = np.zeros((size_px, size_px), np.float32)
    middle, width = size_px // 2, max(2, size_px // 14)
    for figure in rng.choice(4, size=2, replace=False):
        radius = rng.uniform(0.22, 0.42) * size_px
        if figure == 0:
            cv2.circle(canvas, (middle, middle), round(radius), 1.0, width, cv2.LINE_AA)
            continue
        start = rng.uniform(0, 2 * np.pi)
        turns = start + 2 * np.pi * np.arange(figure + 1) / (figure + 1)
        points = middle + radius * np.column_stack([np.cos(turns), np.sin(turns)])
        cv2.polylines(canvas, [np.round(points).astype(np.int32)], figure > 1, 1.0, width, cv2.LINE_AA)
    return canvas


def _stamp(canvas: np.ndarray, glyph: np.ndarray, *, scale: float, turn: float, radius: float, below: bool) -> None:
    """Add one glyph, turned by `turn` radians from the top (or from the bottom)."""
    centre = (canvas.shape[0] - 1) / 2
    up = 1.0 if below else -1.0
    x = centre + radius * np.sin(turn)
    y = centre + up * radius * np.cos(turn)
    angle = turn if not below else -turn
    c, s = np.cos(angle) * scale, np.sin(angle) * scale
    half = np.array([(glyph.shape[1] - 1) / 2, (glyph.shape[0] - 1) / 2])
    matrix = np.array([[c, -s, x - c * half[0] + s * half[1]], [s, c, y - s * half[0] - c * half[1]]])
    placed = cv2.warpAffine(glyph, matrix, (canvas.shape[1], canvas.shape[0]), flags=cv2.INTER_LINEAR)
    np.maximum(canvas, placed, out=canvas)


@lru_cache(maxsize=512)
@repeatable
def _glyph(char: str, typeface: Typeface) -> np.ndarray:
    """One glyph with full line height, cut at its left and right."""
    font = _font(typeface.file, _DRAW_PX)
    stroke = max(0, round(typeface.stroke * _DRAW_PX))
    image = Image.new("L", (3 * _DRAW_PX, 2 * _DRAW_PX), 0)
    ImageDraw.Draw(image).text((_DRAW_PX // 2, _DRAW_PX // 4), char, fill=255, font=font, stroke_width=stroke)
    mask = np.asarray(image, np.float32) / 255
    columns = np.flatnonzero(mask.max(axis=0) > 0.05)
    if columns.size == 0:
        return mask[:, : round(_DRAW_PX * 0.3)]
    cut = mask[:, columns[0] : columns[-1] + 1]
    width = max(2, round(cut.shape[1] * typeface.condense))
    return cv2.resize(cut, (width, cut.shape[0]), interpolation=cv2.INTER_AREA)


def _trim_rows(mask: np.ndarray) -> np.ndarray:
    rows = np.flatnonzero(mask.max(axis=1) > 0.05)
    return mask[rows[0] : rows[-1] + 1] if rows.size else mask[:1]
