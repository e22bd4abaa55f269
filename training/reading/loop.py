"""The training loop of both networks: steps drawn by number, averaged weights, resumable at every checkpoint."""

import copy
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import onnx
import torch
from safetensors.torch import save_file
from torch.utils.data import DataLoader, IterableDataset

from bentos.runtime.contract import canonical_json
from training.checkpoint import load_checkpoint, save_checkpoint
from training.loop import one_cycle
from training.reading.config import ReadingConfig
from training.reading.graph import Graph
from training.reading.photograph import Photographer

START_FILE, AVERAGE_FILE = "start.onnx", "average.safetensors"
_WARM_UP, _EMA_FROM = 0.05, 20


@dataclass(frozen=True)
class Group:
    """Pictures of one size with what they show; `size` of them are counted."""

    inputs: torch.Tensor
    targets: Any
    size: int


@dataclass(frozen=True)
class Task:
    """What is trained: `start` is the whole network, `graph` its part that learns.

    `draw(step)` makes the groups of a step, the same whenever asked; `loss(graph, group)` is the mean loss with
    figures to tell.
    """

    start: onnx.ModelProto
    graph: Graph
    photographer: Photographer
    draw: Callable[[int], list[Group]]
    loss: Callable[[Graph, Group], tuple[torch.Tensor, Mapping[str, float]]]

    @property
    def fingerprint(self) -> str:
        """What the weights depend on; a checkpoint under another one is not continued."""
        config, photographer = self.photographer.config, self.photographer
        fonts = [Path(font).name for font in photographer.fonts]
        begun = hashlib.sha256(self.start.SerializeToString(deterministic=True)).hexdigest()
        facts = [config.weights_depend_on(), photographer.pack.fingerprint, fonts, begun]
        return hashlib.sha256(canonical_json([*facts, photographer.spec.model_dump(mode="json")])).hexdigest()


def train(
    task: Task, *, out: Path, clock: Callable[[], float], on_step: Callable[[int, float, dict[str, float]], None]
) -> int:
    """Train until the configured minutes are used up, from the checkpoint in `out` where it is of this training.

    Leaves `start.onnx` and the averaged weights, from which `training.reading.export` writes the network. `clock`
    gives seconds; `on_step(step, share of the time, figures)` follows every step. Returns the steps done in all.
    """
    config, graph = task.photographer.config, task.graph
    device = _device(config)
    average = copy.deepcopy(graph).requires_grad_(False).to(device)
    graph.to(device)
    optimizer = torch.optim.AdamW(graph.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    named = {"graph": graph, "average": average, "optimizer": optimizer}
    saved = load_checkpoint(out, fingerprint=task.fingerprint, modules=named) or {"step": 0, "seconds": 0.0}
    step, began = saved["step"], clock() - saved["seconds"]
    out.mkdir(parents=True, exist_ok=True)
    onnx.save(task.start, out / START_FILE)
    for groups in _stream(task, from_step=step):
        seconds = clock() - began
        if (share := seconds / (60 * config.minutes)) >= 1:
            break
        figures = _step(task, optimizer, groups, share=share, device=device)
        step += 1
        _follow(average, graph, decay=min(config.ema_decay, (step + 1) / (step + _EMA_FROM)))
        on_step(step, share, figures)
        if step % config.checkpoint_every_steps == 0:
            _save(out, task, named, progress={"step": step, "seconds": seconds})
    _save(out, task, named, progress={"step": step, "seconds": clock() - began})
    return step


def _step(
    task: Task, optimizer: torch.optim.Optimizer, groups: list[Group], *, share: float, device: str
) -> dict[str, float]:
    """One step over all groups, each by its share of the pictures; the mean figures."""
    config, total = task.photographer.config, sum(group.size for group in groups)
    for parameters in optimizer.param_groups:
        parameters["lr"] = config.learning_rate * one_cycle(share, warm_up=_WARM_UP)
    optimizer.zero_grad()
    told: dict[str, float] = {}
    for group in groups:
        inputs = group.inputs.to(device, torch.float32, memory_format=torch.channels_last)
        loss, figures = task.loss(task.graph, Group(inputs, group.targets, group.size))
        (loss * (group.size / total)).backward()
        figures = {"loss": loss.item(), **figures}
        told = {name: told.get(name, 0.0) + value * group.size / total for name, value in figures.items()}
    torch.nn.utils.clip_grad_norm_(task.graph.parameters(), config.clip_norm)
    optimizer.step()
    return told


@torch.no_grad()
def _follow(average: Graph, graph: Graph, *, decay: float) -> None:
    for mean, present in zip(average.parameters(), graph.parameters(), strict=True):
        mean.lerp_(present, 1 - decay)


def _save(out: Path, task: Task, named: dict, *, progress: dict) -> None:
    save_checkpoint(out, fingerprint=task.fingerprint, modules=named, progress=progress)
    arrays = {name: torch.from_numpy(array).contiguous() for name, array in named["average"].arrays().items()}
    draft = out / (AVERAGE_FILE + ".part")
    save_file(arrays, draft)
    draft.replace(out / AVERAGE_FILE)


class _Steps(IterableDataset):
    """The groups of every step from `from_step` on, every `count`-th step by each worker."""

    def __init__(self, draw: Callable[[int], list[Group]], *, from_step: int) -> None:
        self._draw, self._from_step = draw, from_step

    def __iter__(self) -> Iterator[list[Group]]:
        cv2.setNumThreads(1)
        info = torch.utils.data.get_worker_info()
        step, count = (self._from_step + info.id, info.num_workers) if info else (self._from_step, 1)
        while True:
            yield self._draw(step)
            step += count


def _stream(task: Task, *, from_step: int) -> Iterator[list[Group]]:
    workers = task.photographer.config.workers
    loader = DataLoader(
        _Steps(task.draw, from_step=from_step), batch_size=None, num_workers=workers,
        prefetch_factor=4 if workers else None, worker_init_fn=_one_thread,
        multiprocessing_context="spawn" if workers else None,
    )  # fmt: skip
    yield from loader


def _one_thread(_: int) -> None:
    torch.set_num_threads(1)


def _device(config: ReadingConfig) -> str:
    if config.device != "auto":
        return config.device
    return "cuda" if torch.cuda.is_available() else "cpu"
