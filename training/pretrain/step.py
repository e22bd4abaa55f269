"""One step of pre-training: a batch of sides through the network, and the averaged weights after it.

Shapes: B sides of a batch, S crop side in px, D embedding.
"""

import copy
import re
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn import functional as F

from training.backbones import Encoder, WeightsError, check_digest, load_encoder, new_encoder
from training.loop import one_cycle
from training.pretrain.config import PretrainConfig
from training.pretrain.objective import AttributeHeads, Attributes, SideProxies
from training.pretrain.pack import SidePack
from training.pretrain.sides import Schedule
from training.pretrain.teacher import Teacher, as_batch, open_teacher

_WARM_UP = 0.1


@dataclass(frozen=True)
class Trained:
    """Everything that a step changes, and what it is changed towards; `average` is what is exported."""

    encoder: Encoder
    heads: AttributeHeads
    proxies: SideProxies
    attributes: Attributes
    average: Encoder
    optimizer: torch.optim.AdamW
    teacher: Teacher | None = None

    def named(self) -> dict:
        return {"encoder": self.encoder, "heads": self.heads, "proxies": self.proxies, "average": self.average,
                "optimizer": self.optimizer}  # fmt: skip


def begin(config: PretrainConfig, pack: SidePack, *, device: str) -> Trained:
    """The network by the configuration's seed or from the file it names, with a proxy for every side and an optimiser.

    Raises:
        WeightsError: a file has another digest, or shares nothing with the network.
    """
    torch.manual_seed(config.seed)
    encoder = new_encoder(config.recipe, embedding_dim=config.embedding_dim)
    if config.start_from is not None:
        begin_from(encoder, config.start_from, config)
    encoder.hold(config.held_stages)
    encoder = encoder.to(device, memory_format=torch.channels_last)
    heads = AttributeHeads(encoder.neck.in_features).to(device)
    rows = pack.rows.iloc[pack.trainable()]
    proxies = SideProxies(rows["look_group"], embedding_dim=config.embedding_dim).to(device)
    network = [*encoder.parameters(), *heads.parameters()]
    groups = [{"params": [p for p in network if p.ndim > 1], "weight_decay": config.weight_decay},
              {"params": [p for p in network if p.ndim <= 1] + [proxies.weight_ND], "weight_decay": 0.0}]  # fmt: skip
    return Trained(
        encoder=encoder,
        heads=heads,
        proxies=proxies,
        attributes=Attributes(rows).to(device),
        average=copy.deepcopy(encoder).requires_grad_(False),
        optimizer=torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98)),
        teacher=_teacher(config, device=device),
    )


def _teacher(config: PretrainConfig, *, device: str) -> Teacher | None:
    if config.teacher is None:
        return None
    return open_teacher(config.teacher, sha256=config.teacher_sha256, embedding_dim=config.embedding_dim, device=device)


def begin_from(encoder: Encoder, path: Path, config: PretrainConfig) -> None:
    """Read the whole network, be it for crops of another size; of another architecture, the convolutions in common.

    Raises:
        WeightsError: another digest, or no convolution in common.
    """
    check_digest(path, config.start_from_sha256)
    known, recipe = load_encoder(path)
    wanted, given = encoder.state_dict(), known.state_dict()
    if wanted.keys() == given.keys() and all(_fits(wanted[name], given[name]) for name in wanted):
        encoder.load_state_dict(given)
        return
    lent = {_own_name(name): value for name, value in known.backbone.state_dict().items()}
    names = [name for name in wanted if name.startswith("backbone.") and _fits(wanted[name], lent.get(_own_name(name)))]
    if not names:
        raise WeightsError(f"{path} of {recipe.architecture} shares no layer with {config.recipe.architecture}")
    encoder.load_state_dict(wanted | {name: lent[_own_name(name)] for name in names})


def _own_name(name: str) -> str:
    """A tensor's name without the modules around its network: `conv_stem.weight`, `blocks.1.0.bn1.weight`."""
    parts = name.split(".")
    start = next((i for i, part in enumerate(parts) if re.match(r"(conv|bn|layer|blocks)", part)), 0)
    return ".".join(parts[start:])


def _fits(wanted: torch.Tensor, lent: torch.Tensor | None) -> bool:
    return lent is not None and lent.shape == wanted.shape


def take_step(
    trained: Trained, schedule: Schedule, views_BSSC: torch.Tensor, place_B: torch.Tensor, *, step: int
) -> tuple[float, int, int]:
    """One optimiser step; returns loss, how many views found their side, and how many there were."""
    config = schedule.config
    for group in trained.optimizer.param_groups:
        group["lr"] = config.learning_rate * one_cycle(step / schedule.num_steps, warm_up=_WARM_UP)
    trained.encoder.train()
    views_BSSC = views_BSSC.to(place_B.device, non_blocking=True)
    with torch.autocast(place_B.device.type, torch.bfloat16, enabled=place_B.is_cuda):
        features_BF = trained.encoder.backbone(as_batch(views_BSSC, config.recipe, device=place_B.device))
        embedding_BD = trained.encoder.norm(trained.encoder.neck(features_BF))
        logits = trained.heads(features_BF)
    temperature = config.temperature * (2 - schedule.hardness(step))
    unit_BD = F.normalize(embedding_BD.float(), dim=1)
    loss, num_right = trained.proxies(unit_BD, place_B, temperature=temperature)
    if trained.teacher is not None:
        loss = loss + config.teacher_weight * trained.teacher.loss(unit_BD, views_BSSC)
    attributes = trained.attributes.loss(tuple(logit.float() for logit in logits), place_B)
    trained.optimizer.zero_grad()
    (loss + config.attributes_weight * attributes).backward()
    torch.nn.utils.clip_grad_norm_(trained.encoder.parameters(), config.clip_norm)
    trained.optimizer.step()
    _average(trained, decay=min(config.ema_decay, (1 + step) / (10 + step)))
    return loss.item(), int(num_right), len(place_B)


@torch.no_grad()
def _average(trained: Trained, *, decay: float) -> None:
    """Move the averaged weights and batch statistics towards the present ones."""
    present = trained.encoder.state_dict()
    for name, tensor in trained.average.state_dict().items():
        if tensor.is_floating_point():
            tensor.lerp_(present[name], 1 - decay)
        else:
            tensor.copy_(present[name])
