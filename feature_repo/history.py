"""Reference features drawn for a data set as of its own time, so that training never sees later ones."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from feature_repo.reference import reference_rows
from feature_repo.store import ReferenceStore


@dataclass(frozen=True)
class Drawn:
    """The rows drawn, one a medication with features, and the Parquet file that keeps them."""

    rows: pd.DataFrame
    path: Path


def store_and_draw(dataset: pd.DataFrame, *, home: Path, key: str) -> Drawn:
    """Measure the data set's reference pictures, keep them in Feast, draw them as of the data set's last ingest.

    `key` names the data set: what was drawn for it before is read again.
    """
    path = home / "feast" / "drawn" / f"{key.replace(':', '-')}.parquet"
    if path.exists():
        return Drawn(pd.read_parquet(path), path)
    store = ReferenceStore(home)
    store.write(reference_rows(dataset, home=home))
    drawn = store.historical(_entities(dataset)).dropna(subset=["shape_ratio"]).reset_index(drop=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    drawn.to_parquet(partial, index=False)
    partial.replace(path)
    return Drawn(drawn, path)


def _entities(dataset: pd.DataFrame) -> pd.DataFrame:
    medication_ids = sorted(dataset["medication_id"].unique())
    as_of = pd.to_datetime(dataset["ingested_at"], utc=True).max()
    return pd.DataFrame({"medication_id": medication_ids, "event_timestamp": as_of})
