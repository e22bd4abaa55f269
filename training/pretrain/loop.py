"""Pre-training one member: steps, checkpoints, the learning curve and the weights' file; resumable at any time."""

import hashlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from bentos.runtime.contract import canonical_json
from training.backbones import load_encoder, save_encoder
from training.checkpoint import load_checkpoint, save_checkpoint
from training.pretrain.config import PretrainConfig
from training.pretrain.pack import SidePack
from training.pretrain.retrieval import embed_sides, measure
from training.pretrain.sides import Schedule, Sides, load_views
from training.pretrain.step import Trained, begin, take_step

CURVE_FILE, WEIGHTS_FILE = "curve.jsonl", "weights.safetensors"
_NUM_WORLD = 256
Figures = dict[str, float]


@dataclass(frozen=True)
class Pretrained:
    """What pre-training left: the half-precision weights' file, the last epoch's figures, steps done and planned."""

    weights: Path
    figures: Figures
    steps_done: int
    num_steps: int


def pretrain(
    config: PretrainConfig,
    pack: SidePack,
    *,
    out: Path,
    on_step: Callable[[int, int], None],
    on_epoch: Callable[[Figures], None],
    minutes: float = math.inf,
) -> Pretrained:
    """Train on the sides that are not held out, from the checkpoint in `out` where it is of this very training.

    After `minutes` it stops between two steps; called again it goes on with the same schedule.
    `on_step(done, all)` follows every step; `on_epoch(figures)` every epoch, with `loss`, `batch_top1`,
    `sides_per_s` and, as often as configured, the retrieval figures; each is also a line of `out/curve.jsonl`.
    """
    out.mkdir(parents=True, exist_ok=True)
    device, ends = _device(config), time.monotonic() + 60 * minutes
    trained, schedule, sides = begin(config, pack, device=device), Schedule(config, pack), Sides(pack, config)
    keep = {"fingerprint": pretraining_fingerprint(config, pack), "modules": trained.named()}
    saved = load_checkpoint(out, **keep) or _fresh(trained, pack, sides, config, device=device)
    step, figures, tally = saved["step"], saved["figures"], _Tally()
    for views_BSSC, place_B in load_views(pack, config, from_step=step):
        tally.add(*take_step(trained, schedule, views_BSSC, place_B.to(device), step=step))
        step += 1
        on_step(step, schedule.num_steps)
        if epoch_ends := step % schedule.steps_per_epoch == 0:
            epoch = step // schedule.steps_per_epoch
            figures = {"epoch": epoch} | tally.figures() | _measured(trained, pack, sides, config, epoch, device=device)
            _write_down(figures, trained, config, out)
            on_epoch(figures)
            tally = _Tally()
        if epoch_ends or step % config.checkpoint_every_steps == 0 or time.monotonic() > ends:
            save_checkpoint(out, **keep, progress={"step": step, "figures": figures})
        if time.monotonic() > ends:
            break
    _save(trained, config, out)
    return Pretrained(out / WEIGHTS_FILE, figures, step, schedule.num_steps)


def _fresh(trained: Trained, pack: SidePack, sides: Sides, config: PretrainConfig, *, device: str) -> dict:
    """The progress of a training that begins; its proxies begin where a network that knows the sides sees them."""
    encoder, recipe = None, config.recipe
    if config.start_from is not None:
        encoder = load_encoder(config.start_from)[0].to(device)
    elif trained.teacher is not None:
        encoder, recipe = trained.teacher.encoder, trained.teacher.recipe
    if encoder is not None:
        trained.proxies.place_at(embed_sides(encoder, pack.trainable(), sides, recipe, device=device))
    return {"step": 0, "figures": {}}


def pretraining_fingerprint(config: PretrainConfig, pack: SidePack) -> str:
    """Identifies what the weights depend on; a checkpoint under another one is not continued."""
    return hashlib.sha256(canonical_json([config.weights_depend_on(), pack.fingerprint])).hexdigest()


def _measured(
    trained: Trained, pack: SidePack, sides: Sides, config: PretrainConfig, epoch: int, *, device: str
) -> Figures:
    """The retrieval figures, where this epoch is one that is measured."""
    last = epoch == config.epochs
    if not last and epoch % config.measure_every_epochs:
        return {}
    return measure(trained.average, pack, sides, config, device=device, all_turns=last)


def _save(trained: Trained, config: PretrainConfig, out: Path) -> None:
    """The averaged network in half precision; some of the proxies stand for the classes."""
    save_encoder(
        trained.average, out / WEIGHTS_FILE, recipe=config.recipe, prototypes_CD=trained.proxies.weight_ND[:_NUM_WORLD],
        half=True, heads=trained.heads,
    )  # fmt: skip


def _device(config: PretrainConfig) -> str:
    torch.set_num_threads(1)
    if config.device != "auto":
        return config.device
    return "cuda" if torch.cuda.is_available() else "cpu"


def _write_down(figures: Figures, trained: Trained, config: PretrainConfig, out: Path) -> None:
    """A line of the curve, and the weights as they are, so that they can be used before the end."""
    _save(trained, config, out)
    with (out / CURVE_FILE).open("a") as file:
        file.write(json.dumps({name: round(value, 5) for name, value in figures.items()}) + "\n")


class _Tally:
    """Means over the steps of an epoch."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._loss, self._right, self._seen = 0.0, 0, 0

    def add(self, loss: float, num_right: int, num: int) -> None:
        if not math.isfinite(loss):
            raise FloatingPointError("the loss is no number: a lower learning rate is needed")
        self._loss += loss * num
        self._right += num_right
        self._seen += num

    def figures(self) -> Figures:
        seconds = max(1e-9, time.monotonic() - self._began)
        return {"loss": self._loss / self._seen, "batch_top1": self._right / self._seen,
                "sides_per_s": self._seen / seconds, "seconds": seconds}  # fmt: skip
