"""How well an encoder finds pills: simulated photographs against the clean prototypes of all sides.

V: sides, Q: photographs, D: embedding.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import torch

from bentos.runtime.enrol import TURNS_DEG
from bentos.runtime.preprocess import to_batch
from training.backbones import Encoder
from training.batches import item_seed
from training.pretrain.config import PretrainConfig
from training.pretrain.pack import SidePack
from training.pretrain.sides import Sides
from training.profiles import Recipe

_CHUNK = 48
_QUERY_SEED = 71


def measure(
    encoder: Encoder, pack: SidePack, sides: Sides, config: PretrainConfig, *, device: str, all_turns: bool
) -> dict[str, float]:
    """Share of photographs whose drug or look comes first or among five, of held-out and of trained look groups.

    The gallery is every side of the pack, each the mean over enrolment's turns, or with `all_turns` false over
    one. A drug's or look's score is that of its best side.
    """
    encoder.eval()
    proto_VD = _prototypes(encoder, pack, sides, config, device=device, all_turns=all_turns)
    figures = {}
    for name, held in (("held_out", True), ("trained", False)):
        numbers = _asked(pack, held=held, num=config.num_queries)
        if len(numbers):
            crops = (sides.query(n, np.random.default_rng(item_seed(_QUERY_SEED, n, i))) for i, n in enumerate(numbers))
            query_QD = _embedded(encoder, crops, config.recipe, device=device)
            figures |= {f"{name}_{key}": share for key, share in _found(query_QD @ proto_VD.T, pack, numbers).items()}
    return figures


def embed_sides(encoder: Encoder, numbers: Sequence[int], sides: Sides, recipe: Recipe, *, device: str) -> torch.Tensor:
    """The clean crops' embeddings (N, D), one turn each, as the recipe wants to see them."""
    encoder.eval()
    crops = (sides.turned(int(number), 0, size_px=recipe.size_px) for number in numbers)
    return torch.from_numpy(_embedded(encoder, crops, recipe, device=device)).to(device)


def _asked(pack: SidePack, *, held: bool, num: int) -> list[int]:
    numbers = np.flatnonzero(pack.rows["held_out"].to_numpy() == held)
    return np.random.default_rng(_QUERY_SEED).permutation(numbers)[:num].tolist()


def _prototypes(
    encoder: Encoder, pack: SidePack, sides: Sides, config: PretrainConfig, *, device: str, all_turns: bool
) -> np.ndarray:
    size_px, num = config.recipe.size_px, len(TURNS_DEG) if all_turns else 1
    crops = (sides.turned(number, turn, size_px=size_px) for number in range(len(pack)) for turn in range(num))
    embedding_ND = _embedded(encoder, crops, config.recipe, device=device)
    mean_VD = embedding_ND.reshape(len(pack), num, -1).mean(axis=1)
    return mean_VD / np.maximum(np.linalg.norm(mean_VD, axis=1, keepdims=True), 1e-12)


@torch.no_grad()
def _embedded(encoder: Encoder, crops: Iterator[np.ndarray], recipe: Recipe, *, device: str) -> np.ndarray:
    rows = []
    for batch in _chunks(crops):
        image_BCHW = torch.from_numpy(to_batch(batch, spec=recipe.preprocess)).to(device)
        rows.append(encoder(image_BCHW.contiguous(memory_format=torch.channels_last)).float().cpu().numpy())
    return np.concatenate(rows)


def _chunks(crops: Iterator[np.ndarray]) -> Iterator[Sequence[np.ndarray]]:
    batch: list[np.ndarray] = []
    for crop in crops:
        batch.append(crop)
        if len(batch) == _CHUNK:
            yield batch
            batch = []
    if batch:
        yield batch


def _found(similarity_QV: np.ndarray, pack: SidePack, numbers: Sequence[int]) -> dict[str, float]:
    figures = {}
    for name, column in (("drug", "clinical_drug"), ("look", "look_group")):
        codes_V = pd.factorize(pack.rows[column])[0]
        best_QK = np.full((codes_V.max() + 1, len(numbers)), -np.inf, np.float32)
        np.maximum.at(best_QK, codes_V, similarity_QV.T)
        truth_Q = codes_V[np.asarray(numbers)]
        rank_Q = (best_QK > best_QK[truth_Q, np.arange(len(numbers))]).sum(axis=0)
        figures |= {f"{name}_top1": float((rank_Q < 1).mean()), f"{name}_top5": float((rank_Q < 5).mean())}
    return figures
