"""Feast: point-in-time retrieval without future rows, nothing dropped; online retrieval of the newest."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.ingest import ingest
from feature_repo.history import store_and_draw
from feature_repo.reference import COLUMNS, reference_rows
from feature_repo.store import ReferenceStore
from tests.builders import medication
from tests.data.pictures import NOW, ListSource, photo


def rows(day: str, *medication_ids: str, shape_ratio: float = 1.0) -> pd.DataFrame:
    at = pd.Timestamp(day, tz="UTC")
    one = {
        "event_timestamp": at,
        "created": at,
        "shape_ratio": np.float32(shape_ratio),
        "color_histogram": np.full(48, 1 / 48, np.float32),
        "texture_features": np.linspace(0, 1, 32, dtype=np.float32),
        "size_mm": np.float32(8),
        "colors": "WHITE",
        "num_colors": 1,
        "shape": "ROUND",
        "num_views": 2,
    }
    return pd.DataFrame([{"medication_id": medication_id, **one} for medication_id in medication_ids])[list(COLUMNS)]


@pytest.fixture
def store(tmp_path: Path) -> ReferenceStore:
    store = ReferenceStore(tmp_path)
    store.write(rows("2025-01-01", "a", "b", shape_ratio=0.5))
    store.write(rows("2025-02-01", "a", shape_ratio=0.75))
    return store


def asked(*pairs: tuple[str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(pairs, columns=["medication_id", "event_timestamp"])
    return frame.assign(event_timestamp=pd.to_datetime(frame["event_timestamp"], utc=True))


def test_history_answers_as_of_each_rows_time_and_keeps_every_row(store: ReferenceStore) -> None:
    entities = asked(
        ("a", "2025-01-15"), ("a", "2025-03-01"), ("b", "2024-12-31"), ("c", "2025-03-01"), ("a", "2025-01-15")
    )
    found = store.historical(entities)
    assert found["medication_id"].tolist() == ["a", "a", "b", "c", "a"]
    assert found["shape_ratio"].fillna(-1).tolist() == [0.5, 0.75, -1, -1, 0.5]


def test_online_gives_the_newest_and_leaves_out_the_unknown(store: ReferenceStore) -> None:
    found = store.online(["b", "nobody", "a"])
    assert found[["medication_id", "shape_ratio"]].values.tolist() == [["b", 0.5], ["a", 0.75]]
    assert len(found["color_histogram"][0]) == 48
    assert len(found["texture_features"][0]) == 32


def test_writing_the_same_rows_again_adds_nothing(store: ReferenceStore) -> None:
    assert store.write(rows("2025-02-01", "a", shape_ratio=0.75)) == 0
    assert store.write(rows("2025-04-01", "a")) == 1


def test_reference_rows_are_measured_on_the_pictures_and_drawn_for_a_data_set(tmp_path: Path) -> None:
    photos = [photo(name, role="reference", side=side) for name, side in (("x", "front"), ("y", "back"))]
    catalogue = [medication(1, size_mm=9.5), medication(2)]
    report = ingest([ListSource([*photos, photo("z")])], medications=catalogue, home=tmp_path, now=NOW, workers=1,
                    on_progress=lambda *_: None)  # fmt: skip
    manifest = pd.read_parquet(report.manifest)
    (row,) = reference_rows(manifest, home=tmp_path).to_dict("records")
    assert (row["medication_id"], row["num_views"], row["size_mm"]) == ("00001-0001-01.1", 2, 9.5)
    assert row["shape_ratio"] > 0.9
    assert row["color_histogram"].sum() == pytest.approx(1, abs=1e-5)
    drawn = store_and_draw(manifest, home=tmp_path, key="sha256:abc")
    assert drawn.rows["medication_id"].tolist() == ["00001-0001-01.1"]
    again = store_and_draw(manifest.iloc[:0], home=tmp_path, key="sha256:abc")
    pd.testing.assert_frame_equal(again.rows, drawn.rows)
