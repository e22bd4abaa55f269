"""The benchmark's JSON, its records, and the comparison of two of them."""

import json
import shutil
from pathlib import Path

import pytest

from bentos.runtime.errors import ContractError
from monitoring.accuracy import QUESTIONS
from monitoring.benchmark import BenchmarkError, benchmark, read_labels
from monitoring.compare import compare
from monitoring.records import RecordError, read_records
from tests.monitoring.conftest import Scene, write_labels


@pytest.fixture(scope="module")
def measured(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, Path]:
    records = tmp_path_factory.mktemp("benchmark") / "a.jsonl"
    return benchmark(scene.bundle, scene.photos, records=records), records


def is_figure(node: object) -> bool:
    return isinstance(node, dict) and set(node) == {"value", "low", "high", "num"}


def test_the_json_has_the_agreed_keys_and_every_figure_its_interval(measured: tuple[dict, Path]) -> None:
    found, _ = measured
    assert found["num_photos"] == 24
    assert found["gallery_size"] == 4
    for question in QUESTIONS:
        for level in ("ndc", "drug"):
            assert all(is_figure(found[question][level][name]) for name in ("top1", "top5", "map"))
        assert is_figure(found[question]["operating_point"]["coverage"])
        assert is_figure(found[question]["operating_point"]["accuracy"])
        assert is_figure(found[question]["set"]["coverage"])
        assert is_figure(found[question]["set"]["mean_size"])
    assert is_figure(found["unknown"]["false_identified"])
    assert is_figure(found["slices"]["background"]["wood"]["top1"])
    assert is_figure(found["ece"]["picture"])
    json.dumps(found, allow_nan=False)


def test_intervals_hold_their_values(measured: tuple[dict, Path]) -> None:
    def check(node: object) -> None:
        if is_figure(node):
            assert node["value"] is None or node["low"] <= node["value"] <= node["high"]
        elif isinstance(node, dict):
            for child in node.values():
                check(child)

    check(measured[0])


def test_a_line_per_photograph_with_ranking_status_set_and_cues(measured: tuple[dict, Path], scene: Scene) -> None:
    records = read_records(measured[1])
    assert [record.photo for record in records] == [Path(path).name for path in scene.rows["path"]]
    asked = records[0].answers["picture"]
    assert len(asked.ranking) == 4
    assert asked.status in ("identified", "uncertain", "unknown", "retake")
    assert set(asked.cues) >= {"color_histogram"}
    assert asked.set_size >= len(asked.prediction_set) > 0


def test_a_photograph_with_another_of_the_other_side_is_asked_with_it(
    measured: tuple[dict, Path], scene: Scene, tmp_path: Path
) -> None:
    assert measured[0]["picture_both_sides"]["drug"]["top1"]["num"] == 24
    shutil.copytree(scene.photos, tmp_path / "photos")
    rows = [row for row in scene.rows.to_dict("records") if row["side"] == "front" or row["ndc11"].startswith("00002")]
    rows = [row | {"side": ""} if row["ndc11"].startswith("00003") else row for row in rows]
    write_labels(tmp_path / "photos", rows)
    found = benchmark(scene.bundle, tmp_path / "photos", records=tmp_path / "records.jsonl")
    assert found["picture_both_sides"]["drug"]["top1"]["num"] == 6
    asked = {r.ndc11 for r in read_records(tmp_path / "records.jsonl") if "picture_both_sides" in r.answers}
    assert asked == {"00002-0001-01"}


def test_the_imprint_alone_is_looked_up_without_the_picture(measured: tuple[dict, Path], scene: Scene) -> None:
    records = read_records(measured[1])
    assert measured[0]["imprint_only"]["drug"]["top1"]["value"] == 1.0
    assert {record.answers["imprint_only"].route for record in records} == {None}
    assert all(set(record.answers["imprint_only"].cues) == {"imprint"} for record in records)


def test_the_same_seed_gives_the_same_benchmark(measured: tuple[dict, Path], scene: Scene) -> None:
    again = benchmark(scene.bundle, scene.photos)
    assert {**again, "latency_ms": None} == {**measured[0], "latency_ms": None}


def test_the_order_of_the_labels_changes_no_figure(measured: tuple[dict, Path], scene: Scene, tmp_path: Path) -> None:
    shutil.copytree(scene.photos, tmp_path / "photos")
    write_labels(tmp_path / "photos", scene.rows.iloc[::-1].to_dict("records"))
    again = benchmark(scene.bundle, tmp_path / "photos")
    for question in ("picture", "picture_and_partial_imprint", "imprint_only"):
        for level in ("ndc", "drug"):
            assert again[question][level]["map"]["value"] == measured[0][question][level]["map"]["value"]


def test_a_photograph_whose_pill_is_not_in_the_gallery_is_counted_but_not_judged(scene: Scene, tmp_path: Path) -> None:
    shutil.copytree(scene.photos, tmp_path / "photos")
    rows = [row | {"ndc11": "99999-0001-01"} if i < 3 else row for i, row in enumerate(scene.rows.to_dict("records"))]
    write_labels(tmp_path / "photos", rows)
    found = benchmark(scene.bundle, tmp_path / "photos")
    assert (found["num_photos"], found["num_in_gallery"]) == (24, 21)
    assert found["picture"]["drug"]["top1"]["num"] == 21


def test_a_text_file_named_jpg_is_a_miss(scene: Scene, tmp_path: Path) -> None:
    shutil.copytree(scene.photos, tmp_path / "photos")
    (tmp_path / scene.rows["path"].iloc[0]).write_bytes(b"hello")
    records = tmp_path / "records.jsonl"
    benchmark(scene.bundle, tmp_path / "photos", records=records)
    first = read_records(records)[0]
    assert (first.answers["picture"].status, first.answers["picture"].drug.top1) == ("refused", 0.0)
    assert first.answers["picture"].reason == "unsupported_format"


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ("file,ndc11\nx.jpg,1\n", "lacks the columns background, side"),
        ("file,ndc11,background,side\nmissing.jpg,1,,\n", "line 2: there is no picture 'missing.jpg'"),
        ("file,ndc11,background,side\n../labels.csv,1,,\n", "line 2"),
    ],
)
def test_malformed_labels_are_refused_with_file_and_line(tmp_path: Path, labels: str, reason: str) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (tmp_path / "labels.csv").write_text("secret")
    (photos / "labels.csv").write_text(labels)
    with pytest.raises(BenchmarkError, match=reason):
        read_labels(photos)


def test_a_directory_without_labels_or_with_strangers_only_is_refused(scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="does not exist"):
        benchmark(scene.bundle, tmp_path)
    shutil.copy(scene.home / scene.rows["path"].iloc[0], tmp_path / "a.jpg")
    (tmp_path / "labels.csv").write_text("file,ndc11,background,side\na.jpg,99999-0001-01,wood,\n")
    with pytest.raises(BenchmarkError, match="holds none of the 1"):
        benchmark(scene.bundle, tmp_path)


def test_a_damaged_bundle_is_refused(scene: Scene, tmp_path: Path) -> None:
    shutil.copytree(scene.bundle, tmp_path / "bundle")
    onnx = tmp_path / "bundle" / "recogniser" / "fast.onnx"
    onnx.write_bytes(onnx.read_bytes()[:-1] + b"\x00")
    with pytest.raises(ContractError):
        benchmark(tmp_path / "bundle", scene.photos)


def test_a_benchmark_does_not_differ_from_itself(measured: tuple[dict, Path]) -> None:
    found = compare(measured[1], measured[1])
    assert found["num_photos"] == 24
    for metrics in found["questions"].values():
        assert all(
            item["value"] == item["low"] == item["high"] == 0 and not item["decided"] for item in metrics.values()
        )


def test_a_worse_benchmark_is_decidedly_worse_on_the_shared_photographs(
    measured: tuple[dict, Path], tmp_path: Path
) -> None:
    records = read_records(measured[1])
    lost = {"top1": 0.0, "top5": 0.0, "average_precision": 0.0}
    worse = [
        record.model_copy(update={"answers": {q: asked.model_copy(update={"drug": type(asked.drug)(**lost)})
                                              for q, asked in record.answers.items()}})
        for record in records[2:]
    ]  # fmt: skip
    other = tmp_path / "b.jsonl"
    other.write_text("".join(record.model_dump_json() + "\n" for record in worse))
    found = compare(measured[1], other)
    assert (found["num_photos"], found["only_in_a"], found["only_in_b"]) == (22, 2, 0)
    assert found["questions"]["imprint_only"]["drug_top1"]["value"] == -1.0
    assert found["questions"]["imprint_only"]["drug_top1"]["decided"]


def test_a_question_that_not_every_photograph_was_asked_is_compared_on_those_that_were(
    measured: tuple[dict, Path], tmp_path: Path
) -> None:
    records = read_records(measured[1])
    lone = [record.model_copy(update={"answers": {q: a for q, a in record.answers.items() if q == "picture" or i < 5}})
            for i, record in enumerate(records)]  # fmt: skip
    (tmp_path / "b.jsonl").write_text("".join(record.model_dump_json() + "\n" for record in lone))
    found = compare(measured[1], tmp_path / "b.jsonl")
    assert found["questions"]["picture"]["drug_top1"]["num"] == 24
    assert found["questions"]["picture_both_sides"]["drug_top1"]["num"] == 5


def test_what_is_no_records_file_is_refused_with_its_line(measured: tuple[dict, Path], tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text(measured[1].read_text().splitlines()[0] + "\n{}\n")
    with pytest.raises(RecordError, match="line 2"):
        compare(measured[1], bad)
    with pytest.raises(RecordError, match="does not exist"):
        compare(measured[1], tmp_path / "none.jsonl")
    bad.write_text(measured[1].read_text() * 2)
    with pytest.raises(RecordError, match="twice"):
        compare(bad, measured[1])
