"""Batches of augmented crops in an order that depends on seed and epoch alone, made in one worker process.

Shapes: B crops, S size in px.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from bentos.runtime.contract import PreprocessSpec
from bentos.runtime.preprocess import to_batch
from training.augment import Augmenter
from training.dataset import Pack


@dataclass(frozen=True)
class Plan:
    """Which crops are trained on, how they are shuffled and batched."""

    pack: Pack
    spec: PreprocessSpec
    batch_size: int
    epochs: int
    seed: int
    strength: float

    @property
    def steps_per_epoch(self) -> int:
        """The last, incomplete batch is left out: batch normalisation dislikes small ones."""
        return max(1, len(self.numbers) // self.batch_size)

    @property
    def num_steps(self) -> int:
        return self.epochs * self.steps_per_epoch

    @property
    def numbers(self) -> np.ndarray:
        return self.pack.numbers("train", "reference")

    def batches(self, *, from_step: int) -> list[np.ndarray]:
        """Row numbers of every batch still to come; equal crops per batch whatever `from_step`."""
        planned = []
        for epoch in range(from_step // self.steps_per_epoch, self.epochs):
            order = np.random.default_rng((self.seed, epoch)).permutation(self.numbers)
            cut = [order[i * self.batch_size : (i + 1) * self.batch_size] for i in range(self.steps_per_epoch)]
            planned += cut
        return planned[from_step % self.steps_per_epoch :]


class _Batches(Dataset):
    """One item is one whole batch: (B, 3, S, S) float32 and labels (B,)."""

    def __init__(self, plan: Plan, *, from_step: int) -> None:
        self._plan = plan
        self._from = from_step
        self._batches = plan.batches(from_step=from_step)
        self._labels = plan.pack.rows["label"].to_numpy()
        self._elongated = plan.pack.rows["elongated"].to_numpy()
        self._augment = Augmenter(strength=plan.strength)

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        numbers, crops_NSSC = self._batches[index], self._plan.pack.crops_NSSC
        step = self._from + index
        crops = [
            self._augment(
                crops_NSSC[n], elongated=bool(self._elongated[n]), seed=item_seed(self._plan.seed, step, slot)
            )
            for slot, n in enumerate(numbers)
        ]
        return torch.from_numpy(to_batch(crops, spec=self._plan.spec)), torch.from_numpy(self._labels[numbers])


def item_seed(*parts: int) -> int:
    """A 32-bit seed out of several numbers, the same on every machine."""
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=4).digest())


def load_batches(
    plan: Plan, *, from_step: int, workers: int, pin_memory: bool
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Stream the batches from `from_step` to the end of the last epoch.

    The worker is spawned: forked out of a process in which OpenCV or torch has made threads, it hangs.
    """
    loader = DataLoader(
        _Batches(plan, from_step=from_step), batch_size=None, num_workers=workers, pin_memory=pin_memory,
        prefetch_factor=4 if workers else None, worker_init_fn=_one_thread,
        multiprocessing_context="spawn" if workers else None,
    )  # fmt: skip
    yield from loader


def plain_batches(
    pack: Pack, numbers: Sequence[int], *, spec: PreprocessSpec, size: int = 64
) -> Iterator[torch.Tensor]:
    """Batches (B, 3, S, S) of unchanged crops, in order."""
    for i in range(0, len(numbers), size):
        yield torch.from_numpy(to_batch([pack.crops_NSSC[n] for n in numbers[i : i + size]], spec=spec))


def _one_thread(_: int) -> None:
    torch.set_num_threads(1)
