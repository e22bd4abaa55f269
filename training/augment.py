"""Augmentation of crops in picture space, before the one normalisation: what a phone, a lot and a hand change."""

from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import albumentations

_FILL_RGB = (128, 128, 128)
_LONG_TURN_DEG = 12


class Augmenter:
    """Turns a uint8 crop (S, S, 3) into a variant of it; the same seed gives the same variant."""

    def __init__(self, *, strength: float = 1.0) -> None:
        self._strength = strength

    def __call__(self, crop_SSC: np.ndarray, *, elongated: bool, seed: int) -> np.ndarray:
        """A round pill may lie in any direction; an elongated one comes with its long axis level, either way up."""
        pipeline = _pipeline(180 if not elongated else _LONG_TURN_DEG, self._strength)
        pipeline.set_random_seed(seed)
        turned_SSC = crop_SSC[::-1, ::-1] if elongated and seed % 2 else crop_SSC
        return pipeline(image=np.ascontiguousarray(turned_SSC))["image"]


@cache
def _pipeline(turn_deg: int, strength: float) -> "albumentations.Compose":
    import albumentations as A

    cv2.setNumThreads(1)
    amount = strength
    return A.Compose(
        [
            A.Affine(
                rotate=(-turn_deg, turn_deg), scale=(1 - 0.1 * amount, 1 + 0.06 * amount),
                shear=(-5 * amount, 5 * amount), translate_percent=(-0.04 * amount, 0.04 * amount),
                fill=_FILL_RGB, border_mode=cv2.BORDER_CONSTANT, p=1,
            ),
            A.RandomBrightnessContrast(0.2 * amount, 0.25 * amount, p=0.7),
            A.HueSaturationValue(5 * amount, 20 * amount, 0, p=0.4),
            A.RGBShift(10 * amount, 10 * amount, 10 * amount, p=0.4),
            A.OneOf([A.GaussianBlur((3, 5)), A.MotionBlur((3, 5)), A.Downscale((0.5, 0.9))], p=0.3 * amount),
            A.GaussNoise((0.01, 0.04), p=0.3 * amount),
            A.ImageCompression(quality_range=(45, 95), p=0.2 * amount),
            A.CoarseDropout((1, 2), (0.06, 0.15), (0.06, 0.15), fill=128, p=0.25 * amount),
        ]
    )  # fmt: skip
