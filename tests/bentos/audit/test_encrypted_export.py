"""An encrypted export: its stored bytes are signed, it opens with the home's key or one that was handed over."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bentos.audit.checkpoints import AUDIT_DIR, CHECKPOINTS_FILE, audit_key
from bentos.audit.commands import journal_rows
from bentos.audit.export import Encryption, export_segments
from bentos.audit.sealing import Sealing
from bentos.journal import Entry
from bentos.privacy.desk import PrivacyDesk
from bentos.privacy.journal_keys import HomeKeys, open_journal
from bentos.settings import Settings
from tests.bentos.audit.test_commands import rxvision
from tests.bentos.conftest import change_a_byte

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
PLANTED = "token:quackenbush"


@pytest.fixture
def sealed() -> bool:
    """Whether the journal itself is sealed, too."""
    return True


@pytest.fixture
def home(sealed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Thirty entries under one checkpoint."""
    monkeypatch.setenv("RXVISION_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RXVISION_ENCRYPT_JOURNAL", str(sealed))
    settings = Settings()
    journal, sealing = open_journal(settings), Sealing(settings)
    for number in range(30):
        payload = {"request_id": f"r{number}", "code": "too_large"}
        journal.append(Entry(at=NOON, actor=PLANTED, action="predict", outcome="answered", payload=payload))
    journal.close()
    sealing.close()
    return tmp_path / "home"


@pytest.fixture
def cold(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    assert rxvision(monkeypatch, "export", str(tmp_path / "cold"), "--encrypt") == 0
    return tmp_path / "cold"


@pytest.mark.parametrize("sealed", [True, False])
def test_it_verifies_with_the_homes_key_and_holds_nothing_in_clear(
    cold: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    assert rxvision(monkeypatch, "verify", "--export", str(cold)) == 0
    said = capsys.readouterr().out
    assert "30 entries hold; 30 are under 1 checkpoints" in said
    assert "1 segments are as they were sealed" in said
    stored = b"".join(path.read_bytes() for path in cold.iterdir())
    assert not [word for word in (PLANTED, "predict", "answered", "too_large", "PAR1") if word.encode() in stored]
    assert rxvision(monkeypatch, "export", str(tmp_path / "plain")) == 0
    assert "predict" in (next((tmp_path / "plain").glob("*.parquet")).read_bytes().decode("latin-1"))


def test_without_the_key_its_seals_are_verified_and_that_is_said(
    cold: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    shutil.rmtree(home)
    capsys.readouterr()
    assert rxvision(monkeypatch, "verify", "--export", str(cold)) == 0
    said = capsys.readouterr().out
    assert "1 segments are as they were sealed" in said
    assert "its key is not here: its entries were not read one by one" in said
    assert rxvision(monkeypatch, "report", "--export", str(cold), "--out", str(cold.parent / "page.html")) == 1
    assert "that key is not here" in capsys.readouterr().err


@pytest.mark.parametrize("place", [7, -1])
def test_without_the_key_a_changed_byte_is_found(
    cold: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, place: int
) -> None:
    shutil.rmtree(home)
    (segment,) = cold.glob("*.parquet.sealed")
    change_a_byte(segment, at=place)
    assert rxvision(monkeypatch, "verify", "--export", str(cold)) == 1
    assert f"{segment.name} is not the segment that was sealed" in capsys.readouterr().err


def test_without_the_key_a_segment_that_was_taken_away_is_found(
    cold: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    settings, keys = Settings(), HomeKeys(Settings())
    export_segments(
        journal_rows(settings.journal_url),
        cold.parent / "many",
        key=audit_key(settings.keys_dir),
        checkpoints=settings.home / AUDIT_DIR / CHECKPOINTS_FILE,
        size=12,
        encryption=Encryption(keys.make(), keys=keys),
    )
    shutil.rmtree(home)
    assert rxvision(monkeypatch, "verify", "--export", str(cold.parent / "many")) == 0
    for first, said in ((25, "the segments end with entry 24"), (1, "the segment with entry 1 is missing")):
        for path in (cold.parent / "many").glob(f"entries-*{first:02d}-*"):
            path.unlink()
        assert rxvision(monkeypatch, "verify", "--export", str(cold.parent / "many")) == 1
        assert said in capsys.readouterr().err


def test_a_file_of_keys_opens_it_elsewhere_and_handing_it_over_is_an_entry(
    cold: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    keys, page = tmp_path / "keys.json", tmp_path / "page.html"
    assert rxvision(monkeypatch, "unlock", str(cold), "--out", str(keys)) == 0
    assert keys.stat().st_mode & 0o077 == 0
    assert rxvision(monkeypatch, "unlock", str(cold), "--out", str(keys)) == 1
    journal = open_journal(Settings())
    (entry,) = journal.entries(action="access")
    journal.close()
    assert entry.outcome == "export_unlocked"
    shutil.rmtree(home)
    capsys.readouterr()
    assert rxvision(monkeypatch, "verify", "--export", str(cold), "--unlock", str(keys)) == 0
    assert "30 entries hold; 30 are under 1 checkpoints" in capsys.readouterr().out
    assert rxvision(monkeypatch, "report", "--export", str(cold), "--unlock", str(keys), "--out", str(page)) == 0
    assert "could not be opened" not in page.read_text()
    other = tmp_path / "other"
    monkeypatch.setenv("RXVISION_HOME", str(other))
    open_journal(Settings()).append(Entry(at=NOON, actor="a", action="predict", outcome="answered"))
    assert rxvision(monkeypatch, "export", str(tmp_path / "another"), "--encrypt") == 0
    capsys.readouterr()
    shutil.rmtree(other)
    assert rxvision(monkeypatch, "verify", "--export", str(tmp_path / "another"), "--unlock", str(keys)) == 0
    assert "its key is not here" in capsys.readouterr().out


def test_the_setting_encrypts_exports_and_a_rotation_leaves_them_readable(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("RXVISION_ENCRYPT_EXPORTS", "true")
    assert rxvision(monkeypatch, "export", str(tmp_path / "cold")) == 0
    assert rxvision(monkeypatch, "export", str(tmp_path / "plain"), "--plain") == 0
    assert len(list((tmp_path / "cold").glob("*.parquet.sealed"))) == len(list((tmp_path / "plain").glob("*.parquet")))
    desk = PrivacyDesk(Settings())
    desk.keys.rotate()
    desk.close()
    capsys.readouterr()
    assert rxvision(monkeypatch, "verify", "--export", str(tmp_path / "cold")) == 0
    assert "30 entries hold" in capsys.readouterr().out
