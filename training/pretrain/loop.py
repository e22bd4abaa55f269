"""Pre-training one member: contrast over all sides, averaged weights, resumable at every checkpoint.

Shapes: B sides of a batch, S crop side in px, D embedding.
"""

import copy
import hashlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from bentos.runtime.contract import canonical_json
from training.backbones import Encoder, new_encoder
from training.checkpoint import load_checkpoint, save_checkpoint
from training.loop import one_cycle
from training.pretrain.config import PretrainConfig
from training.pretrain.export import save_pretrained
from training.pretrain.objective import AttributeHeads, Attributes, SideBank
from training.pretrain.pack import SidePack
from training.pretrain.retrieval import measure
from training.pretrain.sides import Schedule, Sides, load_pairs

CURVE_FILE, WEIGHTS_FILE = "curve.jsonl", "weights.safetensors"
_SWAPPED_WEIGHT = 0.5


@dataclass(frozen=True)
class Pretrained:
    """What pre-training left: the half-precision weights' file, the last figures, steps done."""

    weights: Path
    figures: dict[str, float]
    steps_done: int


@dataclass(frozen=True)
class _Built:
    encoder: Encoder
    heads: AttributeHeads
    bank: SideBank
    attributes: Attributes
    average: Encoder
    optimizer: torch.optim.AdamW

    def named(self) -> dict:
        return {"encoder": self.encoder, "heads": self.heads, "bank": self.bank, "average": self.average,
                "optimizer": self.optimizer}  # fmt: skip


def pretrain(
    config: PretrainConfig,
    pack: SidePack,
    *,
    out: Path,
    on_step: Callable[[int, int], None],
    on_epoch: Callable[[dict[str, float]], None],
) -> Pretrained:
    """Train on the pack's sides that are not held out, from the checkpoint in `out` where it is of this very training.

    `on_epoch(figures)` follows every epoch, with `epoch`, `loss`, `batch_top1`, `sides_per_s`, `hardness` and,
    as often as configured, the retrieval figures; each is also a line of `out/curve.jsonl`.
    """
    device = _device(config)
    built, schedule, sides = (
        _build(config, pack, device=device),
        Schedule(config, len(pack.trainable())),
        Sides(pack, config),
    )
    fingerprint = hashlib.sha256(canonical_json([config.weights_depend_on(), pack.fingerprint])).hexdigest()
    keep = partial(save_checkpoint, out, fingerprint=fingerprint, modules=built.named())
    saved = load_checkpoint(out, fingerprint=fingerprint, modules=built.named()) or {"step": 0, "figures": {}}
    step, figures, tally = saved["step"], saved["figures"], _Tally()
    for photo_BSSC, clean_BSSC, place_B in load_pairs(pack, config, from_step=step):
        tally.add(*_step(built, config, schedule, (photo_BSSC, clean_BSSC), place_B.to(device), step=step))
        step += 1
        on_step(step, schedule.num_steps)
        if epoch_ends := step % schedule.steps_per_epoch == 0:
            epoch = step // schedule.steps_per_epoch
            figures = {"epoch": epoch, "hardness": schedule.hardness(step)} | tally.figures()
            if epoch % config.measure_every_epochs == 0 or epoch == config.epochs:
                all_turns = epoch == config.epochs
                figures |= measure(built.average, pack, sides, config, device=device, all_turns=all_turns)
                save_pretrained(built.average, built.heads, out / WEIGHTS_FILE, config=config, bank=built.bank)
            _write_down(figures, out / CURVE_FILE)
            on_epoch(figures)
            tally = _Tally()
        if epoch_ends or step % config.checkpoint_every_steps == 0:
            keep(progress={"step": step, "figures": figures})
    save_pretrained(built.average, built.heads, out / WEIGHTS_FILE, config=config, bank=built.bank)
    return Pretrained(out / WEIGHTS_FILE, figures, step)


def _build(config: PretrainConfig, pack: SidePack, *, device: str) -> _Built:
    if device == "cpu":
        torch.set_num_threads(1)
    torch.manual_seed(config.seed)
    encoder = new_encoder(config.recipe, embedding_dim=config.embedding_dim)
    encoder = encoder.to(device, memory_format=torch.channels_last)
    heads = AttributeHeads(encoder.neck.in_features).to(device)
    rows = pack.rows.iloc[pack.trainable()]
    parameters = [*encoder.parameters(), *heads.parameters()]
    groups = [{"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
              {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0}]  # fmt: skip
    return _Built(
        encoder=encoder,
        heads=heads,
        bank=SideBank(rows["look_group"], embedding_dim=config.embedding_dim).to(device),
        attributes=Attributes(rows).to(device),
        average=copy.deepcopy(encoder).requires_grad_(False),
        optimizer=torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98)),
    )


def _step(
    built: _Built,
    config: PretrainConfig,
    schedule: Schedule,
    views: tuple[torch.Tensor, torch.Tensor],
    place_B: torch.Tensor,
    *,
    step: int,
) -> tuple[float, int, int]:
    """One optimiser step; returns loss, how many photographs found their side, and how many there were."""
    share = step / schedule.num_steps
    for group in built.optimizer.param_groups:
        group["lr"] = config.learning_rate * one_cycle(share, warm_up=0.1)
    temperature = config.temperature * (2 - schedule.hardness(step))
    built.encoder.train()
    image_BCHW = _normalised(views, config, device=place_B.device)
    with torch.autocast(place_B.device.type, torch.bfloat16, enabled=place_B.is_cuda):
        features_BF = built.encoder.backbone(image_BCHW)
        embedding_BD = built.encoder.norm(built.encoder.neck(features_BF))
        logits = built.heads(features_BF)
    embedding_BD = torch.nn.functional.normalize(embedding_BD.float(), dim=1)
    photo_BD, clean_BD = embedding_BD.chunk(2)
    loss, num_right = built.bank(photo_BD, clean_BD, place_B, temperature=temperature)
    swapped, _ = built.bank(clean_BD, photo_BD, place_B, temperature=temperature)
    attributes = built.attributes.loss(tuple(logit.float() for logit in logits), place_B.repeat(2))
    total = loss + _SWAPPED_WEIGHT * swapped + config.attributes_weight * attributes
    built.optimizer.zero_grad()
    total.backward()
    torch.nn.utils.clip_grad_norm_(built.encoder.parameters(), config.clip_norm)
    built.optimizer.step()
    built.bank.remember(clean_BD, place_B)
    _average(built, decay=min(config.ema_decay, (1 + step) / (10 + step)))
    return loss.item(), int(num_right), len(place_B)


def _normalised(
    views: tuple[torch.Tensor, torch.Tensor], config: PretrainConfig, *, device: torch.device
) -> torch.Tensor:
    """Photographs, then clean crops, in one normalised batch: (2B, 3, S, S)."""
    pixels_BCHW = torch.cat(views).to(device, non_blocking=True).permute(0, 3, 1, 2).float() / 255
    mean_C11, std_C11 = (torch.tensor(v, device=device)[:, None, None] for v in (config.recipe.mean, config.recipe.std))
    return ((pixels_BCHW - mean_C11) / std_C11).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def _average(built: _Built, *, decay: float) -> None:
    """Move the averaged weights and batch statistics towards the present ones."""
    present = built.encoder.state_dict()
    for name, tensor in built.average.state_dict().items():
        if tensor.is_floating_point():
            tensor.lerp_(present[name], 1 - decay)
        else:
            tensor.copy_(present[name])


def _device(config: PretrainConfig) -> str:
    if config.device != "auto":
        return config.device
    return "cuda" if torch.cuda.is_available() else "cpu"


def _write_down(figures: dict[str, float], path: Path) -> None:
    with path.open("a") as file:
        file.write(json.dumps({name: round(value, 5) for name, value in figures.items()}) + "\n")


class _Tally:
    """Means over the steps of an epoch."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._loss, self._right, self._seen = 0.0, 0, 0

    def add(self, loss: float, num_right: int, num: int) -> None:
        self._loss += loss * num
        self._right += num_right
        self._seen += num

    def figures(self) -> dict[str, float]:
        seconds = max(1e-9, time.monotonic() - self._began)
        mean = self._loss / max(1, self._seen)
        if not math.isfinite(mean):
            raise FloatingPointError("the loss is no number: a lower learning rate is needed")
        return {"loss": mean, "batch_top1": self._right / max(1, self._seen), "sides_per_s": self._seen / seconds,
                "seconds": seconds}  # fmt: skip
