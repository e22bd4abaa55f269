"""One step of pre-training: both views of a batch of sides through the network, and the averaged weights after it.

Shapes: B sides of a batch, S crop side in px, D embedding.
"""

import copy
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from training.backbones import Encoder, new_encoder, read_initial_weights
from training.loop import one_cycle
from training.pretrain.config import PretrainConfig
from training.pretrain.objective import AttributeHeads, Attributes, SideBank
from training.pretrain.pack import SidePack
from training.pretrain.sides import Schedule

_SWAPPED_WEIGHT = 0.5
_WARM_UP = 0.1


@dataclass(frozen=True)
class Trained:
    """Everything that a step changes, and the targets it is changed towards; `average` is what is exported."""

    encoder: Encoder
    heads: AttributeHeads
    bank: SideBank
    attributes: Attributes
    average: Encoder
    optimizer: torch.optim.AdamW

    def named(self) -> dict:
        return {"encoder": self.encoder, "heads": self.heads, "bank": self.bank, "average": self.average,
                "optimizer": self.optimizer}  # fmt: skip


def begin(config: PretrainConfig, pack: SidePack, *, device: str) -> Trained:
    """The network by the configuration's seed or from the file it names, with its bank of sides and optimiser.

    Raises:
        WeightsError: the file has another digest, or other tensors than the network.
    """
    torch.manual_seed(config.seed)
    encoder = new_encoder(config.recipe, embedding_dim=config.embedding_dim)
    if config.start_from is not None:
        read_initial_weights(encoder, config.start_from, sha256=config.start_from_sha256)
    encoder = encoder.to(device, memory_format=torch.channels_last)
    heads = AttributeHeads(encoder.neck.in_features).to(device)
    rows = pack.rows.iloc[pack.trainable()]
    parameters = [*encoder.parameters(), *heads.parameters()]
    groups = [{"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
              {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0}]  # fmt: skip
    return Trained(
        encoder=encoder,
        heads=heads,
        bank=SideBank(rows["look_group"], embedding_dim=config.embedding_dim).to(device),
        attributes=Attributes(rows).to(device),
        average=copy.deepcopy(encoder).requires_grad_(False),
        optimizer=torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98)),
    )


def take_step(
    trained: Trained,
    schedule: Schedule,
    views: tuple[torch.Tensor, torch.Tensor],
    place_B: torch.Tensor,
    *,
    step: int,
) -> tuple[float, int, int]:
    """One optimiser step; returns loss, how many photographs found their side, and how many there were."""
    config = schedule.config
    for group in trained.optimizer.param_groups:
        group["lr"] = config.learning_rate * one_cycle(step / schedule.num_steps, warm_up=_WARM_UP)
    trained.encoder.train()
    found = _forward(trained, config, views, place_B, hardness=schedule.hardness(step))
    trained.optimizer.zero_grad()
    found.total.backward()
    torch.nn.utils.clip_grad_norm_(trained.encoder.parameters(), config.clip_norm)
    trained.optimizer.step()
    trained.bank.remember(found.clean_BD, place_B)
    _average(trained, decay=min(config.ema_decay, (1 + step) / (10 + step)))
    return found.loss.item(), int(found.num_right), len(place_B)


@dataclass(frozen=True)
class _Found:
    """The sum that is minimised, the photographs' part of it, how many found their side; the clean embeddings."""

    total: torch.Tensor
    loss: torch.Tensor
    num_right: torch.Tensor
    clean_BD: torch.Tensor


def _forward(
    trained: Trained,
    config: PretrainConfig,
    views: tuple[torch.Tensor, torch.Tensor],
    place_B: torch.Tensor,
    *,
    hardness: float,
) -> _Found:
    image_BCHW = _normalised(views, config, device=place_B.device)
    with torch.autocast(place_B.device.type, torch.bfloat16, enabled=place_B.is_cuda):
        features_BF = trained.encoder.backbone(image_BCHW)
        embedding_BD = trained.encoder.norm(trained.encoder.neck(features_BF))
        logits = trained.heads(features_BF)
    photo_BD, clean_BD = F.normalize(embedding_BD.float(), dim=1).chunk(2)
    temperature = config.temperature * (2 - hardness)
    loss, num_right = trained.bank(photo_BD, clean_BD, place_B, temperature=temperature)
    swapped, _ = trained.bank(clean_BD, photo_BD, place_B, temperature=temperature)
    attributes = trained.attributes.loss(tuple(logit.float() for logit in logits), place_B.repeat(2))
    total = loss + _SWAPPED_WEIGHT * swapped + config.attributes_weight * attributes
    return _Found(total, loss, num_right, clean_BD)


def _normalised(
    views: tuple[torch.Tensor, torch.Tensor], config: PretrainConfig, *, device: torch.device
) -> torch.Tensor:
    """Photographs, then clean crops, in one batch (2B, 3, S, S), normalised on the device."""
    pixels_BCHW = torch.cat(views).to(device, non_blocking=True).permute(0, 3, 1, 2).float() / 255
    mean_C11, std_C11 = (torch.tensor(v, device=device)[:, None, None] for v in (config.recipe.mean, config.recipe.std))
    return ((pixels_BCHW - mean_C11) / std_C11).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def _average(trained: Trained, *, decay: float) -> None:
    """Move the averaged weights and batch statistics towards the present ones."""
    present = trained.encoder.state_dict()
    for name, tensor in trained.average.state_dict().items():
        if tensor.is_floating_point():
            tensor.lerp_(present[name], 1 - decay)
        else:
            tensor.copy_(present[name])
