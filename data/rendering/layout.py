"""Where on a pill its imprint and score lines stand: decided by what the pill is, never by the photograph."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bentos.runtime.medication import Medication, Side
from data.rendering.form import Form
from data.rendering.stable import look_rng

_LONG_WORD = 5
_ELONGATED = 0.75


@dataclass(frozen=True)
class Line:
    """One line of text: centre and largest extent in half lengths of the pill; `arc` follows the rim."""

    text: str
    x: float
    y: float
    width: float
    height: float
    angle_deg: float = 0.0
    arc: Literal["above", "below"] | None = None


@dataclass(frozen=True)
class Groove:
    """A score line through (x, y): upright along y, else along x."""

    x: float
    y: float
    upright: bool


@dataclass(frozen=True)
class SideLayout:
    """Everything on one side. Coordinates: x along the length from -1 to 1, y in the same unit."""

    lines: tuple[Line, ...]
    grooves: tuple[Groove, ...]
    symbol: bool = False
    mark_x: float = 0.0


def layout_of(medication: Medication, form: Form, *, side: Side) -> SideLayout:
    """The layout of one side of a medication."""
    rng = look_rng(medication, f"layout {side}")
    tokens = tokens_on(medication, side=side)
    score = medication.score if side == _scored_side(medication) else 1
    grooves = _grooves(score, form)
    if form.kind == "hard_capsule":
        lines = _on_capsule(tokens, form, rng)
    elif form.width <= _ELONGATED:
        lines = _on_long(tokens, score, form, rng)
    else:
        lines = _on_compact(tokens, score, medication.shape, form, rng)
    return SideLayout(
        lines=tuple(lines),
        grooves=grooves,
        symbol=medication.symbol and side == _symbol_side(medication),
        mark_x=form.joint - 0.3 if form.kind == "hard_capsule" else 0.0,
    )


def tokens_on(medication: Medication, *, side: Side) -> tuple[str, ...]:
    """The tokens that stand on a side; tokens of unknown side are dealt out the same way each time."""
    known = [token.text for token in medication.imprint if token.side == side]
    unknown = sorted((token.text for token in medication.imprint if token.side is None), key=_words_first)
    if not unknown:
        return tuple(known)
    has_sides = len(unknown) < len(medication.imprint)
    together = has_sides or len(unknown) == 1 or look_rng(medication, "sides").random() < 0.5
    num_front = len(unknown) if together else (len(unknown) + 1) // 2
    return tuple(known + (unknown[:num_front] if side == "front" else unknown[num_front:]))


def _words_first(text: str) -> tuple[bool, str]:
    return text[:1].isdigit(), text


def _scored_side(medication: Medication) -> Side:
    back = tokens_on(medication, side="back")
    return "back" if look_rng(medication, "score").random() < (0.45 if back else 0.6) else "front"


def _symbol_side(medication: Medication) -> Side | None:
    """A maker's mark stands on the side that has no text; beside text there is no room for it."""
    blank = [side for side in ("front", "back") if not tokens_on(medication, side=side)]
    return blank[0] if blank else None


def _grooves(score: int, form: Form) -> tuple[Groove, ...]:
    upright = form.width <= _ELONGATED
    if score == 2:
        return (Groove(0, 0, upright),)
    if score == 3:
        return Groove(-1 / 3, 0, True), Groove(1 / 3, 0, True)
    return (Groove(0, 0, True), Groove(0, 0, False)) if score == 4 else ()


def _stack(tokens: list[str], *, x: float, y: float, width: float, height: float) -> list[Line]:
    """Tokens one above the other in a box."""
    if not tokens:
        return []
    row = height / len(tokens)
    top = y - height / 2 + row / 2
    return [Line(text, x, top + k * row, width, row * 0.74) for k, text in enumerate(tokens)]


def _on_capsule(tokens: tuple[str, ...], form: Form, rng: np.random.Generator) -> list[Line]:
    """Cap left, body right; four tokens are two repeated pairs; some makers print around the capsule."""
    high, wide = form.width * rng.uniform(0.9, 1.2), 0.52
    across = rng.random() < 0.15 and all(len(text) <= _LONG_WORD for text in tokens)
    half = (len(tokens) + 1) // 2 if len(tokens) != 3 else 1
    left = form.joint - 0.06 - wide / 2
    right = form.joint + 0.09 + wide / 2
    if len(set(tokens)) == 2 and len(tokens) == 2 and rng.random() < 0.3:
        return _stack(list(tokens), x=left, y=0, width=wide, height=high)
    groups = ((left, tokens[:half]), (right, tokens[half:]))
    if across:
        return [Line(" ".join(group), x, 0, form.width * 1.3, 0.26, angle_deg=90) for x, group in groups if group]
    return [
        line
        for x, group in groups
        for line in _stack(list(group), x=x, y=0, width=wide, height=min(high, 0.34 * len(group)))
    ]


def _on_long(tokens: tuple[str, ...], score: int, form: Form, rng: np.random.Generator) -> list[Line]:
    """Along the axis; a score line has text on both sides of it."""
    if not tokens:
        return []
    high = form.width * rng.uniform(0.8, 1.05)
    if score == 3:
        return [Line(text, x, 0, 0.42, high * 0.7) for text, x in zip(tokens, (0.0, -0.62, 0.62), strict=False)]
    if score > 1:
        parts = _halves(tokens)
        return [
            line
            for x, group in zip((-0.42, 0.42), parts, strict=True)
            for line in _stack(group, x=x, y=0, width=0.6, height=high * (0.75 if len(group) == 1 else 1))
        ]
    if len(tokens) <= 2 and len(" ".join(tokens)) <= 7:
        return [Line(" ".join(tokens), 0, 0, 1.2, high * 0.72)]
    if len(tokens) == 1:
        return [Line(tokens[0], 0, 0, 1.36, high * 0.62)]
    return _stack(list(tokens), x=0, y=0, width=1.05, height=high * 1.2)


def _halves(tokens: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Tokens left and right of a score line; a single short word is split as makers do (72|14)."""
    if len(tokens) > 1:
        half = (len(tokens) + 1) // 2
        return list(tokens[:half]), list(tokens[half:])
    text = tokens[0]
    if len(text) in (2, 4) and text.isalnum():
        return [text[: len(text) // 2]], [text[len(text) // 2 :]]
    return [text], []


def _on_compact(tokens: tuple[str, ...], score: int, shape: str, form: Form, rng: np.random.Generator) -> list[Line]:
    """Round and similar: rows one above the other, above and below a score line, or along the rim."""
    if not tokens:
        return []
    room = {"TRIANGLE": 0.5, "PENTAGON (5 sided)": 0.78, "DIAMOND": 0.66, "CLOVER": 0.7, "TEAR": 0.75}.get(shape, 0.94)
    middle, shift = {"TRIANGLE": (0.0, 0.26), "TEAR": (-0.24, 0.0), "SEMI-CIRCLE": (0.0, 0.08)}.get(shape, (0.0, 0.0))
    size = room * rng.uniform(0.86, 1.05)
    if score == 4:
        corners = ((-0.34, -0.32), (0.34, -0.32), (-0.34, 0.32), (0.34, 0.32))
        return [Line(text, x, y, 0.42 * room, 0.3 * room) for text, (x, y) in zip(tokens, corners, strict=False)]
    if score > 1:
        return _around_groove(tokens, size, form)
    if shape == "ROUND" and len(tokens[0]) >= _LONG_WORD and rng.random() < 0.6:
        return _along_rim(tokens, size)
    if len(tokens) == 1:
        is_short = len(tokens[0]) <= 2
        return [Line(tokens[0], middle, shift, size * 1.35, size * (0.75 if is_short else 0.52))]
    return _stack(list(tokens), x=middle, y=shift, width=size * 1.25, height=size * form.width * 1.2)


def _around_groove(tokens: tuple[str, ...], size: float, form: Form) -> list[Line]:
    if len(tokens) == 1:
        return [Line(tokens[0], 0, -0.4 * form.width, size * 1.1, size * 0.38)]
    half = (len(tokens) + 1) // 2
    above = _stack(list(tokens[:half]), x=0, y=-0.4 * form.width, width=size * 1.1, height=size * 0.52)
    below = _stack(list(tokens[half:]), x=0, y=0.4 * form.width, width=size * 1.1, height=size * 0.52)
    return above + below


def _along_rim(tokens: tuple[str, ...], size: float) -> list[Line]:
    first = Line(tokens[0], 0, 0, size, 0.3, arc="above")
    rest = tokens[1:]
    if not rest:
        return [first]
    if len(rest) == 1 and len(rest[0]) >= _LONG_WORD:
        return [first, Line(rest[0], 0, 0, size, 0.3, arc="below")]
    return [first, *_stack(list(rest), x=0, y=0.22, width=size * 0.9, height=size * 0.5 * min(2, len(rest)))]
