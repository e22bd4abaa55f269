"""What pills lie on: families of surfaces; training and test photographs never share a texture."""

from collections.abc import Callable
from functools import lru_cache
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np

from data.rendering.stable import named_rng, repeatable

TEXTURE_PX = 448
TEXTURES_PER_FAMILY = 5
Rgb = tuple[float, float, float]


def background_names(pool: str) -> tuple[str, ...]:
    """The families of a pool; the test pool has two that are never trained on."""
    return tuple(_FAMILIES) if pool == "test" else tuple(name for name in _FAMILIES if name not in TEST_ONLY)


@lru_cache(maxsize=64)
@repeatable
def texture(family: str, pool: str, index: int) -> np.ndarray:
    """One surface as (448, 448, 3) uint8 sRGB; pools have different seeds and so share none."""
    rng = named_rng("background", family, pool, index)
    lightness = _FAMILIES[family](rng)
    return np.clip(lightness, 0, 255).astype(np.uint8)


def _cloud(rng: np.random.Generator, cell_x: float, cell_y: float | None = None) -> np.ndarray:
    """Smooth noise with about unit variance; cells in pixels."""
    cell_y = cell_x if cell_y is None else cell_y
    small = rng.standard_normal((max(3, int(TEXTURE_PX / cell_y)) + 2, max(3, int(TEXTURE_PX / cell_x)) + 2))
    return cv2.resize(small.astype(np.float32), (TEXTURE_PX, TEXTURE_PX), interpolation=cv2.INTER_CUBIC)


def _fine(rng: np.random.Generator, sigma: float) -> np.ndarray:
    noise = cv2.GaussianBlur(rng.standard_normal((TEXTURE_PX, TEXTURE_PX)).astype(np.float32), (0, 0), sigma)
    return noise / noise.std()


def _tinted(lightness: np.ndarray, color: Rgb) -> np.ndarray:
    """Lightness around 1 times a colour."""
    return lightness[..., None] * np.array(color, np.float32)


def _color(rng: np.random.Generator, *choices: Rgb, spread: float = 10) -> Rgb:
    chosen = np.array(choices[rng.integers(len(choices))])
    return tuple(chosen + rng.normal(0, spread / 2) + rng.normal(0, spread / 4, 3))


def _paper(rng: np.random.Generator) -> np.ndarray:
    color = _color(rng, (226, 226, 222), (236, 232, 222), (214, 218, 224), (240, 240, 240))
    paper = _tinted(1 + 0.012 * _fine(rng, 0.8) + 0.012 * _cloud(rng, 60), color)
    if rng.random() < 0.3:
        pitch = rng.integers(60, 110)
        paper[:: int(pitch)] *= np.array([0.72, 0.8, 0.92])
        paper[1 :: int(pitch)] *= np.array([0.8, 0.86, 0.95])
    return cv2.GaussianBlur(paper, (0, 0), 0.7)


def _card(rng: np.random.Generator) -> np.ndarray:
    color = _color(rng, (160, 158, 164), (176, 164, 158), (140, 138, 142), (182, 184, 190), (150, 152, 140))
    return _tinted(1 + 0.022 * _fine(rng, 0.7) + 0.02 * _cloud(rng, 90), color)


def _cloth(rng: np.random.Generator) -> np.ndarray:
    color = _color(rng, (190, 180, 150), (70, 86, 118), (196, 196, 196), (150, 70, 66), (226, 222, 212))
    pitch = rng.uniform(5, 11)
    y, x = np.indices((TEXTURE_PX, TEXTURE_PX), np.float32)
    x = x + 1.2 * _cloud(rng, 24)
    y = y + 1.2 * _cloud(rng, 24)
    warp, weft = np.sin(2 * np.pi * x / pitch), np.sin(2 * np.pi * y / pitch)
    over = np.sin(np.pi * x / pitch) * np.sin(np.pi * y / pitch) > 0
    threads = np.where(over, warp + 0.25 * np.abs(weft), weft + 0.25 * np.abs(warp))
    strength = rng.uniform(0.06, 0.2)
    return _tinted(1 + strength * threads + 0.05 * _fine(rng, 0.8) + 0.04 * _cloud(rng, 120), color)


def _wood(rng: np.random.Generator) -> np.ndarray:
    color = _color(rng, (176, 132, 88), (120, 78, 48), (204, 170, 126), (90, 60, 44), (160, 116, 82))
    rings = _cloud(rng, 300, 34) * rng.uniform(2.5, 5) + np.linspace(0, rng.uniform(2, 8), TEXTURE_PX)[:, None]
    grain = 0.09 * np.sin(2 * np.pi * rings) + 0.08 * _cloud(rng, 90, 2.5) + 0.04 * _cloud(rng, 40, 1.3)
    wood = _tinted(1 + grain + 0.04 * _cloud(rng, 150), color)
    wood[..., 2] *= 1 - 0.25 * np.clip(grain, -0.3, 0.3)
    return wood


def _counter(rng: np.random.Generator) -> np.ndarray:
    color = _color(rng, (170, 164, 156), (90, 90, 92), (205, 200, 190))
    base = _tinted(np.ones((TEXTURE_PX, TEXTURE_PX), np.float32), color)
    for sigma, share in ((1.2, 1.3), (2.2, 1.5), (3.6, 1.7), (1.0, 1.8)):
        spots = np.clip((_fine(rng, sigma) - share) * 3, 0, 1)[..., None]
        spot = np.array(_color(rng, (50, 48, 46), (220, 214, 204), (140, 110, 90), (120, 120, 124)))
        base += (spot - base) * spots * 0.8
    return base * (1 + 0.02 * _cloud(rng, 100))[..., None]


def _skin(rng: np.random.Generator) -> np.ndarray:
    color = _color(rng, (222, 176, 154), (206, 154, 128), (160, 114, 90), (230, 190, 172), (112, 78, 62), spread=6)
    skin = 1 + 0.04 * _cloud(rng, 110) + 0.025 * _cloud(rng, 28)
    skin -= 0.02 * np.abs(_cloud(rng, 9, 5)) + 0.02 * np.abs(_cloud(rng, 5, 9)) - 0.012 * _fine(rng, 1.2)
    if rng.random() < 0.6:
        skin *= _fingers(rng)
    creases = np.zeros((TEXTURE_PX, TEXTURE_PX), np.float32)
    for _ in range(rng.integers(3, 8)):
        points = np.cumsum(rng.normal(0, 14, (6, 2)), axis=0) + np.linspace(0, 1, 6)[:, None] * rng.normal(0, 340, 2)
        points = np.round(points + rng.uniform(0, TEXTURE_PX, 2)).astype(np.int32)
        cv2.polylines(creases, [points], False, float(rng.uniform(0.3, 1)), int(rng.integers(1, 4)), cv2.LINE_AA)
    skin -= 0.16 * cv2.GaussianBlur(creases, (0, 0), rng.uniform(1.5, 3.5))
    tinted = _tinted(skin, color)
    tinted[..., 1:] *= (1 + 0.03 * _cloud(rng, 60))[..., None]
    return tinted


def _fingers(rng: np.random.Generator) -> np.ndarray:
    """Rounded bands with dark gaps, as fingers side by side."""
    along = (np.arange(TEXTURE_PX) + 8 * _cloud(rng, 200)) / rng.uniform(150, 230) + rng.random()
    across = 2 * (along % 1) - 1
    return 0.35 + 0.68 * (1 - np.abs(across) ** rng.uniform(4, 8)) ** 0.6


def _dark(rng: np.random.Generator) -> np.ndarray:
    color = _color(rng, (34, 34, 36), (52, 48, 46), (28, 34, 46), (60, 58, 60), spread=8)
    dust = np.clip((_fine(rng, 0.7) - 3.3) * 2, 0, 1)
    return _tinted(1 + 0.06 * _fine(rng, 0.8) + 0.08 * _cloud(rng, 90) + 1.2 * dust, color)


def _tray(rng: np.random.Generator) -> np.ndarray:
    color = _color(rng, (96, 146, 188), (120, 170, 150), (228, 226, 220), (196, 120, 60), (150, 190, 210))
    scratches = np.zeros((TEXTURE_PX, TEXTURE_PX), np.float32)
    for _ in range(rng.integers(6, 22)):
        start = rng.uniform(0, TEXTURE_PX, 2)
        end = start + rng.normal(0, 80, 2)
        ends = [tuple(map(int, start)), tuple(map(int, end))]
        cv2.line(scratches, *ends, float(rng.normal(0, 0.06)), 1, cv2.LINE_AA)
    return _tinted(1 + 0.05 * _cloud(rng, 200) + scratches + 0.008 * _fine(rng, 0.9), color)


def _tile(rng: np.random.Generator) -> np.ndarray:
    color = _color(rng, (210, 208, 200), (176, 190, 196), (222, 212, 190))
    tile = _tinted(1 + 0.02 * _cloud(rng, 60) + 0.012 * _fine(rng, 1.0), color)
    grout = np.zeros((TEXTURE_PX, TEXTURE_PX), np.float32)
    at = int(rng.uniform(0.1, 0.9) * TEXTURE_PX)
    grout[:, max(0, at - 5) : at + 5] = 1
    grout[max(0, at // 2 - 5) : at // 2 + 5] = 1
    grout = cv2.GaussianBlur(grout, (0, 0), 1.5)[..., None]
    return tile * (1 - grout * 0.3 * (1 + 0.2 * _fine(rng, 1.5)[..., None]))


def _cork(rng: np.random.Generator) -> np.ndarray:
    color = _color(rng, (188, 148, 104), (170, 140, 108), (160, 130, 96))
    crumbs = 0.07 * _fine(rng, 2.4) + 0.05 * _fine(rng, 1.1)
    pits = np.clip((_fine(rng, 1.8) - 1.6) * 1.5, 0, 1)
    return _tinted(1 + crumbs - 0.4 * pits + 0.03 * _cloud(rng, 100), color)


_FAMILIES: MappingProxyType[str, Callable[[np.random.Generator], np.ndarray]] = MappingProxyType(
    {
        "paper": _paper,
        "card": _card,
        "cloth": _cloth,
        "wood": _wood,
        "counter": _counter,
        "skin": _skin,
        "dark": _dark,
        "tray": _tray,
        "tile": _tile,
        "cork": _cork,
    }
)
TEST_ONLY: Final = ("tile", "cork")
