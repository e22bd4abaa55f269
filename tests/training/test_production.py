"""The production pair, named networks at their own sizes: trained briefly, exported, parity-checked, served."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bentos.runtime.contract import MemberName
from bentos.runtime.enrol import ReferencePicture, build_gallery
from bentos.runtime.gallery import Gallery
from bentos.runtime.medication import Medication, appearance_id_of, look_group_of
from bentos.runtime.predictor import Predictor
from bentos.runtime.recogniser import Recogniser
from bentos.settings import Settings
from tests.bentos.conftest import release
from tests.bentos.processes import free_port, running
from tests.builders import NOW, TINY_COLORS, jpeg, medication, pill_picture
from training.calibration_config import CalibrationConfig
from training.candidate import read_member
from training.config import MemberChoice, TrainConfig
from training.member import MadeMember, make_member
from training.recogniser import Facts, assemble_recogniser

ITEMS = [medication(i, colors=(color,), shape="OVAL") for i, color in enumerate(("RED", "BLUE"), start=1)]
TAKEN = [("train", "front"), ("reference", "front"),
         *((split, side) for split in ("fit", "calibrate") for side in ("front", "back"))]  # fmt: skip
BRIEF = MemberChoice(epochs=1, batch_size=2)
CONFIG = TrainConfig(profile="production", fast=BRIEF, accurate=BRIEF, workers=0, threads=1)


class Silent:
    """Follows a training without a word."""

    def on_crop(self, done: int, total: int) -> None: ...

    def on_step(self, done: int, total: int) -> None: ...

    def on_epoch(self, epoch: int, figures: dict[str, float]) -> None: ...


def photograph(item: Medication, *, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(-8, 9, size=(200, 200, 3))
    picture = pill_picture(rgb=TINY_COLORS[item.colors[0]], marks=1, long=True).astype(int)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def rows(home: Path) -> Iterator[dict]:
    for i, item in enumerate(ITEMS):
        for j, (split, side) in enumerate(TAKEN):
            name = f"{item.ndc11}-{split}-{side}.jpg"
            (home / name).write_bytes(jpeg(photograph(item, seed=10 * i + j)))
            yield {
                "photo_id": name, "path": name, "medication_id": item.medication_id, "side": side, "split": split,
                "appearance_id": appearance_id_of(item), "look_group": look_group_of(item), "appearance_role": "seen",
                "role": "reference" if split == "reference" else "consumer", "duplicate_of": None,
            }  # fmt: skip


def references() -> Iterator[ReferencePicture]:
    for item in ITEMS:
        yield ReferencePicture(item.medication_id, "front", photograph(item, seed=99), None, item.ndc11, "drawn")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("production")


@pytest.fixture(scope="module")
def dataset(home: Path) -> pd.DataFrame:
    return pd.DataFrame(list(rows(home)))


@pytest.fixture(scope="module")
def members(home: Path, dataset: pd.DataFrame) -> dict[MemberName, MadeMember]:
    """Two optimiser steps each, on four crops, at the profile's own resolution."""
    return {
        name: make_member(CONFIG, name, dataset=dataset, medications=ITEMS, code="test", home=home, follow=Silent())
        for name in CONFIG.members
    }


@pytest.fixture(scope="module")
def predictor(home: Path, dataset: pd.DataFrame, members: dict[MemberName, MadeMember]) -> Predictor:
    directory = assemble_recogniser(
        [read_member(made.directory) for made in members.values()],
        dataset=dataset,
        home=home,
        medications=ITEMS,
        references=references(),
        config=CalibrationConfig(),
        facts=Facts("production", "production", NOW, "drawn", "none", {}),
        work=home / "work",
        out_root=home / "recognisers",
        on_progress=lambda stage, done, total: None,
    )
    recogniser = Recogniser.load(directory)
    build_gallery(recogniser, medications=ITEMS, references=references(), out=home / "gallery", name="drawn", now=NOW)
    return Predictor(recogniser, Gallery.load(home / "gallery", recogniser=recogniser))


def test_both_networks_are_exported_as_torch_sees_them(members: dict[MemberName, MadeMember]) -> None:
    found = {name: read_member(made.directory).spec for name, made in members.items()}
    assert {name: (spec.architecture, spec.preprocess.size_px) for name, spec in found.items()} == {
        "fast": ("tf_efficientnetv2_b1", 192), "accurate": ("vit_base_patch16_224", 224),
    }  # fmt: skip
    assert all(made.parity_holds and made.figures["loss"] > 0 for made in members.values())


def test_the_pair_answers_in_process_by_both_networks(predictor: Predictor) -> None:
    pill = predictor.identify([jpeg(photograph(ITEMS[1], seed=7))]).pills[0]
    assert len(pill.alternatives) == len(ITEMS)
    side = predictor.observe([jpeg(photograph(ITEMS[1], seed=7))]).pills[0].sides[0]
    for name in predictor.recogniser.members:
        assert np.linalg.norm(side.embedding(predictor.recogniser, name)) == pytest.approx(1, abs=1e-3)


def test_the_pair_is_served_by_a_real_process(home: Path, predictor: Predictor) -> None:
    recogniser = predictor.recogniser.directory.relative_to(home).as_posix()
    release(home, version="1", recogniser=recogniser)
    settings = Settings(home=home, port=free_port(), packed_home=home / "none")
    photo = jpeg(photograph(ITEMS[1], seed=7))
    with running(settings) as client:
        answer = client.post("/api/v1/predict", files={"image": photo}, data={"metadata": json.dumps({})}).json()
    assert answer["release"]["recogniser"] == predictor.recogniser.digest
    here = predictor.identify([photo]).pills[0]
    assert answer["pills"][0]["alternatives"][0]["medication_id"] == here.alternatives[0].medication_id
