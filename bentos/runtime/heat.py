"""Which parts of a photograph spoke for the first answer against the runner-up: from feature maps, without gradients.

An encoder's map says what each region adds to the unit vector, and a score is linear in that vector, so every region
has its share of the difference between two appearances, in nats (class activation mapping: Zhou et al., CVPR 2016).
A line of text that was read carries its share wherever it stands. Both are laid over the pill in the photograph.

Shapes: R C rows and columns of the grid over the pill's box, H W regions of an encoder's map, D embedding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from bentos.runtime.answer import Box, HeatMap
from bentos.runtime.contract import PreprocessSpec
from bentos.runtime.decide import Ruling
from bentos.runtime.evidence import Scorer, SideObservation, read_cue
from bentos.runtime.explain import runner_up
from bentos.runtime.gallery import Gallery
from bentos.runtime.locate import Located
from bentos.runtime.matched import matched_rows
from bentos.runtime.preprocess import canvas_matrix
from bentos.runtime.read import canvas_size
from bentos.runtime.recogniser import Recogniser

GRID: Final = 24
_FINE: Final = 8


@dataclass(frozen=True)
class Explainer:
    """Lays out the shares of two appearances: the first answer's against the runner-up's, or against the world."""

    recogniser: Recogniser
    gallery: Gallery
    scorer: Scorer
    ruling: Ruling

    @property
    def pair(self) -> tuple[int, int | None]:
        """Numbers of the first answer and of the runner-up."""
        return self.ruling.first(), runner_up(self.ruling, self.gallery)

    def grids(self, sides: Sequence[SideObservation]) -> list[np.ndarray]:
        """The shares over each photograph's pill, nats, (R, C); [] where there is no answer to explain.

        Each sums to what the members and the imprint read in that photograph add to the lead of the first answer.
        """
        if not len(self.ruling.ranked()):
            return []
        (first, second) = self.pair
        speaking_for, against = self._legs(sides, first, sign=1), self._legs(sides, second, sign=-1)
        return [self._by_members(side, legs) + self._by_lines(side)
                for side, *legs in zip(sides, speaking_for, against, strict=True)]  # fmt: skip

    def _legs(self, sides: Sequence[SideObservation], a: int | None, *, sign: int) -> list["_Leg"]:
        """For each photograph the view that stands for an appearance, counted for or against."""
        if a is None:
            return [_Leg(0, 0)] * len(sides)
        members = self.ruling.members()
        rows = matched_rows(self.scorer, self.gallery, sides, members=members, appearance=a)
        return [_Leg(row, sign) for row in rows]

    def _by_members(self, side: SideObservation, legs: Sequence["_Leg"]) -> np.ndarray:
        cover_RC = pill_cover(side.located)
        total_RC = np.zeros_like(cover_RC)
        for member in self.ruling.members():
            weight = self.ruling.posterior.pattern.weight(member)
            nats = sum(leg.sign * self._nats(member, side, leg.row) for leg in legs)
            share_RC = self._regions(member, side, legs)
            total_RC += weight * lying_in(share_RC, nats, cover_RC=cover_RC)
        return total_RC

    def _regions(self, member: str, side: SideObservation, legs: Sequence["_Leg"]) -> np.ndarray:
        """What the regions of the member's map add, unweighted; nothing where the network has no map."""
        _, map_BHWD = self.recogniser.embed_with_map(member, [side.crops[member]])
        if map_BHWD is None:
            return np.zeros(grid_shape(side.located))
        gain_D = sum(leg.sign * self.scorer.gain(member, leg.row) for leg in legs)
        share_HW = (map_BHWD[0] @ gain_D).astype(np.float32)
        return on_grid(share_HW, side.located, spec=self.recogniser.members[member].spec.preprocess)

    def _nats(self, member: str, side: SideObservation, row: int) -> float:
        return float(self.scorer.ratios([side], members=(member,), rows=np.array([row]))[0, 0, 0])

    def _by_lines(self, side: SideObservation) -> np.ndarray:
        """Each line's share over its quad."""
        total_RC = np.zeros(grid_shape(side.located))
        spec = self.recogniser.spec.reader
        if spec is None or side.reading is None:
            return total_RC
        pattern, (first, second) = self.ruling.posterior.pattern, self.pair
        size = canvas_size(side.located, spec=spec)
        back = cv2.invertAffineTransform(canvas_matrix(side.located, size=size, margin=spec.margin))
        for line in side.reading.lines:
            share_A = pattern.weight(read_cue(line, self.ruling.typed_imprint)) * self.scorer.line_ratio(line)
            share = share_A[first] - (share_A[second] if second is not None else 0.0)
            quad_XY = cv2.transform(line.quad_XY[None].astype(np.float64), back)[0]
            total_RC += share * spread(quad_XY, side.located)
        return total_RC


@dataclass(frozen=True)
class _Leg:
    """A view of the gallery that is counted for (1), against (-1) or not at all (0)."""

    row: int
    sign: int


def heat_maps(explainer: Explainer, sides: Sequence[SideObservation], *, boxes: Sequence[Box]) -> tuple[HeatMap, ...]:
    """One map for each photograph; `boxes` say where the pill lies in each as it was sent."""
    grids = explainer.grids(sides)
    return tuple(
        HeatMap(picture=picture, box=box, rows=grid_RC.shape[0], columns=grid_RC.shape[1],
                shares=tuple(np.round(grid_RC, 5).ravel().tolist()), total=round(float(grid_RC.sum()), 4))
        for picture, (grid_RC, box) in enumerate(zip(grids, boxes, strict=bool(grids)))
    )  # fmt: skip


def grid_shape(located: Located) -> tuple[int, int]:
    """Rows and columns of the grid over a pill's box; its longest side has `GRID` cells."""
    cell = max(located.box.width, located.box.height) / GRID
    return max(1, round(located.box.height / cell)), max(1, round(located.box.width / cell))


def pill_cover(located: Located) -> np.ndarray:
    """The share of each cell that the pill covers, (R, C), 0 to 1."""
    box, (rows, columns) = located.box, grid_shape(located)
    mask_HW = located.mask_HW[box.y : box.y + box.height, box.x : box.x + box.width].astype(np.float32)
    return cv2.resize(mask_HW, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float64)


def on_grid(share_HW: np.ndarray, located: Located, *, spec: PreprocessSpec) -> np.ndarray:
    """A map over a member's crop as it lies on the picture, at the middle of each cell, (R, C)."""
    size = (spec.size_px, spec.size_px)
    matrix = canvas_matrix(located, size=size, margin=spec.margin)
    rows, columns = grid_shape(located)
    y_RC, x_RC = np.mgrid[0:rows, 0:columns] + 0.5
    x_RC = located.box.x + x_RC * located.box.width / columns - 0.5
    y_RC = located.box.y + y_RC * located.box.height / rows - 0.5
    crop_RCX = cv2.transform(np.dstack([x_RC, y_RC]), matrix)
    at_RCX = ((crop_RCX + 0.5) * np.array(share_HW.shape[::-1]) / spec.size_px - 0.5).astype(np.float32)
    return cv2.remap(
        share_HW, at_RCX[..., 0], at_RCX[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    ).astype(np.float64)


def lying_in(share_RC: np.ndarray, total: float, *, cover_RC: np.ndarray) -> np.ndarray:
    """A member's share `total`, laid where its regions speak the same way, on the pill alone; evenly where none does.

    Regions that cancel each other out decided nothing. Laid out in full they would drown what did: a map of the
    plain sum lost the deletion test (`monitoring.deletion`) against regions drawn at random.
    """
    agreeing_RC = np.maximum(np.sign(total) * share_RC, 0) * cover_RC
    agreeing_RC = agreeing_RC if agreeing_RC.any() else cover_RC
    return total * agreeing_RC / max(agreeing_RC.sum(), 1e-9)


def spread(quad_XY: np.ndarray, located: Located) -> np.ndarray:
    """How a line's quad is spread over the cells, (R, C): most in its middle. Sums to 1, over all where it misses."""
    box, (rows, columns) = located.box, grid_shape(located)
    scale = np.array([columns / box.width, rows / box.height]) * _FINE
    corners = ((quad_XY + 0.5 - (box.x, box.y)) * scale - 0.5).round().astype(np.int32)
    fine = cv2.fillConvexPoly(np.zeros((rows * _FINE, columns * _FINE), np.uint8), corners, 1)
    depth = cv2.distanceTransform(np.pad(fine, 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    share_RC = cv2.resize(depth.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float64)
    share_RC = share_RC if share_RC.any() else np.ones_like(share_RC)
    return share_RC / share_RC.sum()
