"""What pre-training minimises: each photograph is to find its side among all sides, and to tell its attributes.

B: sides of a batch, N: sides trained on, D: embedding, F: features.
"""

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F

from bentos.runtime.spl import COLORS, IMPRINT_TYPES, SHAPES

_SCORED_FROM = 2
NUM_ATTRIBUTES = len(COLORS) + len(SHAPES) + 1 + len(IMPRINT_TYPES)


class SideProxies(nn.Module):
    """A learnt unit vector for every side, and which sides are twins: one look group, never negatives.

    Learnt proxies and not the sides' last embeddings: a memory lags behind the network, and a network that may
    move the right answer but not the remembered others learns to drift, which tells them apart for nothing.
    """

    def __init__(self, look_groups: pd.Series, *, embedding_dim: int) -> None:
        super().__init__()
        codes_N = torch.from_numpy(pd.factorize(look_groups)[0].astype(np.int64))
        self.register_buffer("look_N", codes_N, persistent=False)
        self.weight_ND = nn.Parameter(F.normalize(torch.randn(len(codes_N), embedding_dim), dim=1))

    def forward(
        self, query_BD: torch.Tensor, place_B: torch.Tensor, *, temperature: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Cross-entropy of each query's own side among all sides, and how many of the queries found it first."""
        logit_BN = query_BD @ F.normalize(self.weight_ND, dim=1).T / temperature
        twins_BN = self.look_N[place_B][:, None] == self.look_N[None]
        twins_BN[torch.arange(len(place_B)), place_B] = False
        logit_BN = logit_BN.masked_fill(twins_BN, -torch.inf)
        return F.cross_entropy(logit_BN, place_B), (logit_BN.argmax(dim=1) == place_B).sum()

    @torch.no_grad()
    def place_at(self, embedding_ND: torch.Tensor) -> None:
        """Begin at the sides' embeddings."""
        self.weight_ND.copy_(embedding_ND)


class AttributeHeads(nn.Module):
    """SPL colours (several), shape, scored or not and imprint type from the pooled features, in one linear map."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.linear = nn.Linear(num_features, NUM_ATTRIBUTES)

    def forward(self, features_BF: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Logits of colours (B, 12), shapes (B, 19), scored (B, 1) and imprint types (B, 3)."""
        return self.linear(features_BF).split((len(COLORS), len(SHAPES), 1, len(IMPRINT_TYPES)), dim=1)


class Attributes(nn.Module):
    """The catalogue's facts of the sides trained on, as targets."""

    def __init__(self, rows: pd.DataFrame) -> None:
        super().__init__()
        colors = [[color in text.split(";") for color in COLORS] for text in rows["colors"]]
        types = list(IMPRINT_TYPES)
        printed = [types.index(text) if text in types else -100 for text in rows["imprint_type"]]
        targets = {
            "color_NK": torch.tensor(colors, dtype=torch.float32),
            "shape_N": torch.tensor([list(SHAPES).index(shape) for shape in rows["shape"]]),
            "scored_N": torch.tensor(rows["score"].to_numpy() >= _SCORED_FROM, dtype=torch.float32),
            "type_N": torch.tensor(printed),
        }
        for name, target in targets.items():
            self.register_buffer(name, target, persistent=False)

    def loss(self, logits: tuple[torch.Tensor, ...], place_B: torch.Tensor) -> torch.Tensor:
        """Sum of the four cross-entropies; both sides of a pill bear the whole pill's facts."""
        color_BK, shape_BK, scored_B1, type_BK = logits
        return (
            F.binary_cross_entropy_with_logits(color_BK, self.color_NK[place_B]) * 4
            + F.cross_entropy(shape_BK, self.shape_N[place_B])
            + F.binary_cross_entropy_with_logits(scored_B1[:, 0], self.scored_N[place_B])
            + F.cross_entropy(type_BK, self.type_N[place_B], ignore_index=-100, reduction="sum") / len(place_B)
        )
