"""A tiny real bundle and photographs of its pills, made once for all tests of evaluation and benchmark."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bentos.runtime.predictor import Predictor
from tests import builders


@dataclass(frozen=True)
class Scene:
    """A bundle, a home with photographs, and the rows that a data set would hold about them."""

    bundle: Path
    home: Path
    rows: pd.DataFrame
    roles: dict[str, str]

    @property
    def predictor(self) -> Predictor:
        return Predictor.from_bundle(self.bundle)

    @property
    def photos(self) -> Path:
        return self.home / "photos"


def take(item, *, side: str, number: int, home: Path) -> dict:
    """A noisy photograph of a pill of the tiny catalogue, stored, and its row."""
    rng = np.random.default_rng([number, side == "front", int(item.ndc11[:5])])
    noisy = builders.tiny_picture(item, side=side) + rng.normal(0, 8, (200, 200, 3)) + rng.integers(-15, 15)
    data = builders.jpeg(np.clip(noisy, 0, 255).astype(np.uint8))
    photo_id = hashlib.sha256(data).hexdigest()
    path = home / "photos" / f"{photo_id}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return {
        "photo_id": photo_id, "name": f"{item.ndc11}-{side}-{number}", "medication_id": item.medication_id,
        "ndc11": item.ndc11, "role": "consumer", "side": side, "path": f"photos/{path.name}",
        "cond_background": "wood" if number % 2 else "cloth", "cond_light": "unknown", "cond_blur": "sharp",
        "stat_sharpness": 10.0 + number, "stat_brightness": 0.5,
    }  # fmt: skip


def write_labels(photos: Path, rows: list[dict]) -> None:
    """`labels.csv` as the benchmark reads it."""
    lines = [f"{Path(row['path']).name},{row['ndc11']},{row['cond_background']},{row['side']}" for row in rows]
    (photos / "labels.csv").write_text("\n".join(["file,ndc11,background,side", *lines]) + "\n")


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Four medications, two sides, three photographs each; the last medication is unseen."""
    home = tmp_path_factory.mktemp("scene")
    bundle = builders.tiny_bundle(home / "bundle")
    rows = [
        take(item, side=side, number=number, home=home)
        for item in builders.tiny_catalogue()
        for side in ("front", "back")
        for number in range(3)
    ]
    write_labels(home / "photos", rows)
    appearances = Predictor.from_bundle(bundle).gallery.appearances
    roles = {a.appearance_id: "unseen" if i == 3 else "seen" for i, a in enumerate(appearances)}
    return Scene(bundle, home, pd.DataFrame(rows), roles)
