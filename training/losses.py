"""Cosine prototypes with an additive margin: the loss that makes cosines comparable between galleries."""

import torch
from torch import nn
from torch.nn import functional as F


class CosinePrototypes(nn.Module):
    """One unit prototype per class; softmax over scaled cosines, the right one less a margin.

    "CosFace", Wang et al., CVPR 2018. Shapes: B pictures, D embedding, C classes.
    """

    def __init__(self, *, num_classes: int, embedding_dim: int, scale: float, margin: float, smoothing: float) -> None:
        super().__init__()
        self.weight_CD = nn.Parameter(F.normalize(torch.randn(num_classes, embedding_dim), dim=1))
        self.scale = scale
        self.margin = margin
        self.smoothing = smoothing

    def forward(
        self, embedding_BD: torch.Tensor, label_B: torch.Tensor, *, margin_share: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean loss, and how many of the batch have their own prototype nearest.

        `margin_share` of the margin is asked for: a network from scratch cannot start with all of it.
        """
        cosine_BC = embedding_BD @ F.normalize(self.weight_CD, dim=1).T
        asked_BC = cosine_BC - self.margin * margin_share * F.one_hot(label_B, cosine_BC.shape[1])
        loss = F.cross_entropy(self.scale * asked_BC, label_B, label_smoothing=self.smoothing)
        return loss, (cosine_BC.argmax(dim=1) == label_B).sum()
