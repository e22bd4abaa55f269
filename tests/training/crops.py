"""Small made-up packs for the tests of training: discs with strokes that differ by class."""

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from training.dataset import Pack


def drawn_crop(label: int, *, size_px: int, rng: np.random.Generator) -> np.ndarray:
    """A disc whose colour and bars tell its class, under noise and a random light."""
    crop = np.full((size_px, size_px, 3), 128, np.uint8)
    hue = np.array([[[label * 23 % 180, 160, 200]]], np.uint8)
    color = cv2.cvtColor(hue, cv2.COLOR_HSV2RGB)[0, 0].tolist()
    middle = size_px // 2
    cv2.circle(crop, (middle, middle), int(size_px * 0.45), color, -1)
    for bar in range(1 + label % 3):
        y = middle + (bar - 1) * size_px // 6
        cv2.line(crop, (middle - size_px // 4, y), (middle + size_px // 4, y), (20, 20, 20), 2)
    light = rng.uniform(0.8, 1.2)
    return np.clip(crop * light + rng.normal(0, 6, crop.shape), 0, 255).astype(np.uint8)


def drawn_pack(directory: Path, *, num_classes: int = 6, per_class: int = 12, size_px: int = 48, seed: int = 0) -> Pack:
    """A pack of `per_class` training, 2 validation and 1 reference crops of each class."""
    rng = np.random.default_rng(seed)
    splits = ["train"] * per_class + ["validate"] * 2 + ["reference"]
    rows = pd.DataFrame(
        [
            {"photo_id": f"{label}-{i}", "appearance_id": f"a{label}", "side": "front", "split": split, "label": label,
             "role": "reference" if split == "reference" else "consumer", "elongated": bool(label % 2)}
            for label in range(num_classes)
            for i, split in enumerate(splits)
        ]
    )  # fmt: skip
    directory.mkdir(parents=True, exist_ok=True)
    np.save(directory / "crops.npy", np.stack([drawn_crop(n, size_px=size_px, rng=rng) for n in rows["label"]]))
    rows.to_parquet(directory / "rows.parquet", index=False)
    facts = {"fingerprint": f"drawn-{num_classes}-{per_class}-{size_px}-{seed}", "num_classes": num_classes}
    (directory / "pack.json").write_text(json.dumps(facts))
    return Pack(directory)
