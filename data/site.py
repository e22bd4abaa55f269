"""A site's own labelled photographs: read, cleaned, and dealt by appearance into a half to fit on and one to judge."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bentos.runtime.medication import Medication
from data.ingest import ingest
from data.sources.folder import FolderSource

FIT, JUDGE = "fit", "judge"
SITE_ROLE = "site"


@dataclass(frozen=True)
class SitePhotos:
    """Manifest rows with `split` (fit or judge) and `appearance_role`; `left_out` says what was not used and why."""

    rows: pd.DataFrame
    left_out: dict[str, int]

    def looks(self, split: str) -> int:
        """How many different appearances the photographs of a split show."""
        return int(self.rows.loc[self.rows["split"] == split, "look_group"].nunique())


def read_site_photos(
    directory: Path,
    *,
    medications: Sequence[Medication],
    home: Path,
    now: str,
    seed: int,
    on_progress: Callable[[int, int | None], None],
) -> SitePhotos:
    """Read a directory in the folder layout into `home`, whose content store then holds the pictures.

    Left out: files that cannot be read, pills that are not among `medications`, near-duplicates, and pictures
    in which no pill is found.

    Raises:
        LayoutError: there is no labels.csv, or it lacks a column.
    """
    source = FolderSource(directory, medications=medications)
    report = ingest([source], medications=medications, home=home, now=now, workers=1,
                    on_progress=lambda _, done, total: on_progress(done, total))  # fmt: skip
    rows = pd.read_parquet(report.manifest)
    unusable = pd.read_parquet(report.quarantine)["code"].value_counts()
    again, without = rows["duplicate_of"].notna(), ~rows["pill_found"].astype(bool)
    left_out = {"near-duplicate": int(again.sum()), "no pill found": int((without & ~again).sum())}
    kept = rows[~again & ~without].assign(appearance_role=SITE_ROLE)
    left_out |= {str(code).replace("_", " "): int(number) for code, number in unusable.items()}
    return SitePhotos(split_by_look(kept, seed=seed), {why: number for why, number in left_out.items() if number})


def split_by_look(rows: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """`split` added: look groups in an order by chance, every other one whole to either half."""
    looks = sorted(set(rows["look_group"]), key=lambda look: _chance(seed, look))
    split_of = {look: FIT if place % 2 == 0 else JUDGE for place, look in enumerate(looks)}
    return rows.assign(split=rows["look_group"].map(split_of).astype(object))


def _chance(seed: int, look: str) -> bytes:
    return hashlib.sha256(f"{seed}|site|{look}".encode()).digest()
