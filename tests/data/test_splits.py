"""Splits: look groups whole, photo groups and duplicates together, shares kept, seeded."""

import pandas as pd
import pytest

from data.splits import assign_splits

COLORS = ("WHITE", "BLUE", "WHITE;BLUE", "PINK")


def manifest(*, num_looks: int = 100, photos: int = 20, pool: str | None = "train", **overrides) -> pd.DataFrame:
    """Consumer photographs of many looks, `photos` of each, and one reference picture a look."""
    rows = [
        {
            "photo_id": f"{look}-{number}",
            "look_group": f"look{look}",
            "colors": COLORS[look % len(COLORS)],
            "shape": "ROUND" if look % 3 else "OVAL",
            "role": "reference" if number == photos else "consumer",
            "pool": None if number == photos else pool,
            "group": f"session {look}-{number}",
            "duplicate_of": None,
        }
        for look in range(num_looks)
        for number in range(photos + 1)
    ]
    return pd.DataFrame(rows).assign(**overrides)


def shares(rows: pd.DataFrame, column: str) -> dict[str, float]:
    return rows[column].value_counts(normalize=True).round(3).to_dict()


def test_whole_looks_get_roles_in_their_shares() -> None:
    rows = assign_splits(manifest(), seed=1)
    roles = rows.groupby("look_group")["appearance_role"].nunique()
    assert (roles == 1).all()
    assert shares(rows.drop_duplicates("look_group"), "appearance_role") == {
        "seen": 0.75,
        "fit_only": 0.15,
        "unseen": 0.1,
    }


def test_roles_are_stratified_by_colour_and_shape() -> None:
    looks = assign_splits(manifest(num_looks=600, photos=1), seed=1).drop_duplicates("look_group")
    unseen = looks.assign(unseen=looks["appearance_role"] == "unseen").groupby(["shape", "colors"])["unseen"].mean()
    assert unseen.between(0.07, 0.13).all()


def test_photographs_of_each_role_go_where_they_may() -> None:
    rows = assign_splits(manifest(), seed=1)
    consumer = rows[rows["role"] == "consumer"]
    splits = consumer.groupby("appearance_role")["split"].unique().apply(sorted)
    assert splits["seen"] == ["calibrate", "fit", "train", "validate"]
    assert splits["fit_only"] == ["calibrate", "fit"]
    assert splits["unseen"] == ["unused"]
    assert shares(consumer[consumer["appearance_role"] == "seen"], "split") == pytest.approx(
        {"train": 0.76, "validate": 0.06, "fit": 0.09, "calibrate": 0.09}, abs=0.03
    )


def test_reference_pictures_are_never_trained_on() -> None:
    rows = assign_splits(manifest(), seed=1)
    assert set(rows.loc[rows["role"] == "reference", "split"]) == {"reference"}


def test_photographs_with_test_conditions_are_test_whatever_their_role() -> None:
    rows = assign_splits(manifest(pool="test"), seed=1)
    assert set(rows.loc[rows["role"] == "consumer", "split"]) == {"test"}


def test_without_pools_a_share_is_held_out_and_unseen_looks_are_test_alone() -> None:
    rows = assign_splits(manifest(pool=None), seed=1)
    consumer = rows[rows["role"] == "consumer"]
    assert set(consumer.loc[consumer["appearance_role"] == "unseen", "split"]) == {"test"}
    seen = shares(consumer[consumer["appearance_role"] == "seen"], "split")
    assert seen["test"] == pytest.approx(0.15, abs=0.02)
    assert seen["train"] == pytest.approx(0.646, abs=0.03)


@pytest.mark.parametrize("pool", ["train", None])
def test_photo_groups_and_duplicates_never_straddle_a_split(pool: str | None) -> None:
    rows = manifest(pool=pool)
    number = rows["photo_id"].str.split("-").str[1].astype(int)
    look = rows["photo_id"].str.split("-").str[0]
    rows["group"] = look + "/" + (number // 3).astype(str)
    rows.loc[number == 19, "duplicate_of"] = look + "-0"
    consumer = assign_splits(rows, seed=3).query("role == 'consumer'")
    assert (consumer.groupby("group")["split"].nunique() == 1).all()
    split_of = consumer.set_index("photo_id")["split"]
    twins = consumer.dropna(subset=["duplicate_of"])
    assert (twins["split"].to_numpy() == split_of[twins["duplicate_of"]].to_numpy()).all()


def test_looks_of_one_photograph_fill_every_split() -> None:
    rows = assign_splits(manifest(num_looks=400, photos=1), seed=1).query("role == 'consumer'")
    assert set(rows["split"]) == {"train", "validate", "fit", "calibrate", "unused"}


def test_the_same_seed_gives_the_same_splits_whatever_the_order_of_rows() -> None:
    rows = manifest()
    shuffled = rows.sample(frac=1, random_state=5)
    first, second = (assign_splits(table, seed=7).set_index("photo_id")["split"] for table in (rows, shuffled))
    assert first.equals(second.loc[first.index])
    assert not first.equals(assign_splits(rows, seed=8).set_index("photo_id")["split"])
