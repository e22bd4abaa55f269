"""An answer is given once more by the model that gave it, and is the same; or it is said what differs."""

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bentos import cli
from bentos.answering import Answering
from bentos.audit.replay import Question, answered_by, replay
from bentos.journal import Journal, Recorded
from bentos.metrics import metrics
from bentos.privacy.desk import PrivacyDesk
from bentos.runtime.answer import PillMetadata
from bentos.settings import Settings
from tests.builders import jpeg, tiny_catalogue, tiny_picture

FRONT, OTHER = (jpeg(tiny_picture(tiny_catalogue()[number])) for number in (1, 2))
TYPED = {"imprint": "A2 TEST", "size_mm": 8}
REQUEST = "0f3c2f0e-6a3c-4a55-9d39-0d2a6f6f9a11"


@pytest.fixture
def settings(home: Path, journal_url: str) -> Settings:
    return Settings(home=home, packed_home=home / "none", journal=journal_url)


def answered(settings: Settings, *, subject: str | None = None) -> Recorded:
    """The entry of one answer."""
    journal = Journal(settings.journal_url)
    answering = Answering(settings, journal=journal, metrics=metrics(), now=lambda: datetime.now(UTC))
    answering.watch.poll()
    asyncio.run(answering.answer([FRONT], metadata=PillMetadata(**TYPED), request_id=REQUEST, subject=subject))
    answering.close()
    found = journal.of_request(REQUEST)
    journal.close()
    return found


@pytest.fixture
def entry(settings: Settings) -> Recorded:
    return answered(settings)


def rxvision(monkeypatch: pytest.MonkeyPatch, settings: Settings, *arguments: str) -> int:
    """Run the command as the shell would and return its status."""
    monkeypatch.setenv("RXVISION_HOME", str(settings.home))
    monkeypatch.setenv("RXVISION_JOURNAL", settings.journal_url)
    monkeypatch.setattr(sys, "argv", ["rxvision", "audit", "replay", REQUEST, *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code or 0


def test_the_same_picture_gets_the_same_answer(
    entry: Recorded,
    settings: Settings,
    tmp_path: Path,
    bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    (tmp_path / "front.jpg").write_bytes(FRONT)
    given = ("--picture", str(tmp_path / "front.jpg"), "--metadata", json.dumps(TYPED))
    assert rxvision(monkeypatch, settings, *given) == 0
    assert rxvision(monkeypatch, settings, *given, "--bundle", str(bundle)) == 0
    assert capsys.readouterr().out.splitlines() == [f"entry {entry.entry_id}: the same answer"] * 2
    assert rxvision(monkeypatch, settings, *given[:2]) == 2
    assert "typed was" in capsys.readouterr().err
    (tmp_path / "front.jpg").write_bytes(OTHER)
    assert rxvision(monkeypatch, settings, *given) == 2
    assert "not the pictures" in capsys.readouterr().err


def test_another_answer_is_said_to_be_one(entry: Recorded, settings: Settings) -> None:
    predictor = answered_by(entry, settings)
    pills = [entry.payload["pills"][0] | {"status": "retake", "confidence": 0.5}]
    changed = entry.model_copy(update={"payload": entry.payload | {"pills": pills}})
    found = replay(changed, Question((FRONT,), PillMetadata(**TYPED)), predictor=predictor)
    assert [line.split(" is ")[0] for line in found] == ["pill 0: confidence", "pill 0: status"]


@pytest.mark.parametrize("subject", [None, "patient-17"])
def test_what_the_service_retains_need_not_be_supplied(
    settings: Settings, subject: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    entry = answered(settings.model_copy(update={"retain_pictures": {"quality": 30.0}}), subject=subject)
    assert rxvision(monkeypatch, settings) == 0
    assert capsys.readouterr().out == f"entry {entry.entry_id}: the same answer\n"


def test_the_pictures_of_a_subject_are_known_until_it_is_erased(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    answered(settings, subject="patient-17")
    (tmp_path / "front.jpg").write_bytes(FRONT)
    given = ("--picture", str(tmp_path / "front.jpg"), "--metadata", json.dumps(TYPED))
    assert rxvision(monkeypatch, settings, *given) == 0
    desk = PrivacyDesk(settings)
    desk.keys.destroy(desk.subjects.owner("patient-17"))
    desk.close()
    assert rxvision(monkeypatch, settings, *given) == 1
    assert "was erased" in capsys.readouterr().err


def test_without_a_picture_and_nothing_retained_it_says_so(
    entry: Recorded, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    assert rxvision(monkeypatch, settings) == 1
    assert "no picture" in capsys.readouterr().err
