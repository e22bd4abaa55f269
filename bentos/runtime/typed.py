"""What a person typed beside the picture, as log-likelihood ratios over a gallery's appearances.

The base rates and neighbours are facts of the US market's oral solids and of how people name colours and
outlines; they do not depend on the gallery, so a score never changes when another pill is enrolled.
"""

import math
from collections.abc import Callable
from types import MappingProxyType

import numpy as np

from bentos.runtime.answer import PillMetadata
from bentos.runtime.contract import CueSpec
from bentos.runtime.errors import InputError
from bentos.runtime.gallery import GalleryIndex
from bentos.runtime.imprint_world import NO_WORLD, ImprintWorld
from bentos.runtime.spl import UnknownWord, parse_color, parse_shape

_COLOR_RATE = MappingProxyType(
    {"WHITE": 0.41, "YELLOW": 0.13, "ORANGE": 0.09, "PINK": 0.09, "BLUE": 0.09, "GREEN": 0.06, "BROWN": 0.06,
     "RED": 0.03, "PURPLE": 0.02, "GRAY": 0.02, "TURQUOISE": 0.01, "BLACK": 0.01}
)  # fmt: skip
_COLOR_NEIGHBOURS = frozenset(
    map(frozenset, (("WHITE", "GRAY"), ("WHITE", "YELLOW"), ("YELLOW", "ORANGE"), ("ORANGE", "PINK"),
                    ("ORANGE", "BROWN"), ("PINK", "RED"), ("PINK", "PURPLE"), ("RED", "BROWN"), ("RED", "ORANGE"),
                    ("BLUE", "TURQUOISE"), ("BLUE", "PURPLE"), ("GREEN", "TURQUOISE"), ("GREEN", "YELLOW"),
                    ("GRAY", "BLACK"), ("YELLOW", "BROWN"), ("WHITE", "PINK"), ("GRAY", "BLUE")))
)  # fmt: skip
_SHAPE_RATE = MappingProxyType({"ROUND": 0.47, "OVAL": 0.33, "CAPSULE": 0.16})
_RARE_SHAPE_RATE = 0.01
_SHAPE_NEIGHBOURS = frozenset(
    map(frozenset, (("OVAL", "CAPSULE"), ("OVAL", "RECTANGLE"), ("CAPSULE", "RECTANGLE"), ("OVAL", "ROUND"),
                    ("SQUARE", "RECTANGLE"), ("SQUARE", "DIAMOND"), ("OVAL", "BULLET"), ("ROUND", "OCTAGON (8 sided)"),
                    ("TRIANGLE", "TEAR")))
)  # fmt: skip
_NEIGHBOUR_SHARE = 0.6
_SIZE_MEAN_MM, _SIZE_SD_MM = 11.5, 5.0


def typed_cues(
    metadata: PillMetadata,
    index: GalleryIndex,
    *,
    cues: CueSpec,
    world: ImprintWorld = NO_WORLD,
) -> dict:
    """Cue name -> (A,) nats for each field the person filled in.

    Raises:
        InputError: `bad_metadata`, a colour or shape that SPL does not know.
    """
    found: dict[str, np.ndarray] = {}
    if metadata.imprint:
        found["imprint"] = index.imprints.score(metadata.imprint, error_rate=cues.imprint_error_rate, world=world)
    if metadata.color:
        typed = _parsed(parse_color, metadata.color)
        rate = cues.typed_color_error_rate
        distinct, number_A = index.colors
        found["typed_color"] = np.array([_colors_ratio(typed, one, error_rate=rate) for one in distinct])[number_A]
    if metadata.shape:
        (shape,) = _parsed(parse_shape, metadata.shape, several=False)
        rate = cues.typed_shape_error_rate
        distinct, number_A = index.shapes
        found["typed_shape"] = np.array([_shape_ratio(shape, one, error_rate=rate) for one in distinct])[number_A]
    if metadata.size_mm:
        found["size"] = size_ratio(metadata.size_mm, index.sizes_mm_A, sd_mm=cues.size_sd_mm)
    return found


def size_ratio(size_mm: float, sizes_mm_A: np.ndarray, *, sd_mm: float) -> np.ndarray:
    """Log-likelihood ratio of a measured size: normal around the catalogue's against all pills' sizes."""
    here = -0.5 * ((size_mm - sizes_mm_A) / sd_mm) ** 2 - math.log(sd_mm)
    world = -0.5 * ((size_mm - _SIZE_MEAN_MM) / _SIZE_SD_MM) ** 2 - math.log(_SIZE_SD_MM)
    return np.clip(here - world, -8.0, None)


def _parsed(parse: Callable[[str], str], text: str, *, several: bool = True) -> tuple[str, ...]:
    pieces = [piece for piece in text.split(";") if piece.strip()] if several else [text]
    try:
        return tuple(parse(piece) for piece in pieces)
    except UnknownWord as error:
        raise InputError("bad_metadata", error.sentence) from error


def _colors_ratio(typed: tuple[str, ...], colors: tuple[str, ...], *, error_rate: float) -> float:
    """Mean over the typed colours of log p(colour | one of the pill's) - log p(colour), nats."""
    return sum(max(_word_ratio(t, c, error_rate=error_rate, rates=_COLOR_RATE, neighbours=_COLOR_NEIGHBOURS)
                   for c in colors) for t in typed) / len(typed)  # fmt: skip


def _shape_ratio(typed: str, shape: str, *, error_rate: float) -> float:
    return _word_ratio(typed, shape, error_rate=error_rate, rates=_SHAPE_RATE, neighbours=_SHAPE_NEIGHBOURS)


def _word_ratio(typed: str, true: str, *, error_rate: float, rates: MappingProxyType, neighbours: frozenset) -> float:
    rate = rates.get(typed, _RARE_SHAPE_RATE)
    if typed == true:
        return math.log((1 - error_rate) / rate)
    share = _NEIGHBOUR_SHARE if frozenset((typed, true)) in neighbours else 1 - _NEIGHBOUR_SHARE
    return min(math.log(error_rate * share / 3 / rate), 0.0)
