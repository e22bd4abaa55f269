"""Training one member: cosine prototypes, one-cycle schedule, resumable at every checkpoint.

Shapes: B crops, D embedding.
"""

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from bentos.runtime.contract import MemberName, canonical_json
from training.backbones import Encoder, build_encoder, save_encoder
from training.batches import Plan, item_seed, load_batches
from training.checkpoint import load_checkpoint, save_checkpoint
from training.config import TrainConfig
from training.dataset import Pack
from training.losses import CosinePrototypes
from training.parts import PartResult, Parts
from training.validate import validate

WEIGHTS_FILE = "weights.safetensors"


@dataclass(frozen=True)
class TrainedMember:
    """What training left: the weights' file and the figures of the last epoch. `seconds` counts this run alone."""

    weights: Path
    metrics: dict[str, float]
    epochs_done: int
    steps_done: int
    seconds: float


@dataclass(frozen=True)
class _Built:
    encoder: Encoder
    prototypes: CosinePrototypes
    batch: Parts
    optimizer: torch.optim.AdamW

    def named(self) -> dict:
        return {"encoder": self.encoder, "prototypes": self.prototypes, "optimizer": self.optimizer}


def train_member(
    config: TrainConfig,
    member: MemberName,
    pack: Pack,
    *,
    out: Path,
    on_step: Callable[[int, int], None],
    on_epoch: Callable[[int, dict[str, float]], None],
) -> TrainedMember:
    """Train `member` on the pack, from the checkpoint in `out` where there is one of this very training.

    `on_step(done, all)` follows every step; `on_epoch(epoch, figures)` every epoch, with `loss`,
    `train_top1`, `validate_top1` (nearest reference side) and `pictures_per_s`.

    Raises:
        WeightsError: the initial weights named by the configuration are not what it says.
    """
    recipe, device, began = config.recipe(member), _device(config), time.monotonic()
    plan = Plan(pack, recipe.preprocess, recipe.batch_size, recipe.epochs, config.seed, recipe.augmentation)
    built = _build(config, member, pack, device=device)
    fingerprint = training_fingerprint(config, member, pack)
    keep = partial(save_checkpoint, out, fingerprint=fingerprint, modules=built.named())
    saved = load_checkpoint(out, fingerprint=fingerprint, modules=built.named()) or {"step": 0, "figures": {}}
    step, figures, tally = saved["step"], saved["figures"], _Tally()
    on_step(step, plan.num_steps)
    for image_BCHW, label_B in load_batches(plan, from_step=step, workers=config.workers, pin_memory=device == "cuda"):
        tally.add(_step(built, image_BCHW.to(device), label_B.to(device), step=step, of=plan.num_steps, config=config,
                        peak=recipe.learning_rate))  # fmt: skip
        step += 1
        on_step(step, plan.num_steps)
        if epoch_ends := step % plan.steps_per_epoch == 0:
            figures = tally.figures() | validate(built.encoder, pack, spec=recipe.preprocess, device=device)
            on_epoch(step // plan.steps_per_epoch, figures)
            tally = _Tally()
        if epoch_ends or step % config.checkpoint_every_steps == 0:
            keep(progress={"step": step, "figures": figures})
    built.batch.close()
    save_encoder(built.encoder, out / WEIGHTS_FILE, recipe=recipe, prototypes_CD=built.prototypes.weight_CD)
    return TrainedMember(out / WEIGHTS_FILE, figures, step // plan.steps_per_epoch, step, time.monotonic() - began)


def _step(
    built: _Built,
    image_BCHW: torch.Tensor,
    label_B: torch.Tensor,
    *,
    step: int,
    of: int,
    config: TrainConfig,
    peak: float,
) -> PartResult:
    """One optimiser step; returns the batch's figures."""
    torch.manual_seed(item_seed(config.seed, step))
    share = step / of
    for group in built.optimizer.param_groups:
        group["lr"] = peak * one_cycle(share)
    result = built.batch.backward(image_BCHW, label_B, margin_share=share)
    torch.nn.utils.clip_grad_norm_(built.encoder.parameters(), config.clip_norm)
    built.optimizer.step()
    return result


def one_cycle(share: float, *, warm_up: float = 0.15, floor: float = 0.002) -> float:
    """Learning rate as a share of its peak: linear up, then a cosine down (Smith and Topin, 2018)."""
    if share < warm_up:
        return floor + (1 - floor) * share / warm_up
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * (share - warm_up) / (1 - warm_up)))


def training_fingerprint(config: TrainConfig, member: MemberName, pack: Pack) -> str:
    """Identifies what the weights depend on; a checkpoint under another one is not continued."""
    described = {"member": config.weights_depend_on(member), "pack": pack.fingerprint}
    return hashlib.sha256(canonical_json(described)).hexdigest()


def _device(config: TrainConfig) -> str:
    if config.device != "auto":
        return config.device
    return "cuda" if torch.cuda.is_available() else "cpu"


def _build(config: TrainConfig, member: MemberName, pack: Pack, *, device: str) -> _Built:
    if device == "cpu":
        torch.set_num_threads(1)
    encoder = build_encoder(config, member).to(device, memory_format=torch.channels_last)
    prototypes = CosinePrototypes(
        num_classes=pack.num_classes, embedding_dim=config.embedding_dim, scale=config.softmax_scale,
        margin=config.softmax_margin, smoothing=config.label_smoothing,
    ).to(device)  # fmt: skip
    learning = [p for p in encoder.parameters() if p.requires_grad]
    matrices, others = ([p for p in learning if (p.ndim > 1) == matrix] for matrix in (True, False))
    groups = [{"params": matrices, "weight_decay": config.weight_decay},
              {"params": [*others, *prototypes.parameters()], "weight_decay": 0.0}]  # fmt: skip
    num_parts = config.threads if device == "cpu" and config.recipe(member).drop_path == 0 else 1
    batch = Parts(encoder, prototypes, num=num_parts)
    return _Built(encoder, prototypes, batch, torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.98)))


class _Tally:
    """Means over the steps of an epoch."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._loss, self._right, self._seen = 0.0, 0, 0

    def add(self, result: PartResult) -> None:
        self._loss += result.loss * result.num
        self._right += result.num_right
        self._seen += result.num

    def figures(self) -> dict[str, float]:
        seen = max(1, self._seen)
        rate = seen / max(1e-9, time.monotonic() - self._began)
        return {"loss": self._loss / seen, "train_top1": self._right / seen, "pictures_per_s": rate}
