"""Which photograph serves what: whole look groups get a role, duplicates and photo groups stay on one side."""

import hashlib

import numpy as np
import pandas as pd

UNUSED = "unused"
_ROLES = ("unseen", "fit_only", "seen")
# How the photographs of an appearance are shared out, by its role; those with test conditions of their own apart.
_SHARES = {
    "seen": {"train": 0.76, "validate": 0.06, "fit": 0.09, "calibrate": 0.09},
    "fit_only": {"fit": 0.5, "calibrate": 0.5},
    "unseen": {UNUSED: 1.0},
}
# Where the source does not keep test conditions apart, these are held out at random.
_TEST_SHARE = {"seen": 0.15, "fit_only": 0.15, "unseen": 1.0}


def assign_splits(
    manifest: pd.DataFrame, *, seed: int, unseen_share: float = 0.10, fit_share: float = 0.15
) -> pd.DataFrame:
    """The manifest with `appearance_role` (seen, fit_only, unseen) and `split` added.

    `split` is train, validate, fit, calibrate, test, reference or unused. Look groups get their role whole,
    stratified by colours and shape; within one, photographs that are near-duplicates or of one photo group
    share a split. The same seed and rows give the same splits, whatever the rows' order.

    Columns read: photo_id, look_group, colors, shape, role, pool, group, duplicate_of.
    """
    rows = manifest.copy()
    roles = _role_of_look(rows, seed=seed, unseen_share=unseen_share, fit_share=fit_share)
    rows["appearance_role"] = rows["look_group"].map(roles).astype(object)
    rows["split"] = UNUSED
    rows.loc[rows["role"] == "reference", "split"] = "reference"
    consumer = rows[rows["role"] == "consumer"]
    for _, photos in consumer.groupby("look_group", sort=True):
        rows.loc[photos.index, "split"] = _splits_of_look(photos, seed=seed)
    return rows


def _role_of_look(rows: pd.DataFrame, *, seed: int, unseen_share: float, fit_share: float) -> dict[str, str]:
    """Deal looks, ordered by stratum and then at random, evenly to the roles: each stratum gets its share."""
    looks = rows.drop_duplicates("look_group")[["look_group", "colors", "shape"]].copy()
    looks["order"] = [_chance(seed, "look", look) for look in looks["look_group"]]
    looks = looks.sort_values(["shape", "colors", "order"], kind="stable")
    start = _chance(seed, "start")
    positions = np.floor((np.arange(len(looks)) + start) * unseen_share + 1e-9)
    unseen = np.diff(positions, prepend=np.floor((start - 1) * unseen_share + 1e-9)) > 0
    rest = np.flatnonzero(~unseen)
    steps = fit_share / max(1 - unseen_share, 1e-9)
    places = np.floor((np.arange(len(rest)) + start) * steps + 1e-9)
    fit_only = np.diff(places, prepend=np.floor((start - 1) * steps + 1e-9)) > 0
    roles = np.full(len(looks), "seen", dtype=object)
    roles[unseen] = "unseen"
    roles[rest[fit_only]] = "fit_only"
    return dict(zip(looks["look_group"], roles, strict=True))


def _splits_of_look(photos: pd.DataFrame, *, seed: int) -> list[str]:
    role, look = photos["appearance_role"].iloc[0], photos["look_group"].iloc[0]
    bundles = _bundles(photos)
    sizes = bundles.value_counts()
    order = sorted(sizes.index, key=lambda bundle: _chance(seed, "photo", bundle))
    split_of = dict.fromkeys(bundles[photos["pool"] == "test"], "test")
    apart = set(bundles[photos["pool"].notna()])
    shares = {"test": _TEST_SHARE[role], "": 1 - _TEST_SHARE[role]}
    free = [bundle for bundle in order if bundle not in apart]
    held_out = _dealt(free, sizes, shares, start=_chance(seed, "test", look))
    split_of |= {bundle: split for bundle, split in held_out.items() if split}
    left = [bundle for bundle in order if bundle not in split_of]
    split_of |= _dealt(left, sizes, _SHARES[role], start=_chance(seed, "rest", look))
    return [split_of[bundle] for bundle in bundles]


def _dealt(bundles: list[str], sizes: pd.Series, shares: dict[str, float], *, start: float) -> dict[str, str]:
    """Lay the bundles around a circle cut by the shares; `start` turns it, so that small looks fill every split."""
    ends = np.cumsum(list(shares.values()))
    names = list(shares)
    lengths = np.array([sizes[bundle] for bundle in bundles], dtype=float)
    middles = (np.cumsum(lengths) - lengths / 2) / max(lengths.sum(), 1)
    places = np.searchsorted(ends, (middles + start) % 1 * ends[-1], side="right")
    return {bundle: names[min(place, len(names) - 1)] for bundle, place in zip(bundles, places, strict=True)}


def _bundles(photos: pd.DataFrame) -> pd.Series:
    """Name of the bundle each photograph belongs to: joined by photo group and by being a duplicate."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    originals = photos["duplicate_of"].fillna(photos["photo_id"])
    for group, photo_id, original in zip(photos["group"], photos["photo_id"], originals, strict=True):
        for other in (f"photo {photo_id}", f"photo {original}"):
            first, second = sorted((root(f"group {group}"), root(other)))
            parent[second] = first
    return pd.Series([root(f"group {group}") for group in photos["group"]], index=photos.index)


def _chance(seed: int, *names: str) -> float:
    """A number in [0, 1) that depends on seed and names alone, so that added rows leave the others' order."""
    digest = hashlib.sha256("|".join([str(seed), *names]).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
