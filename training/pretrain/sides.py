"""What pre-training sees: simulated photographs of sides and some clean reference crops, drawn by seed and step.

B: sides of a batch, S: crop side in px.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset

from bentos.runtime.enrol import TURNS_DEG, turned
from bentos.runtime.locate import locate
from bentos.runtime.preprocess import ELONGATED_FROM, crop_pill
from training.batches import item_seed
from training.pretrain.config import PretrainConfig
from training.pretrain.pack import SidePack
from training.pretrain.pose import Pill, prepare
from training.pretrain.simulate import CropSpec, simulate_crop

_LEAST_STRENGTH, _LEAST_TURN = 0.25, 0.08
_CLEAN_SHARE = 0.15
_CLEAN_TURNS_DEG = range(0, 360, 60)


@dataclass(frozen=True)
class Schedule:
    """Which sides each step sees, how large and how hard."""

    config: PretrainConfig
    pack: SidePack

    @cached_property
    def numbers(self) -> np.ndarray:
        """The sides of the pack that are trained on; a place is an index into them."""
        return self.pack.trainable()

    @property
    def steps_per_epoch(self) -> int:
        return max(1, len(self.numbers) // self.config.batch_sides)

    @property
    def num_steps(self) -> int:
        return self.config.epochs * self.steps_per_epoch

    def size_px(self, step: int) -> int:
        """Side of the crops at `step`."""
        small = self.config.small_px is not None and step < self.config.small_share * self.num_steps
        return self.config.small_px if small else self.config.recipe.size_px

    def hardness(self, step: int) -> float:
        """The configured one at the start, 1 from the end of the ramp on."""
        passed = min(1.0, step / max(1.0, self.config.ramp_share * self.num_steps))
        return self.config.ramp_from + (1 - self.config.ramp_from) * passed

    def chosen(self, step: int) -> np.ndarray:
        """Places (B,) among the sides trained on; every epoch is another order of all of them."""
        epoch, within = divmod(step, self.steps_per_epoch)
        order = np.random.default_rng((self.config.seed, epoch)).permutation(len(self.numbers))
        return order[within * self.config.batch_sides : (within + 1) * self.config.batch_sides]


class Sides:
    """Crops of the sides of a pack, made on demand and kept."""

    def __init__(self, pack: SidePack, config: PretrainConfig) -> None:
        self._pack, self._config = pack, config
        self._pills: dict[int, Pill] = {}
        self._clean: dict[tuple[int, int], tuple[np.ndarray, bool]] = {}

    def photo(self, number: int, rng: np.random.Generator, *, size_px: int, hardness: float) -> np.ndarray:
        """A simulated photograph's crop (S, S, 3); the hardest are drawn at `hardness` 1."""
        spread = 0.3 + 0.7 * rng.random() ** 0.7
        return simulate_crop(
            self._pill(number),
            rng,
            spec=self._spec(size_px),
            strength=(_LEAST_STRENGTH + (1 - _LEAST_STRENGTH) * hardness) * spread,
            turn_rad=math.pi * (_LEAST_TURN + (1 - _LEAST_TURN) * hardness),
        )

    def query(self, number: int, rng: np.random.Generator) -> np.ndarray:
        """A crop of the full hardness, to measure with."""
        return simulate_crop(self._pill(number), rng, spec=self._spec(self._config.recipe.size_px))

    def clean(self, number: int, *, size_px: int) -> tuple[np.ndarray, bool]:
        """The reference crop (S, S, 3) as enrolment makes it, and whether the pill is elongated."""
        key = number, size_px
        if key not in self._clean:
            side = self._pack.side(number)
            located = locate(side.rgb_HWC, alpha_HW=side.mask_HW.astype(np.uint8) * 255)[0]
            spec = self._config.recipe.preprocess.model_copy(update={"size_px": size_px})
            elongated = located.length_px >= ELONGATED_FROM * located.width_px
            self._clean[key] = crop_pill(side.rgb_HWC, located, spec=spec), elongated
        return self._clean[key]

    def turned(self, number: int, turn: int, *, size_px: int) -> np.ndarray:
        """The reference crop in the `turn`-th of the turns in which enrolment sees it."""
        return turned(self.clean(number, size_px=size_px)[0], TURNS_DEG[turn])

    def lying(self, number: int, rng: np.random.Generator, *, size_px: int) -> np.ndarray:
        """The reference crop as it might lie: in one of six directions, or two if the pill is elongated."""
        crop_SSC, elongated = self.clean(number, size_px=size_px)
        return turned(crop_SSC, int(rng.choice(TURNS_DEG if elongated else _CLEAN_TURNS_DEG)))

    def _spec(self, size_px: int) -> CropSpec:
        recipe = self._config.recipe
        return CropSpec(size_px, recipe.margin, fill_with_surface=recipe.fill_with_surface)

    def _pill(self, number: int) -> Pill:
        if number not in self._pills:
            marked = self._pack.rows["imprint_type"].iat[number]
            self._pills[number] = prepare(self._pack.side(number), marked=marked)
        return self._pills[number]


class _Views(IterableDataset):
    """Batches from `from_step` on, every `count`-th of them by each worker."""

    def __init__(self, pack: SidePack, config: PretrainConfig, *, from_step: int) -> None:
        self._schedule, self._from_step = Schedule(config, pack), from_step

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        cv2.setNumThreads(1)
        info = torch.utils.data.get_worker_info()
        first, count = (info.id, info.num_workers) if info else (0, 1)
        sides = Sides(self._schedule.pack, self._schedule.config)
        for step in range(self._from_step + first, self._schedule.num_steps, count):
            yield self._batch(step, sides)

    def _batch(self, step: int, sides: Sides) -> tuple[torch.Tensor, torch.Tensor]:
        schedule = self._schedule
        size_px, hardness = schedule.size_px(step), schedule.hardness(step)
        places_B, views = schedule.chosen(step), []
        for number in schedule.numbers[places_B].tolist():
            rng = np.random.default_rng(item_seed(schedule.config.seed, step, number))
            if rng.random() < _CLEAN_SHARE:
                straight = rng.random() >= hardness
                views.append(sides.turned(number, 0, size_px=size_px) if straight
                             else sides.lying(number, rng, size_px=size_px))  # fmt: skip
            else:
                views.append(sides.photo(number, rng, size_px=size_px, hardness=hardness))
        return torch.from_numpy(np.stack(views)), torch.from_numpy(places_B)


def load_views(
    pack: SidePack, config: PretrainConfig, *, from_step: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Stream crops, uint8 (B, S, S, 3), and their sides' places (B,) among those trained on."""
    loader = DataLoader(
        _Views(pack, config, from_step=from_step), batch_size=None, num_workers=config.workers,
        prefetch_factor=6 if config.workers else None, worker_init_fn=_one_thread,
        multiprocessing_context="spawn" if config.workers else None,
    )  # fmt: skip
    yield from loader


def _one_thread(_: int) -> None:
    torch.set_num_threads(1)
