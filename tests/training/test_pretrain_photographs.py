"""The simulated photographs that the pre-trained recogniser is fitted on: whose they are, and whose gallery."""

from pathlib import Path

import pandas as pd
import pytest

from bentos.runtime.medication import look_group_of
from data.catalogue.nlm import read_nlm_catalogue
from tests.training.sides import few_frames
from training.pretrain.held_out import held_out
from training.pretrain.photographs import SimulatedSet, simulated_set, split_of, write_labels

PACK = "{7 (drospirenone 3 mg oral tablet) } pack"


@pytest.fixture(scope="module")
def frames(shared_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hundred and fifty real frames, of which the first held-out one is said to be of a pack."""
    root = few_frames(shared_dir, tmp_path_factory.mktemp("few") / "rximage", num=150)
    table = pd.read_csv(root / "catalogue.csv", dtype=str, keep_default_na=False)
    looks = {row.ndc11: look_group_of(row) for row in read_nlm_catalogue(root / "catalogue.csv").gallery_medications}
    pack = next(ndc11 for ndc11, look in looks.items() if held_out(look) and split_of(look) != "calibrate")
    table.loc[table["ndc11"].str.replace("-", "") == pack.replace("-", ""), "rxnorm_name"] = PACK
    table.to_csv(root / "catalogue.csv", index=False)
    return root


def photographed(frames: Path, home: Path, **changes) -> SimulatedSet:
    wanted = {"photos_per_side": 2, "num_others": 3, "seed": 5, "splits": ("fit", "test")} | changes
    return simulated_set(frames, home=home, **wanted)


@pytest.mark.realdata
def test_held_out_pills_and_some_others_are_photographed_packs_are_not_and_the_gallery_is_whole(
    frames: Path, tmp_path: Path
) -> None:
    made = photographed(frames, tmp_path)
    looks = {row.medication_id: look_group_of(row) for row in made.medications}
    packs = {row.medication_id for row in made.medications if row.is_pack}
    photos = made.photos[made.photos["path"] != ""]
    assert len(packs) >= 1
    assert packs.isdisjoint(photos["medication_id"])
    held = {key for key, look in looks.items() if held_out(look) and split_of(look) != "calibrate"} - packs
    shown = {split: set(rows["medication_id"]) for split, rows in photos.groupby("split")}
    assert shown.pop("train").isdisjoint(held)
    assert set.union(*shown.values()) == held
    assert photos.query("split == 'train'")["medication_id"].nunique() == 3
    assert {reference.medication_id for reference in made.references} == set(looks)
    assert len(looks) == 150


@pytest.mark.realdata
def test_the_same_seed_gives_the_same_photographs_and_another_others(frames: Path, tmp_path: Path) -> None:
    first, again, other = (
        photographed(frames, tmp_path / name, seed=seed, num_others=1, splits=("fit",))
        for name, seed in (("a", 5), ("b", 5), ("c", 6))
    )
    assert first.photos.equals(again.photos)
    assert first.fingerprint == again.fingerprint != other.fingerprint
    labels = pd.read_csv(write_labels(first) / "labels.csv", dtype=str)
    photographed_ids = set(first.photos.loc[first.photos["path"] != "", "medication_id"])
    assert set(labels["ndc11"]) == {row.ndc11 for row in first.medications if row.medication_id in photographed_ids}
    assert all((first.home / file).is_file() for file in labels["file"])
