"""Training the text finder: cores of lines on canvases, and the direction they are read in.

Loss after Liao et al. (AAAI 2020): binary cross-entropy with hard negative mining, and dice. B: canvases.
"""

from dataclasses import dataclass

import numpy as np
import onnx
import torch
from torch.nn import functional as F

from bentos.runtime.strips import normalised
from training.batches import item_seed
from training.reading.graph import Graph
from training.reading.loop import Group, Task
from training.reading.photograph import Photographer
from training.reading.targets import finder_target

_NEGATIVES, _AT_LEAST = 3, 200
_TEXT_MADE_UP = 0.88


def finder_task(start: onnx.ModelProto, photographer: Photographer) -> Task:
    """Train the whole network `start`, as `training.reading.base.new_finder` or an earlier training made it."""
    return Task(start, Graph(start), photographer, FinderPictures(photographer), finder_loss)


@dataclass(frozen=True)
class FinderPictures:
    """The canvases of a step, by their size."""

    photographer: Photographer

    def __call__(self, step: int) -> list[Group]:
        config, taken = self.photographer.config, {}
        for place in range(config.batch_sides):
            rng = np.random.default_rng(item_seed(config.seed, step, place))
            canvas = self.photographer.take(rng, text_made_up=_TEXT_MADE_UP)
            taken.setdefault(canvas.weight_HW.shape, []).append(canvas)
        return [_group(canvases) for _, canvases in sorted(taken.items())]


def _group(canvases: list) -> Group:
    targets = [finder_target(canvas) for canvas in canvases]
    stacked = tuple(
        torch.from_numpy(np.stack([getattr(target, name) for target in targets]))
        for name in ("core_hw", "direction_2hw", "weight_hw")
    )
    pictures = torch.from_numpy(normalised(np.stack([canvas.rgb_HWC for canvas in canvases])))
    return Group(pictures, stacked, len(canvases))


def finder_loss(graph: Graph, group: Group) -> tuple[torch.Tensor, dict[str, float]]:
    """Cross-entropy, dice and the angle between directions on cores, with each as a figure."""
    out_B3hw = graph(group.inputs)
    core_Bhw, direction_B2hw, weight_Bhw = (target.to(out_B3hw.device) for target in group.targets)
    entropy, on_core_Bhw = _mined_entropy(out_B3hw[:, 0], core_Bhw, weight_Bhw)
    heat_Bhw = torch.sigmoid(out_B3hw[:, 0]) * weight_Bhw
    dice = 1 - (2 * (heat_Bhw * core_Bhw).sum() + 1) / (heat_Bhw.square().sum() + on_core_Bhw.sum() + 1)
    cosine_Bhw = (F.normalize(out_B3hw[:, 1:], dim=1) * direction_B2hw).sum(dim=1)
    turn = ((1 - cosine_Bhw) * on_core_Bhw).sum() / on_core_Bhw.sum().clamp(min=1)
    figures = {"entropy": entropy.item(), "dice": dice.item(), "turn": turn.item()}
    return entropy + 0.5 * dice + 0.5 * turn, figures


def _mined_entropy(
    logit_Bhw: torch.Tensor, core_Bhw: torch.Tensor, weight_Bhw: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Over all cores and three times as many of the hardest others; also the cores that count."""
    entropy_Bhw = F.binary_cross_entropy_with_logits(logit_Bhw, core_Bhw, reduction="none") * weight_Bhw
    on_core_Bhw = core_Bhw * weight_Bhw
    num_cores = on_core_Bhw.sum().clamp(min=1)
    others = (entropy_Bhw * (1 - core_Bhw)).flatten()
    count = min(int(_NEGATIVES * num_cores.item()) + _AT_LEAST, others.numel() - 1)
    return ((entropy_Bhw * core_Bhw).sum() + others.topk(count)[0].sum()) / (num_cores + count), on_core_Bhw
