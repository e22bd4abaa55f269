"""The manifest on disk: parts written while an ingest runs, joined into one Parquet file at its end."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bentos.runtime.medication import Medication, appearance_id_of, look_group_of
from data.duplicates import duplicates_of
from data.photo import UNKNOWN_MEDICATION

COLUMNS = (
    "photo_id", "name", "source", "role", "medication_id", "appearance_id", "look_group", "colors", "shape", "size_mm",
    "side", "lot", "taken_on", "pool", "group", "width", "height", "format", "dhash", "duplicate_of", "pill_found",
    "path", "key", "ingested_at", "cond_background", "cond_light", "cond_blur",
)  # fmt: skip
QUARANTINE_COLUMNS = ("source", "name", "key", "code", "reason", "at")
_PHOTO_KEYS = ["source", "name"]


@dataclass(frozen=True)
class Store:
    """Where the manifest of a home lies."""

    home: Path

    @property
    def manifest(self) -> Path:
        return self.home / "manifest" / "manifest.parquet"

    @property
    def quarantine(self) -> Path:
        return self.home / "manifest" / "quarantine.parquet"

    @property
    def parts(self) -> Path:
        return self.home / "manifest" / "parts"

    def read_manifest(self) -> pd.DataFrame:
        """All rows known so far, those of unfinished runs included; later rows replace earlier ones of one name."""
        return self._read("manifest", COLUMNS)

    def read_quarantine(self) -> pd.DataFrame:
        """All files that could not be used so far."""
        return self._read("quarantine", QUARANTINE_COLUMNS)

    def add_part(self, kind: str, rows: list[dict]) -> None:
        """Append rows of `kind` (manifest or quarantine); a crash afterwards does not lose them."""
        if not rows:
            return
        self.parts.mkdir(parents=True, exist_ok=True)
        number = max((int(path.stem.split("-")[1]) for path in self.parts.glob("*-*.parquet")), default=0) + 1
        write_parquet(pd.DataFrame(rows), self.parts / f"{kind}-{number:08d}.parquet")

    def replace(self, manifest: pd.DataFrame, quarantine: pd.DataFrame) -> None:
        """Write the joined files, then remove the parts they were made of."""
        parts = sorted(self.parts.glob("*.parquet"))
        write_parquet(manifest, self.manifest)
        write_parquet(quarantine, self.quarantine)
        for part in parts:
            part.unlink()

    def _read(self, kind: str, columns: Iterable[str]) -> pd.DataFrame:
        joined = self.home / "manifest" / f"{kind}.parquet"
        files = [path for path in [joined, *sorted(self.parts.glob(f"{kind}-*.parquet"))] if path.exists()]
        frames = [frame for frame in map(pd.read_parquet, files) if len(frame)]
        if not frames:
            return pd.DataFrame(columns=list(columns))
        return pd.concat(frames, ignore_index=True).drop_duplicates(_PHOTO_KEYS, keep="last", ignore_index=True)


def write_parquet(frame: pd.DataFrame, path: Path) -> None:
    """Write under another name first, so that a reader never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    frame.to_parquet(partial, index=False)
    partial.replace(path)


def finish(
    store: Store, *, medications: Iterable[Medication], listed: Mapping[str, set[str]], now: str
) -> pd.DataFrame:
    """Join the parts: label by the catalogue, drop what its source no longer lists, mark duplicates.

    `listed` maps each source that was read to its end to the keys it listed. Rows whose medication is not in
    the catalogue go to quarantine.
    """
    by_id = {medication.medication_id: medication for medication in medications}
    photos = _still_listed(store.read_manifest(), listed)
    known = photos["medication_id"].isin(list(by_id))
    quarantine = _still_listed(store.read_quarantine(), listed)
    quarantine = pd.concat([quarantine, _strangers(photos[~known], now)], ignore_index=True)
    photos = photos[known].sort_values(["source", "name"], ignore_index=True)
    quarantine = quarantine.drop_duplicates(_PHOTO_KEYS, keep="last", ignore_index=True)
    quarantine = _without(quarantine, photos)
    labelled = [by_id[name] for name in photos["medication_id"]]
    photos["appearance_id"] = [appearance_id_of(medication) for medication in labelled]
    photos["look_group"] = [look_group_of(medication) for medication in labelled]
    photos["colors"] = [";".join(medication.colors) for medication in labelled]
    photos["shape"] = [medication.shape for medication in labelled]
    photos["size_mm"] = [medication.size_mm for medication in labelled]
    photos["duplicate_of"] = duplicates_of(photos)
    photos = photos[[*COLUMNS, *sorted(set(photos.columns) - set(COLUMNS))]]
    store.replace(photos, quarantine[list(QUARANTINE_COLUMNS)])
    return photos


def _without(quarantine: pd.DataFrame, photos: pd.DataFrame) -> pd.DataFrame:
    read = set(zip(photos["source"], photos["name"], strict=True))
    kept = [pair not in read for pair in zip(quarantine["source"], quarantine["name"], strict=True)]
    return quarantine[np.array(kept, bool)].reset_index(drop=True)


def _still_listed(rows: pd.DataFrame, listed: Mapping[str, set[str]]) -> pd.DataFrame:
    kept = [key in listed.get(source, {key}) for source, key in zip(rows["source"], rows["key"], strict=True)]
    return rows[np.array(kept, bool)].reset_index(drop=True)


def _strangers(photos: pd.DataFrame, now: str) -> pd.DataFrame:
    rows = photos[["source", "name", "key"]].copy()
    rows["code"] = UNKNOWN_MEDICATION
    rows["reason"] = [f"{name} is not in the catalogue" for name in photos["medication_id"].fillna("no medication")]
    rows["at"] = now
    return rows
