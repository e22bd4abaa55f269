"""Whether a heat map shows what decided: the pill's hottest part is painted over, and the answer has to lose more by
it than by an equally large part anywhere else.

The deletion test of Petsiuk et al. (RISE, BMVC 2018), paired: on each photograph the same area is painted over where
the map is hottest, around places drawn at random within the pill, and around its middle. What is measured is how much
of its lead over the second the first answer loses, and of its score, in nats.

Shapes: H W picture in px, R C cells of a heat map's grid.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from bentos.runtime.decide import Ruling
from bentos.runtime.decode import decode
from bentos.runtime.errors import InputError
from bentos.runtime.evidence import SideObservation
from bentos.runtime.fuse import fuse
from bentos.runtime.heat import Explainer
from bentos.runtime.locate import Located, locate
from bentos.runtime.predictor import NO_METADATA, Predictor
from monitoring.benchmark import LabelledPhoto, read_labels
from monitoring.metrics import mean_figure
from monitoring.questions import photo_rng

AREA: Final = 0.15
NUM_RANDOM: Final = 3
WHERE: Final = ("heat", "random", "centre")
_EDGE_PX: Final = 2.0
_PAINT_SHARE: Final = 0.25


@dataclass(frozen=True)
class Drop:
    """By how many nats the first answer's lead and its score fall, for each place that was painted over."""

    photo: str
    ndc11: str
    lead: dict[str, float]
    score: dict[str, float]


def check_by_deletion(
    bundle: Path,
    photos: Path,
    *,
    num: int,
    area: float = AREA,
    seed: int = 0,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """The deletion test on at most `num` labelled photographs, drawn at random.

    Raises:
        BenchmarkError: `labels.csv` is missing or malformed.
        ContractError: the bundle is damaged.
        ValueError: no photograph shows a pill.
    """
    predictor, labelled = Predictor.from_bundle(bundle), read_labels(photos)
    chosen = [labelled[i] for i in np.random.default_rng(seed).permutation(len(labelled))[:num]]
    drops = []
    for done, photo in enumerate(chosen, start=1):
        drop = drop_of(predictor, photo, area=area, seed=seed)
        drops += [drop] if drop is not None else []
        on_progress(done, len(chosen))
    return deletion_figures(drops, area=area, seed=seed)


def deletion_figures(drops: Sequence[Drop], *, area: float, seed: int) -> dict[str, Any]:
    """Mean drops with 95 % intervals, and of the paired differences: the heat map less each of the others.

    Raises:
        ValueError: there is no photograph.
    """
    if not drops:
        raise ValueError("no photograph shows a pill, so no heat map can be checked")
    groups = [drop.ndc11 for drop in drops]

    def mean(values: Sequence[float]) -> dict[str, Any]:
        return mean_figure(values, groups_N=groups, seed=seed, proportion=False).as_dict()

    found: dict[str, Any] = {"num_photos": len(drops), "area": area}
    for name in ("lead", "score"):
        by_place = {where: [getattr(drop, name)[where] for drop in drops] for where in WHERE}
        found[name] = {where: mean(values) for where, values in by_place.items()}
        found[f"{name}_over"] = {
            where: mean(np.subtract(by_place["heat"], by_place[where]).tolist()) for where in WHERE[1:]
        }
    return found


def drop_of(predictor: Predictor, photo: LabelledPhoto, *, area: float = AREA, seed: int = 0) -> Drop | None:
    """What the answer for one photograph loses; None where the file is refused or shows no pill."""
    try:
        picture = decode(photo.path.read_bytes())
    except InputError:
        return None
    found = locate(picture.rgb_HWC, alpha_HW=picture.alpha_HW)
    if not found:
        return None
    case = Case.of(predictor, picture.rgb_HWC, found[0])
    rng = photo_rng(photo.path.name, seed=seed)
    heat = case.drop(hottest(case.explainer.grids([case.side])[0], case.located, area=area))
    centre = case.drop(blob(case.located, around=case.located.centre_xy, area=area))
    drawn = [case.drop(blob(case.located, around=_place(case.located, rng), area=area)) for _ in range(NUM_RANDOM)]
    drops = np.array([heat, np.mean(drawn, axis=0), centre])
    lead, score = (dict(zip(WHERE, column.tolist(), strict=True)) for column in drops.T)
    return Drop(photo.path.name, photo.ndc11, lead, score)


@dataclass(frozen=True)
class Case:
    """A located pill with its answer, to be asked again with parts of it painted over."""

    predictor: Predictor
    rgb_HWC: np.ndarray
    located: Located
    side: SideObservation
    ruling: Ruling
    explainer: Explainer

    @classmethod
    def of(cls, predictor: Predictor, rgb_HWC: np.ndarray, located: Located) -> "Case":
        """Observe and judge it."""
        side = predictor.observe_side(rgb_HWC, located)
        ruling = predictor.judge([side])
        return cls(predictor, rgb_HWC, located, side, ruling, predictor.explainer(ruling))

    def drop(self, region_HW: np.ndarray) -> tuple[float, float]:
        """By how much lead and score of the first answer fall when a region is painted over; members as they were."""
        side = self.predictor.observe_side(painted_over(self.rgb_HWC, self.located, region_HW), self.located)
        evidence = self.predictor.collect([side], members=self.ruling.members(), metadata=NO_METADATA)
        recogniser, gallery = self.predictor.recogniser, self.predictor.gallery
        changed_A = fuse(evidence, spec=recogniser.spec, active_A=gallery.active_A).score_A
        fall_A = self.ruling.posterior.score_A - changed_A
        first, second = self.explainer.pair
        return float(fall_A[first] - (fall_A[second] if second is not None else 0.0)), float(fall_A[first])


def hottest(grid_RC: np.ndarray, located: Located, *, area: float) -> np.ndarray:
    """The part of the pill where a heat map is hottest, (H, W) bool, `area` of its pixels."""
    box = located.box
    heat_HW = np.full(located.mask_HW.shape, -np.inf, np.float32)
    fine = cv2.resize(grid_RC.astype(np.float32), (box.width, box.height), interpolation=cv2.INTER_LINEAR)
    heat_HW[box.y : box.y + box.height, box.x : box.x + box.width] = fine
    return _top(heat_HW, located, area=area)


def blob(located: Located, *, around: Sequence[float], area: float) -> np.ndarray:
    """The part of the pill nearest to a place (x, y), (H, W) bool, `area` of its pixels."""
    y_HW, x_HW = np.mgrid[: located.mask_HW.shape[0], : located.mask_HW.shape[1]]
    return _top(-np.hypot(x_HW - around[0], y_HW - around[1]), located, area=area)


def _top(value_HW: np.ndarray, located: Located, *, area: float) -> np.ndarray:
    inside = np.flatnonzero(located.mask_HW)
    highest = inside[np.argsort(-value_HW.ravel()[inside], kind="stable")[: max(1, round(area * len(inside)))]]
    region_HW = np.zeros(located.mask_HW.shape, bool)
    region_HW.ravel()[highest] = True
    return region_HW


def _place(located: Located, rng: np.random.Generator) -> tuple[float, float]:
    """A pixel of the pill."""
    y_N, x_N = np.nonzero(located.mask_HW)
    drawn = rng.integers(len(y_N))
    return float(x_N[drawn]), float(y_N[drawn])


def painted_over(rgb_HWC: np.ndarray, located: Located, region_HW: np.ndarray) -> np.ndarray:
    """The picture with a region in the smooth colour of the rest of the pill around it, softly bordered, uint8."""
    rest_HW = (located.mask_HW & ~region_HW).astype(np.float32)
    sigma = max(_PAINT_SHARE * located.width_px, 1.0)
    smooth_HWC = _blurred(rgb_HWC * rest_HW[..., None], sigma) / np.maximum(_blurred(rest_HW, sigma), 1e-4)[..., None]
    mean_C = rgb_HWC[rest_HW > 0].mean(axis=0) if rest_HW.any() else np.full(3, 128.0)
    known_HW1 = np.clip(_blurred(rest_HW, sigma) / 1e-2, 0, 1)[..., None]
    paint_HWC = smooth_HWC * known_HW1 + mean_C * (1 - known_HW1)
    weight_HW1 = cv2.GaussianBlur(region_HW.astype(np.float32), (0, 0), _EDGE_PX)[..., None]
    return np.clip(rgb_HWC * (1 - weight_HW1) + paint_HWC * weight_HW1 + 0.5, 0, 255).astype(np.uint8)


def _blurred(value: np.ndarray, sigma: float) -> np.ndarray:
    """A wide Gaussian, at a quarter of the resolution."""
    height, width = value.shape[:2]
    small = cv2.resize(
        value.astype(np.float32), (max(1, width // 4), max(1, height // 4)), interpolation=cv2.INTER_AREA
    )
    return cv2.resize(cv2.GaussianBlur(small, (0, 0), max(sigma / 4, 0.5)), (width, height))
