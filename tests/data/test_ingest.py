"""Ingest: what is new alone, bad files set aside, nothing lost, nothing personal kept."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pillow_heif
import pytest
from PIL import Image

from data import ingest as ingest_module
from data.ingest import IngestReport, ingest
from data.photo import Unreadable
from tests.builders import medication
from tests.data.pictures import NOW, ListSource, encoded, photo, pill_on_table

GPS_IFD, ORIENTATION = 0x8825, 0x0112


def run(home: Path, *items, source: ListSource | None = None, **overrides) -> IngestReport:
    options = {"medications": [medication(1), medication(2)], "workers": 1, "now": NOW, **overrides}
    sources = [source or ListSource(list(items))]
    return ingest(sources, home=home, on_progress=lambda *_: None, **options)


def rows(report: IngestReport) -> pd.DataFrame:
    return pd.read_parquet(report.manifest).set_index("name")


def refused(report: IngestReport) -> dict[str, str]:
    table = pd.read_parquet(report.quarantine)
    return dict(zip(table["name"], table["code"], strict=True))


def test_a_row_holds_label_measurements_and_a_path_to_the_picture(tmp_path: Path) -> None:
    item = photo("a.jpg", conditions={"background": "wood", "exposure": 0.5}, pool="train")
    row = rows(run(tmp_path, item)).loc["a.jpg"]
    assert (tmp_path / row["path"]).read_bytes() == item.data
    assert row["photo_id"] in row["path"]
    assert row[["medication_id", "side", "pool", "cond_background", "cond_light"]].tolist() == [
        "00001-0001-01.1", "front", "train", "wood", "unknown",
    ]  # fmt: skip
    assert row["pill_found"]
    assert row["stat_sharpness"] > 0
    assert row["cond_exposure"] == 0.5
    assert (row["width"], row["height"], row["format"], row["shape"]) == (200, 200, "JPEG", "ROUND")


def test_a_second_run_reads_only_what_is_new(tmp_path: Path) -> None:
    run(tmp_path, photo("a"), photo("b"))
    again = ListSource([photo("a"), photo("b"), photo("c")])
    report = run(tmp_path, source=again)
    assert again.read == ["c"]
    assert (report.num_new, report.num_known, report.num_photos) == (1, 2, 3)


def test_a_changed_file_is_read_again_and_replaces_its_row(tmp_path: Path) -> None:
    first = rows(run(tmp_path, photo("a", stamp="1")))
    second = rows(run(tmp_path, photo("a", data=encoded(pill_on_table(99)), stamp="2")))
    assert len(second) == 1
    assert second.loc["a", "photo_id"] != first.loc["a", "photo_id"]


def test_what_a_source_no_longer_lists_leaves_the_manifest(tmp_path: Path) -> None:
    run(tmp_path, photo("a"), photo("b"))
    assert list(rows(run(tmp_path, photo("b"))).index) == ["b"]


def test_rows_of_sources_that_were_not_asked_stay(tmp_path: Path) -> None:
    run(tmp_path, photo("a"))
    other = ListSource([photo("b", source="other")], name="other")
    assert sorted(rows(run(tmp_path, source=other)).index) == ["a", "b"]


def test_bad_files_go_to_quarantine_with_their_reason_and_stop_nothing(tmp_path: Path) -> None:
    report = run(
        tmp_path,
        photo("empty", data=b""),
        photo("text", data=b"hello, I am no picture"),
        photo("short", data=encoded(pill_on_table(1))[:600]),
        Unreadable("torn", "list", "the frame holds no two sides"),
        photo("stranger", medication_id="99999-0001-01.1"),
        photo("good"),
    )
    assert refused(report) == {
        "empty": "empty_file",
        "text": "unsupported_format",
        "short": "truncated",
        "torn": "unreadable",
        "stranger": "unknown_medication",
    }
    assert list(rows(report).index) == ["good"]


def test_a_photograph_is_taken_up_once_the_catalogue_knows_its_medication(tmp_path: Path) -> None:
    stranger = photo("a", medication_id="00003-0001-01.1")
    assert refused(run(tmp_path, stranger)) == {"a": "unknown_medication"}
    report = run(tmp_path, stranger, medications=[medication(3)])
    assert list(rows(report).index) == ["a"]
    assert refused(report) == {}


def test_a_crash_in_the_middle_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_module, "_BATCH", 2)
    monkeypatch.setattr(ingest_module, "_ROWS_A_PART", 2)
    items = [photo(name) for name in "abcdefgh"]
    with pytest.raises(ConnectionError):
        run(tmp_path, source=ListSource(items, breaks_after=5))
    resumed = ListSource(items)
    report = run(tmp_path, source=resumed)
    assert resumed.read == ["e", "f", "g", "h"]
    whole = rows(run(tmp_path / "whole", *items))
    pd.testing.assert_frame_equal(rows(report), whole)


def test_two_worker_processes_give_the_same_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_module, "_BATCH", 2)
    items = [photo(name) for name in "abcde"]
    alone, together = run(tmp_path / "1", *items), run(tmp_path / "2", *items, workers=2)
    pd.testing.assert_frame_equal(rows(alone), rows(together))


def test_orientation_is_applied_and_gps_is_not_stored(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif.get_ifd(GPS_IFD).update({1: "N", 2: (52.0, 31.0, 12.0)})
    wide = pill_on_table(3)[:120]
    row = rows(run(tmp_path, photo("a", data=encoded(wide, exif=exif.tobytes())))).loc["a"]
    with Image.open(tmp_path / row["path"]) as stored:
        assert stored.size == (120, 200)
        assert not dict(stored.getexif())
    assert b"Exif" not in (tmp_path / row["path"]).read_bytes()
    assert (row["width"], row["height"]) == (120, 200)


def test_heic_is_read_and_stored_as_jpeg(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(pill_on_table(4))).save(buffer, quality=80)
    row = rows(run(tmp_path, photo("a", data=buffer.getvalue()))).loc["a"]
    assert row["format"] == "HEIF"
    assert row["path"].endswith(".jpg")


def test_a_cut_out_keeps_its_mask(tmp_path: Path) -> None:
    picture = pill_on_table(5)
    alpha = np.where(picture[..., 2] > 180, 255, 0).astype(np.uint8)
    data = encoded(np.dstack([picture, alpha]), kind="PNG")
    row = rows(run(tmp_path, photo("a", data=data))).loc["a"]
    assert (tmp_path / row["path"]).read_bytes() == data
    assert row["pill_found"]


def test_text_and_exif_of_a_png_are_dropped(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    row = rows(run(tmp_path, photo("a", data=encoded(pill_on_table(6), kind="PNG", exif=exif)))).loc["a"]
    assert b"Camera" not in (tmp_path / row["path"]).read_bytes()


def test_exact_and_near_duplicates_name_the_first_of_their_kind(tmp_path: Path) -> None:
    picture = pill_on_table(7)
    smaller = np.asarray(Image.fromarray(picture).resize((150, 150)))
    table = rows(
        run(
            tmp_path,
            photo("a", data=encoded(picture)),
            photo("b", data=encoded(picture)),
            photo("c", data=encoded(smaller, quality=40)),
            photo("d", data=encoded(pill_on_table(8))),
            photo("e", data=encoded(picture), medication_id="00002-0001-01.1"),
        )
    )
    first = table.loc["a", "photo_id"]
    assert table["duplicate_of"].tolist() == [None, first, first, None, None]


def test_another_lot_of_a_reference_is_a_view_of_its_own(tmp_path: Path) -> None:
    lots = [photo(lot, data=encoded(pill_on_table(7), quality=80 + 5 * n), role="reference", lot=lot)
            for n, lot in enumerate(("1", "2"))]  # fmt: skip
    again = photo("2b", data=encoded(pill_on_table(7), quality=60), role="reference", lot="2")
    assert rows(run(tmp_path, *lots, again))["duplicate_of"].notna().tolist() == [False, False, True]
