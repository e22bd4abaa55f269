"""A teacher: a trained encoder whose embedding of the very same view a network learns to give.

The student learns a function that is known, not only the labels it was learnt from (Beyer et al., "Knowledge
distillation: a good teacher is patient and consistent", CVPR 2022). Shapes: B views, S side in px, D embedding.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn import functional as F

from training.backbones import Encoder, WeightsError, check_digest, load_encoder
from training.profiles import Recipe


@dataclass(frozen=True)
class Teacher:
    """A trained encoder in evaluation mode and the recipe that says what it wants to see."""

    encoder: Encoder
    recipe: Recipe

    def loss(self, embedding_BD: torch.Tensor, views_BSSC: torch.Tensor) -> torch.Tensor:
        """1 less the mean cosine of the student's unit rows to the teacher's, of the same uint8 views."""
        return 1 - (embedding_BD * self.embedded(views_BSSC, device=embedding_BD.device)).sum(dim=1).mean()

    @torch.no_grad()
    def embedded(self, views_BSSC: torch.Tensor, *, device: torch.device) -> torch.Tensor:
        """The teacher's unit rows (B, D) for uint8 views of any size."""
        image_BCSS, size_px = as_batch(views_BSSC, self.recipe, device=device), self.recipe.size_px
        if image_BCSS.shape[-1] != size_px:
            image_BCSS = F.interpolate(image_BCSS, size=(size_px, size_px), mode="bilinear", antialias=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            return self.encoder(image_BCSS).float()


def open_teacher(path: Path, *, sha256: str, embedding_dim: int, device: str) -> Teacher:
    """The trained encoder of a file.

    Raises:
        WeightsError: the file has another digest, or its embeddings are of another length.
    """
    check_digest(path, sha256)
    encoder, recipe = load_encoder(path)
    if encoder.neck.out_features != embedding_dim:
        raise WeightsError(f"{path} gives {encoder.neck.out_features} numbers, the student {embedding_dim}")
    return Teacher(encoder.requires_grad_(False).to(device, memory_format=torch.channels_last), recipe)


def as_batch(views_BSSC: torch.Tensor, recipe: Recipe, *, device: torch.device) -> torch.Tensor:
    """Uint8 views as a batch (B, 3, S, S), normalised as the recipe says, on the device."""
    pixels_BCSS = views_BSSC.to(device).permute(0, 3, 1, 2).float() / 255
    mean_C11, std_C11 = (torch.tensor(v, device=device)[:, None, None] for v in (recipe.mean, recipe.std))
    return ((pixels_BCSS - mean_C11) / std_C11).contiguous(memory_format=torch.channels_last)
