"""The command line: an answer for a person or as JSON, and one sentence where there is none."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import typer

from bentos import cli
from bentos.runtime.answer import Answer
from bentos.runtime.decode import decode
from tests.builders import jpeg, tiny_catalogue, tiny_picture

MEDICATION = tiny_catalogue()[1]


@pytest.fixture
def photos(tmp_path: Path) -> tuple[str, str]:
    for side in ("front", "back"):
        (tmp_path / f"{side}.jpg").write_bytes(jpeg(tiny_picture(MEDICATION, side=side)))
    return str(tmp_path / "front.jpg"), str(tmp_path / "back.jpg")


def rxvision(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command as the shell would and return its status."""
    monkeypatch.setattr(sys, "argv", ["rxvision", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code or 0


def test_json_is_the_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, photos: tuple, bundle: Path
) -> None:
    typed = ("--imprint", "A2;TEST", "--color", "red", "--shape", "ROUND", "--size-mm", "10")
    front, back = photos
    arguments = ("identify", front, "--back", back, *typed, "--bundle", str(bundle), "--json")
    assert rxvision(monkeypatch, *arguments) == 0
    answer = Answer.model_validate_json(capsys.readouterr().out)
    assert answer.pills[0].alternatives[0].medication_id == MEDICATION.medication_id


def test_a_person_reads_status_name_confidence_candidates_and_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, photos: tuple, bundle: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert rxvision(monkeypatch, "identify", photos[0], "--imprint", "A2", "--bundle", str(bundle)) == 0
    shown = capsys.readouterr().out
    named = ("Status", MEDICATION.display_name, "Confidence", "Candidates", "typed imprint", "pharmacist")
    for expected in (*named, "Why", "Reference"):
        assert expected in shown


def test_a_heat_map_is_written_on_request(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, photos: tuple, bundle: Path, tmp_path: Path
) -> None:
    out = tmp_path / "heat.png"
    asked = ("identify", photos[0], "--back", photos[1], "--bundle", str(bundle), "--json")
    assert rxvision(monkeypatch, *asked, "--heat-map", str(out)) == 0
    maps = Answer.model_validate_json(capsys.readouterr().out).pills[0].explanation.heat_maps
    assert [heat_map.picture for heat_map in maps] == [0, 1]
    drawn = decode(out.read_bytes()).rgb_HWC
    plain = [decode(Path(photo).read_bytes()).rgb_HWC for photo in photos]
    assert drawn.shape == (sum(p.shape[0] for p in plain), plain[0].shape[1], 3)
    assert not np.array_equal(drawn[: plain[0].shape[0]], plain[0])


def test_without_a_bundle_the_champion_of_the_home_answers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, photos: tuple, home: Path
) -> None:
    monkeypatch.setenv("RXVISION_HOME", str(home))
    assert rxvision(monkeypatch, "identify", photos[0], "--json") == 0
    release = json.loads(capsys.readouterr().out)["release"]
    assert (release["variant"], release["version"]) == ("champion", "1")


def test_without_a_release_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, photos: tuple
) -> None:
    assert rxvision(monkeypatch, "identify", photos[0]) == 1
    assert "nothing is released" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "typed", "code"),
    [
        (b"", (), "empty_file"),
        (b"text", (), "unsupported_format"),
        (None, ("--color", "mauve-ish"), "bad_metadata"),
        (None, ("--size-mm", "-3"), "bad_metadata"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    photos: tuple,
    bundle: Path,
    content: bytes | None,
    typed: tuple,
    code: str,
) -> None:
    if content is not None:
        Path(photos[0]).write_bytes(content)
    assert rxvision(monkeypatch, "identify", photos[0], *typed, "--bundle", str(bundle)) == 2
    error = capsys.readouterr().err
    assert f"rxvision: {code}: " in error
    assert "Traceback" not in error


def test_a_damaged_bundle_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, photos: tuple, tmp_path: Path
) -> None:
    assert rxvision(monkeypatch, "identify", photos[0], "--bundle", str(tmp_path)) == 1
    assert "holds no recogniser.json" in capsys.readouterr().err


def test_the_version_is_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    assert rxvision(monkeypatch, "version") == 0
    assert capsys.readouterr().out.strip().count(".") == 2


def test_other_packages_add_commands_to_the_same_program() -> None:
    parent = typer.Typer()
    cli.load_commands(parent)
    assert parent.registered_commands
