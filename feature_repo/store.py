"""The feature store of a run: offline Parquet, online SQLite, and retrieval as of a time or as of now."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from feast import FeatureStore

_KEYS = ["medication_id", "event_timestamp"]


class ReferenceStore:
    """Reference features under `home/feast`. Feast is imported on first use: that takes seconds."""

    def __init__(self, home: Path) -> None:
        self.directory = home.resolve() / "feast"

    @property
    def parquet(self) -> Path:
        """The offline store: every reference row ever written."""
        return self.directory / "reference.parquet"

    def apply(self) -> None:
        """Register entity, view and service; nothing changes where they are registered already."""
        from feature_repo.features import definitions

        self._feast.apply(list(definitions(str(self.parquet))))

    def write(self, rows: pd.DataFrame) -> int:
        """Add rows (`feature_repo.reference.COLUMNS`) to both stores; how many of them the offline store lacked.

        A row of the same medication and time replaces the earlier one.
        """
        rows = _in_utc(rows)
        known = pd.read_parquet(self.parquet) if self.parquet.exists() else rows.iloc[:0]
        joined = pd.concat([known, rows] if len(known) else [rows], ignore_index=True)
        joined = joined.drop_duplicates(_KEYS, keep="last", ignore_index=True)
        self.directory.mkdir(parents=True, exist_ok=True)
        partial = self.parquet.with_suffix(".partial")
        joined.to_parquet(partial, index=False)
        partial.replace(self.parquet)
        self.apply()
        self._feast.write_to_online_store(self._view, df=rows)
        return len(joined) - len(known)

    def historical(self, entities: pd.DataFrame) -> pd.DataFrame:
        """`entities` (medication_id, event_timestamp) with the features that were known at each row's time.

        Every row is kept, in order; one whose medication had no features by then has missing values.
        """
        entities = _in_utc(entities)
        service = self._feast.get_feature_service(self._service)
        asked = entities[_KEYS].drop_duplicates()
        found = self._feast.get_historical_features(entity_df=asked, features=service).to_df()
        return entities.merge(_in_utc(found), on=_KEYS, how="left", validate="many_to_one")

    def online(self, medication_ids: Sequence[str]) -> pd.DataFrame:
        """The newest features, a row for each of the medications that has any, in the order asked."""
        service = self._feast.get_feature_service(self._service)
        rows = [{"medication_id": medication_id} for medication_id in medication_ids]
        found = pd.DataFrame(self._feast.get_online_features(features=service, entity_rows=rows).to_dict())
        return found[found["shape_ratio"].notna()].reset_index(drop=True)

    @property
    def _view(self) -> str:
        from feature_repo.features import VIEW

        return VIEW

    @property
    def _service(self) -> str:
        from feature_repo.features import SERVICE

        return SERVICE

    @cached_property
    def _feast(self) -> "FeatureStore":
        from feast import FeatureStore, RepoConfig

        self.directory.mkdir(parents=True, exist_ok=True)
        config = RepoConfig(
            project="rxvision",
            provider="local",
            registry=str(self.directory / "registry.db"),
            online_store={"type": "sqlite", "path": str(self.directory / "online.db")},
            offline_store={"type": "dask"},
            entity_key_serialization_version=3,
            repo_path=str(self.directory),
        )
        return FeatureStore(config=config)


def _in_utc(rows: pd.DataFrame) -> pd.DataFrame:
    """Timestamps in microseconds UTC, which every offline store of Feast reads."""
    times = [column for column in ("event_timestamp", "created") if column in rows]
    return rows.assign(**{name: pd.to_datetime(rows[name], utc=True).astype("datetime64[us, UTC]") for name in times})
