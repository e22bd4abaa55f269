"""Validation as verification: held-back photographs against the reference pictures, nearest side first.

Shapes: N crops, R references, D embedding.
"""

from collections.abc import Sequence

import numpy as np
import torch

from bentos.runtime.contract import PreprocessSpec
from training.backbones import Encoder
from training.batches import plain_batches
from training.dataset import Pack


def validate(encoder: Encoder, pack: Pack, *, spec: PreprocessSpec, device: str) -> dict[str, float]:
    """`validate_top1`: share of validation crops whose nearest reference crop is of their class.

    Empty where the pack has no validation crops or no references. The encoder is back in training mode after.
    """
    asked, references = pack.numbers("validate"), pack.numbers("reference")
    if len(asked) == 0 or len(references) == 0:
        return {}
    label_N = pack.rows["label"].to_numpy()
    asked_ND = embed(encoder, pack, asked, spec=spec, device=device)
    reference_RD = embed(encoder, pack, references, spec=spec, device=device)
    nearest_N = references[(asked_ND @ reference_RD.T).argmax(axis=1)]
    return {"validate_top1": float((label_N[nearest_N] == label_N[asked]).mean())}


def embed(encoder: Encoder, pack: Pack, numbers: Sequence[int], *, spec: PreprocessSpec, device: str) -> np.ndarray:
    """Unit rows (N, D) of the crops by the encoder in evaluation mode."""
    was_training = encoder.training
    encoder.eval()
    with torch.inference_mode():
        parts = [
            encoder(image.to(device, memory_format=torch.channels_last)).float().cpu().numpy()
            for image in plain_batches(pack, numbers, spec=spec)
        ]
    encoder.train(was_training)
    return np.concatenate(parts)
