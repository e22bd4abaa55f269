"""The crop pack: who may be trained on, which sides share a class, crops as the runtime makes them, made once."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from bentos.runtime.contract import PreprocessSpec
from bentos.runtime.decode import decode
from bentos.runtime.locate import locate
from bentos.runtime.medication import ImprintToken, Medication
from bentos.runtime.preprocess import crop_pill
from training.augment import Augmenter
from training.batches import Plan
from training.dataset import build_pack, side_look, trainable

SPEC = PreprocessSpec(size_px=48, margin=0.05, mean=(0.5,) * 3, std=(0.5,) * 3)


def medication(**overrides: object) -> Medication:
    return Medication(**{"ndc11": "00000-0000-01", "generic_name": "x", "colors": ("WHITE",), "shape": "ROUND",
                         "size_mm": 8.0, **overrides})  # fmt: skip


def tokens(**sides: str) -> tuple[ImprintToken, ...]:
    return tuple(ImprintToken(text=text, side=side) for side, text in sides.items())


def photo(path: Path, *, gray: int = 220) -> str:
    rgb = np.full((160, 160, 3), 60, np.uint8)
    cv2.circle(rgb, (80, 80), 50, (gray, gray, gray - 20), -1)
    cv2.imwrite(str(path), rgb)
    return path.name


@pytest.fixture
def dataset(tmp_path: Path) -> pd.DataFrame:
    def rows() -> Iterator[dict]:
        plan = [("train", "seen", 5), ("validate", "seen", 1), ("reference", "seen", 1), ("test", "seen", 1),
                ("reference", "unseen", 1), ("fit", "fit_only", 1)]  # fmt: skip
        for split, role, num in plan:
            for i in range(num):
                name = f"{split}-{role}-{i}.png"
                yield {"photo_id": name, "path": photo(tmp_path / name, gray=200 + 5 * i), "split": split,
                       "appearance_role": role, "appearance_id": "a", "look_group": "g", "side": "front",
                       "role": "reference" if split == "reference" else "consumer", "duplicate_of": None,
                       "medication_id": "00000-0000-01.1"}  # fmt: skip

    return pd.DataFrame(list(rows()))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ((medication(imprint=tokens(front="A")), "back"), (medication(imprint=tokens(front="B")), "back"), True),
        ((medication(imprint=tokens(front="A")), "front"), (medication(imprint=tokens(front="B")), "front"), False),
        ((medication(imprint=tokens(front="A")), "front"), (medication(imprint=tokens(back="A")), "back"), True),
        ((medication(), "front"), (medication(colors=("PINK",)), "front"), False),
        ((medication(), "front"), (medication(shape="OVAL"), "front"), False),
        ((medication(size_mm=8), "front"), (medication(size_mm=9), "front"), True),
        ((medication(score=2), "front"), (medication(score=1), "front"), False),
        ((medication(), "unknown"), (medication(), "front"), False),
        ((None, "back"), (None, "front"), False),
    ],
)
def test_sides_that_look_alike_share_a_class(one: tuple, other: tuple, same: bool) -> None:
    looks = [side_look(known, side=side, look_group="g") for known, side in (one, other)]
    assert (looks[0] == looks[1]) is same


def test_a_token_of_unknown_side_keeps_looks_apart() -> None:
    unsure = medication(imprint=(ImprintToken(text="A"),))
    assert side_look(unsure, side="front", look_group="g") != side_look(unsure, side="back", look_group="g")


def test_only_seen_appearances_and_no_judge_is_trained_on(dataset: pd.DataFrame) -> None:
    chosen = trainable(dataset, medications=[medication()])
    assert set(chosen["split"]) == {"train", "validate", "reference"}
    assert set(chosen["appearance_role"]) == {"seen"}


def test_no_photograph_to_train_on_is_refused(dataset: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="train split"):
        trainable(dataset[dataset["split"] != "train"], medications=[])


def test_crops_are_the_runtimes_own_and_made_once(tmp_path: Path, dataset: pd.DataFrame) -> None:
    told: list[tuple[int, int]] = []
    arguments = {"medications": [medication()], "home": tmp_path, "spec": SPEC, "out": tmp_path / "pack", "workers": 1}
    pack = build_pack(dataset, **arguments, on_progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (7, 7)
    number = int(pack.numbers("validate")[0])
    picture = decode((tmp_path / pack.rows.loc[number, "photo_id"]).read_bytes())
    expected = crop_pill(picture.rgb_HWC, locate(picture.rgb_HWC)[0], spec=SPEC)
    assert np.array_equal(pack.crops_NSSC[number], expected)
    written = (tmp_path / "pack" / "crops.npy").stat().st_mtime_ns
    again = build_pack(dataset, **arguments, on_progress=lambda done, total: None)
    assert again.fingerprint == pack.fingerprint
    assert (tmp_path / "pack" / "crops.npy").stat().st_mtime_ns == written
    fewer = build_pack(dataset.iloc[1:], **arguments, on_progress=lambda done, total: None)
    assert len(fewer.rows) == 6


def test_packs_of_two_croppings_are_made_in_one_pass_and_are_what_each_alone_would_be(
    tmp_path: Path, dataset: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = {"medications": [], "home": tmp_path, "workers": 1, "on_progress": lambda done, total: None}
    small = SPEC.model_copy(update={"size_px": 32})
    alone = build_pack(dataset, spec=small, out=tmp_path / "alone", **arguments)
    build_pack(dataset, spec=SPEC, out=tmp_path / "large", beside={tmp_path / "small": small}, **arguments)
    monkeypatch.setattr("training.dataset.locate", lambda *args, **kwargs: pytest.fail("located once more"))
    found = build_pack(dataset, spec=small, out=tmp_path / "small", **arguments)
    assert found.fingerprint == alone.fingerprint
    assert np.array_equal(found.crops_NSSC, alone.crops_NSSC)
    assert found.rows.equals(alone.rows)
    assert build_pack(dataset, spec=SPEC, out=tmp_path / "large", **arguments).crops_NSSC.shape[1] == SPEC.size_px
    assert not list(tmp_path.glob("*.draft"))


def test_a_photograph_without_a_pill_is_left_out(tmp_path: Path, dataset: pd.DataFrame) -> None:
    cv2.imwrite(str(tmp_path / "train-seen-0.png"), np.full((160, 160, 3), 90, np.uint8))
    (tmp_path / "train-seen-1.png").write_bytes(b"not a picture")
    pack = build_pack(dataset, medications=[], home=tmp_path, spec=SPEC, out=tmp_path / "pack", workers=2,
                      on_progress=lambda done, total: None)  # fmt: skip
    assert len(pack.rows) == len(pack.crops_NSSC) == 5


def test_an_epoch_shows_each_crop_once_and_continues_where_it_stopped(tmp_path: Path, dataset: pd.DataFrame) -> None:
    pack = build_pack(dataset, medications=[], home=tmp_path, spec=SPEC, out=tmp_path / "pack", workers=1,
                      on_progress=lambda done, total: None)  # fmt: skip
    plan = Plan(pack, SPEC, batch_size=2, epochs=3, seed=5, strength=1.0)
    batches = plan.batches(from_step=0)
    assert len(batches) == plan.num_steps == 9
    assert len(set(np.concatenate(batches[:3]))) == 6
    assert [b.tolist() for b in plan.batches(from_step=4)] == [b.tolist() for b in batches[4:]]
    assert batches[0].tolist() != batches[3].tolist()


def test_augmentation_repeats_under_its_seed_and_never_changes_the_crop_itself() -> None:
    crop = np.random.default_rng(0).integers(0, 255, (48, 48, 3), dtype=np.uint8)
    before, augment = crop.copy(), Augmenter()
    first = augment(crop, elongated=False, seed=7)
    augment(crop, elongated=True, seed=8)
    assert np.array_equal(augment(crop, elongated=False, seed=7), first)
    assert not np.array_equal(augment(crop, elongated=False, seed=9), first)
    assert np.array_equal(crop, before)
