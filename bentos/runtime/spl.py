"""The controlled vocabulary of FDA Structured Product Labeling (SPL) for what a pill looks like.

Source: FDA SPL terminology, "SPL Color" and "SPL Shape" lists (NCI Thesaurus codes).
"""

from collections.abc import Iterable
from types import MappingProxyType
from typing import Final

COLORS: Final = MappingProxyType(
    {
        "BLACK": "C48323",
        "BLUE": "C48333",
        "BROWN": "C48332",
        "GRAY": "C48324",
        "GREEN": "C48329",
        "ORANGE": "C48331",
        "PINK": "C48328",
        "PURPLE": "C48327",
        "RED": "C48326",
        "TURQUOISE": "C48334",
        "WHITE": "C48325",
        "YELLOW": "C48330",
    }
)

SHAPES: Final = MappingProxyType(
    {
        "BULLET": "C48335",
        "CAPSULE": "C48336",
        "CLOVER": "C48337",
        "DIAMOND": "C48338",
        "DOUBLE CIRCLE": "C48339",
        "FREEFORM": "C48340",
        "GEAR": "C48341",
        "HEPTAGON (7 sided)": "C48342",
        "HEXAGON (6 sided)": "C48343",
        "OCTAGON (8 sided)": "C48344",
        "OVAL": "C48345",
        "PENTAGON (5 sided)": "C48346",
        "RECTANGLE": "C48347",
        "ROUND": "C48348",
        "SEMI-CIRCLE": "C48349",
        "SQUARE": "C48350",
        "TEAR": "C48351",
        "TRAPEZOID": "C48352",
        "TRIANGLE": "C48353",
    }
)

IMPRINT_TYPES: Final = ("PRINTED", "DEBOSSED", "EMBOSSED")

_COLOR_SYNONYMS: Final = MappingProxyType({"GREY": "GRAY", "VIOLET": "PURPLE", "TEAL": "TURQUOISE"})
_SHAPES_BY_WORD: Final = MappingProxyType({name.split(" (")[0]: name for name in SHAPES})


class UnknownWord(ValueError):
    """A word that SPL does not have; `sentence` says what there is, and not what was typed."""

    def __init__(self, kind: str, text: str, *, known: Iterable[str]) -> None:
        listed = ", ".join(known)
        super().__init__(f"unknown SPL {kind} {text!r}; one of {listed}")
        self.sentence = f"unknown SPL {kind}; one of {listed}"


def parse_color(text: str) -> str:
    """Return the SPL colour that `text` names, in any letter case.

    Raises:
        UnknownWord: the text names no SPL colour.
    """
    word = text.strip().upper()
    word = _COLOR_SYNONYMS.get(word, word)
    if word not in COLORS:
        raise UnknownWord("colour", text, known=COLORS)
    return word


def parse_shape(text: str) -> str:
    """Return the SPL shape that `text` names, in any letter case, with or without the number of sides.

    Raises:
        UnknownWord: the text names no SPL shape.
    """
    word = text.strip().upper().split(" (")[0]
    if word not in _SHAPES_BY_WORD:
        raise UnknownWord("shape", text, known=SHAPES)
    return _SHAPES_BY_WORD[word]
