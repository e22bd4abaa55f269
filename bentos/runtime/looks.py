"""Looks at possible lines: how much each says, which lines together say most, and what stands there twice.

Shapes: T steps, K classes (alphabet, then blank).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bentos.runtime.lattice import greedy_text, log_best_path, nats_said
from bentos.runtime.strips import quarter_turns, turned
from bentos.runtime.text_regions import TextRegion, overlapping

_SURE_FROM = np.log(0.5)
_SAME_UPSIDE_DOWN = frozenset("01689HINOSXZ")
_ALONG_FROM = np.cos(np.radians(45))
_DIRECTION_SURE_FROM = 4.0
_LIKE_FROM = 3


@dataclass(frozen=True)
class Turned:
    """One possible line after `turn` quarter turns."""

    region: TextRegion
    turn: int

    @property
    def direction_X(self) -> np.ndarray:
        """The unit vector on the canvas along which it is read."""
        quad_XY = turned(self.region.quad_XY, self.turn)
        along_X = quad_XY[1] - quad_XY[0]
        return along_X / max(float(np.linalg.norm(along_X)), 1e-6)


@dataclass(frozen=True)
class Look(Turned):
    """One possible line as it was read."""

    lattice_TK: np.ndarray

    @property
    def nats(self) -> float:
        """What the look says."""
        return nats_said(self.lattice_TK)

    @property
    def is_sure(self) -> bool:
        """Whether it was read for certain in the right direction, so that no other need be tried."""
        text = greedy_text(self.lattice_TK)
        return len(text) > 1 and not set(text) <= _SAME_UPSIDE_DOWN and log_best_path(self.lattice_TK) >= _SURE_FROM


def still_to_read(first: Sequence[Look]) -> list[tuple[TextRegion, int]]:
    """Which regions to read after which quarter turns, when each was read in one direction.

    A sure look tells the direction of all, and that what it overlaps is no line. Half turns come before quarters.
    """
    sure = [look for look in first if look.is_sure]
    heading_X = max(sure, key=lambda look: look.nats).direction_X if sure else None
    settled = [one.region.quad_XY for one in sure]
    unread = [look.region for look in first if not any(overlapping(look.region.quad_XY, quad) for quad in settled)]
    wanted = [Turned(region, turn) for region in unread for turn in quarter_turns(region.quad_XY)[1:]]
    along = [w for w in wanted if heading_X is None or w.direction_X @ heading_X > _ALONG_FROM]
    return [(w.region, w.turn) for w in sorted(along, key=lambda w: w.turn % 2)]


def most_said(looks: Sequence[Look]) -> float:
    """What the look that says most says, nats."""
    return max((look.nats for look in looks), default=0.0)


def best_together(looks: Sequence[Sequence[Look]]) -> list[Sequence[Look]]:
    """Of possible lines, each with its looks, those that do not overlap and together say most."""
    nats = [most_said(own) for own in looks]
    clash = [{j for j, b in enumerate(looks) if i != j and overlapping(a[0].region.quad_XY, b[0].region.quad_XY)}
             for i, a in enumerate(looks)]  # fmt: skip
    order = sorted(range(len(looks)), key=lambda i: -nats[i])
    _, chosen = _heaviest(order, nats, clash, taken=frozenset())
    return [looks[i] for i in sorted(chosen)]


def _heaviest(
    order: Sequence[int], nats: Sequence[float], clash: Sequence[set[int]], *, taken: frozenset[int]
) -> tuple[float, frozenset[int]]:
    """The set with the largest sum among those without a clash; by trying both for every line."""
    if not order:
        return 0.0, taken
    first, rest = order[0], order[1:]
    if clash[first] & taken:
        return _heaviest(rest, nats, clash, taken=taken)
    with_it, chosen = _heaviest(rest, nats, clash, taken=taken | {first})
    if not clash[first] & set(rest):
        return with_it + nats[first], chosen
    without, others = _heaviest(rest, nats, clash, taken=taken)
    return (without, others) if without > with_it + nats[first] else (with_it + nats[first], chosen)


def in_one_direction(lines: Sequence[Sequence[Look]]) -> list[list[Look]]:
    """The looks without those against the direction in which the lines together say clearly most."""
    best = max((look for own in lines for look in own), key=lambda look: look.nats, default=None)
    if best is None:
        return []
    heading_X = best.direction_X
    lead = _said_along(lines, heading_X) - _said_along(lines, -heading_X)
    if lead < _DIRECTION_SURE_FROM:
        return [list(own) for own in lines]
    return [[look for look in own if look.direction_X @ heading_X > -_ALONG_FROM] or list(own) for own in lines]


def _said_along(lines: Sequence[Sequence[Look]], heading_X: np.ndarray) -> float:
    along = ([look for look in own if look.direction_X @ heading_X > _ALONG_FROM] for own in lines)
    return sum(map(most_said, along))


def said_once(lines: Sequence[Sequence[Look]]) -> list[list[Look]]:
    """The lines with those that say the same in two places as one, which may be either."""
    merged: list[list[Look]] = []
    for own in sorted(lines, key=lambda own: -most_said(own)):
        twin = next((other for other in merged if _same_text(_text(other), _text(own))), None)
        if twin is None:
            merged.append(list(own))
        else:
            twin.extend(own)
    return merged


def _text(looks: Sequence[Look]) -> str:
    return greedy_text(max(looks, key=lambda look: look.nats).lattice_TK)


def _same_text(text: str, other: str) -> bool:
    unlike = sum(a != b for a, b in zip(text, other, strict=False))
    return len(text) == len(other) > 0 and unlike <= (len(text) >= _LIKE_FROM)
