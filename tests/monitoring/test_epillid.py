"""The ePillID protocol on a directory in its layout, with a tiny real bundle."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from data.sources.labelled import LayoutError
from monitoring.epillid import FOLDS, ProtocolError, benchmark_epillid, holdout
from pipelines.commands import app
from tests.builders import NOW, jpeg, tiny_catalogue, tiny_picture
from tests.monitoring.conftest import Scene

HEADER = "images,pilltype_id,label_code_id,prod_code_id,is_ref,is_front,is_new,image_path,label\n"


def taken(item, *, side: str, number: int) -> bytes:
    rng = np.random.default_rng(number)
    noisy = tiny_picture(item, side=side) + rng.normal(0, 6, (200, 200, 3))
    return jpeg(np.clip(noisy, 0, 255).astype(np.uint8))


def row(item, *, side: str, path: str, reference: bool) -> str:
    label = f"{item.ndc11}_AB{item.ndc11[:5]}"
    return f"{path},{label},1,1,{reference},{side == 'front'},False,{path},{label}\n"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four pill types of one reference a side; two fronts and one back of each to ask."""
    home = tmp_path_factory.mktemp("epillid")
    lines = [HEADER]
    for item in tiny_catalogue():
        for side, number in (("front", 0), ("back", 0), ("front", 1), ("back", 1), ("front", 2)):
            path = f"{'dr' if number == 0 else 'dc'}_224/{item.ndc11}-{side}-{number}.jpg"
            file = home / "classification_data" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(taken(item, side=side, number=number))
            lines.append(row(item, side=side, path=path, reference=number == 0))
    (home / "all_labels.csv").write_text("".join(lines))
    return home


@pytest.fixture(scope="module")
def found(scene: Scene, directory: Path) -> dict:
    return benchmark_epillid(scene.bundle, directory, now=NOW)


def test_every_front_is_paired_with_every_back_and_each_picture_is_asked_alone(found: dict) -> None:
    assert found["num_pill_types"] == 4
    assert (found["two_sides"]["num_queries"], found["one_side"]["num_queries"]) == (8, 12)


def test_the_system_and_each_encoder_have_all_four_figures(found: dict) -> None:
    for kind in ("two_sides", "one_side"):
        for name in ("system", "fast", "accurate"):
            assert set(found[kind][name]) == {"gap", "gap_at_1", "map", "map_at_1"}
            assert all(0 <= figure["value"] <= 1 for figure in found[kind][name].values())
    json.dumps(found, allow_nan=False)


def test_four_pills_of_four_colours_are_told_apart(found: dict) -> None:
    assert found["two_sides"]["system"]["map_at_1"]["value"] == 1.0
    assert found["two_sides"]["system"]["map_at_1"]["low"] < 1.0


def test_pill_types_that_the_bundle_does_not_know_are_asked_without_facts(
    scene: Scene, directory: Path, tmp_path: Path
) -> None:
    text = (directory / "all_labels.csv").read_text().replace("00002-0001-01_", "99999-0001-01_")
    (tmp_path / "classification_data").symlink_to(directory / "classification_data")
    (tmp_path / "all_labels.csv").write_text(text)
    found = benchmark_epillid(scene.bundle, tmp_path, now=NOW)
    assert (found["num_pill_types"], found["num_without_facts"]) == (4, 1)
    assert found["two_sides"]["fast"]["map_at_1"]["value"] == 1.0


def test_pill_types_of_one_appearance_are_ordered_by_their_own_pictures(
    scene: Scene, directory: Path, tmp_path: Path
) -> None:
    text = (directory / "all_labels.csv").read_text()
    first, second = (f"{item.ndc11}_AB{item.ndc11[:5]}" for item in tiny_catalogue()[:2])
    (tmp_path / "classification_data").symlink_to(directory / "classification_data")
    (tmp_path / "all_labels.csv").write_text(text.replace(second, f"{first}B"))
    found = benchmark_epillid(scene.bundle, tmp_path, now=NOW)
    assert found["num_pill_types"] == 4
    assert found["two_sides"]["system"]["map_at_1"]["value"] == 1.0


def test_where_folds_are_published_the_last_one_is_asked(scene: Scene, directory: Path, tmp_path: Path) -> None:
    (tmp_path / "classification_data").symlink_to(directory / "classification_data")
    lines = (directory / "all_labels.csv").read_text().splitlines(keepends=True)
    (tmp_path / "all_labels.csv").write_text("".join(lines))
    (tmp_path / FOLDS).mkdir(parents=True)
    for name, kept in (("x_0", lines[1:3]), ("x_4", lines[3:6]), ("x_all", lines[1:])):
        (tmp_path / FOLDS / f"{name}.csv").write_text("".join([HEADER, *kept]))
    assert len(holdout(tmp_path)) == 3
    found = benchmark_epillid(scene.bundle, tmp_path, now=NOW)
    assert (found["num_pill_types"], found["two_sides"]["num_queries"], found["one_side"]["num_queries"]) == (4, 2, 3)


def test_what_cannot_be_asked_is_refused_by_name(scene: Scene, directory: Path, tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match="is missing"):
        benchmark_epillid(scene.bundle, tmp_path, now=NOW)
    lines = (directory / "all_labels.csv").read_text().splitlines(keepends=True)
    (tmp_path / "classification_data").symlink_to(directory / "classification_data")
    (tmp_path / "all_labels.csv").write_text("".join([HEADER, *lines[3:5]]))
    with pytest.raises(ProtocolError, match="no reference"):
        benchmark_epillid(scene.bundle, tmp_path, now=NOW)
    (tmp_path / "all_labels.csv").write_text("".join(lines[:3]))
    with pytest.raises(ProtocolError, match="front and a back"):
        benchmark_epillid(scene.bundle, tmp_path, now=NOW)
    (tmp_path / "all_labels.csv").write_text("".join([*lines[:3], lines[3].replace("front-1.jpg", "gone.jpg")]))
    with pytest.raises(ProtocolError, match=r"gone\.jpg"):
        benchmark_epillid(scene.bundle, tmp_path, now=NOW)


def test_the_command_writes_the_figures(scene: Scene, directory: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    result = CliRunner().invoke(app, ["benchmark", "--protocol", "epillid", "--bundle", str(scene.bundle),
                                      "--photos", str(directory), "--json", str(out)])  # fmt: skip
    assert result.exit_code == 0, result.output
    assert json.loads(out.read_text())["protocol"] == "epillid"
    assert "MAP@1" in result.output
