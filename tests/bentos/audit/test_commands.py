"""`rxvision audit`: one sentence for a trail that holds, one for the first bad entry, with or without the database."""

import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from bentos import cli
from bentos.audit.chain import Link
from bentos.audit.checkpoints import AUDIT_DIR, CHECKPOINTS_FILE, audit_key
from bentos.audit.commands import journal_rows
from bentos.audit.export import check_seals, export_segments
from bentos.audit.sealing import Sealing
from bentos.journal import Entry, Journal, connect
from bentos.runtime.errors import ContractError
from bentos.settings import Settings

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
REQUEST = "0f3c2f0e-6a3c-4a55-9d39-0d2a6f6f9a11"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, journal_url: str) -> Path:
    """Thirty entries, of which twenty are under two checkpoints."""
    monkeypatch.setenv("RXVISION_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RXVISION_JOURNAL", journal_url)
    settings = Settings()
    sealing, journal = Sealing(settings), Journal(settings.journal_url)
    for number in range(30):
        request_id = REQUEST if number == 7 else f"r{number}"
        journal.append(
            Entry(at=NOON, actor="a", action="predict", outcome="answered", payload={"request_id": request_id})
        )
        if number in (9, 19):
            sealing.catch_up()
    journal.close()
    return tmp_path / "home"


def rxvision(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command as the shell would and return its status."""
    monkeypatch.setattr(sys, "argv", ["rxvision", "audit", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code or 0


def tamper(statement: str) -> None:
    """As the database's owner can, who lifts the triggers first."""
    engine = connect(Settings().journal_url)
    lift = {
        "sqlite": ("DROP TRIGGER journal_refuses_update", "DROP TRIGGER journal_refuses_delete"),
        "postgresql": ("ALTER TABLE journal DISABLE TRIGGER ALL",),
    }
    with engine.begin() as connection:
        for one in (*lift[engine.dialect.name], statement):
            connection.execute(text(one))
    engine.dispose()


def test_a_journal_that_holds_is_said_to(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    assert rxvision(monkeypatch, "verify") == 0
    assert capsys.readouterr().out == "30 entries hold; 20 are under 2 checkpoints\n"
    assert rxvision(monkeypatch, "checkpoint") == 0
    assert rxvision(monkeypatch, "verify") == 0
    assert capsys.readouterr().out.endswith("30 entries hold; 30 are under 3 checkpoints\n")


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE journal SET outcome = 'refused' WHERE entry_id = 12", "entry 12 is the first bad one, edited"),
        ("DELETE FROM journal WHERE entry_id = 25", "entry 25 is the first bad one, deleted"),
        ("DELETE FROM journal WHERE entry_id > 14", "entry 15 is the first bad one, cut"),
    ],
)
def test_the_first_bad_entry_is_named(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, statement: str, said: str
) -> None:
    tamper(statement)
    assert rxvision(monkeypatch, "verify") == 1
    assert said in capsys.readouterr().err


def test_an_export_verifies_without_the_home_and_shows_what_was_changed(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    assert rxvision(monkeypatch, "export", str(tmp_path / "cold")) == 0
    shutil.rmtree(home)
    monkeypatch.setenv("RXVISION_JOURNAL", f"sqlite:///{tmp_path / 'gone.db'}")
    assert rxvision(monkeypatch, "verify", "--export", str(tmp_path / "cold")) == 0
    assert "1 segments are as they were sealed" in capsys.readouterr().out
    (file,) = (tmp_path / "cold").glob("*.parquet")
    rows = pq.read_table(file).to_pylist()
    rows[4]["actor"] = "b"
    pq.write_table(pq.read_table(file).from_pylist(rows, schema=pq.read_schema(file)), file)
    assert rxvision(monkeypatch, "verify", "--export", str(tmp_path / "cold")) == 1
    assert "entry 5 is the first bad one, edited" in capsys.readouterr().err


def test_segments_are_sealed_one_by_one_and_none_may_be_missing(home: Path, tmp_path: Path) -> None:
    settings = Settings()
    key = audit_key(settings.keys_dir)
    seals = export_segments(
        journal_rows(settings.journal_url), tmp_path / "cold", key=key, checkpoints=tmp_path / "none", size=12
    )
    assert [(seal.first, seal.last) for seal in seals] == [(1, 12), (13, 24), (25, 30)]
    assert check_seals(tmp_path / "cold", key=key.public_key()) == 3
    for path in (tmp_path / "cold").glob("entries-*13-*"):
        path.unlink()
    with pytest.raises(ContractError, match="entry 13 is missing"):
        check_seals(tmp_path / "cold", key=key.public_key())
    with pytest.raises(ContractError, match="not empty"):
        export_segments([], tmp_path / "cold", key=key, checkpoints=tmp_path / "none")


def test_an_export_of_a_service_that_goes_on_answering_holds(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    settings = Settings()

    def rows() -> Iterator[Link]:
        yield from journal_rows(settings.journal_url)
        journal, sealing = Journal(settings.journal_url), Sealing(settings)
        journal.append(Entry(at=NOON, actor="a", action="predict", outcome="answered"))
        sealing.close()
        journal.close()

    key, checkpoints = audit_key(settings.keys_dir), settings.home / AUDIT_DIR / CHECKPOINTS_FILE
    export_segments(rows(), tmp_path / "cold", key=key, checkpoints=checkpoints)
    assert rxvision(monkeypatch, "verify", "--export", str(tmp_path / "cold")) == 0
    assert "30 entries hold; 20 are under 2 checkpoints" in capsys.readouterr().out


def test_a_receipt_holds_by_itself_and_betrays_a_trail_that_forgot_it(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    receipt = tmp_path / "receipt.json"
    assert rxvision(monkeypatch, "prove", REQUEST, "--out", str(receipt)) == 0
    assert "entry 8, under checkpoint 2" in capsys.readouterr().out
    assert rxvision(monkeypatch, "verify", "--receipt", str(receipt)) == 0
    (home / "audit" / "checkpoints.jsonl").unlink()
    tamper("DELETE FROM journal WHERE entry_id > 5")
    assert rxvision(monkeypatch, "verify", "--receipt", str(receipt)) == 1
    assert "entry 6 is the first bad one, cut" in capsys.readouterr().err
    receipt.write_text(receipt.read_text().replace('"entry_id": 8', '"entry_id": 9'))
    assert rxvision(monkeypatch, "verify", "--receipt", str(receipt)) == 1


def test_no_receipt_for_what_is_unknown_or_not_covered_yet(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    for request_id, said in (("nobody", "no answer"), ("r25", "not under a checkpoint yet")):
        assert rxvision(monkeypatch, "prove", request_id, "--out", str(tmp_path / "r.json")) == 1
        assert said in capsys.readouterr().err


def test_a_journal_that_is_not_there_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("RXVISION_HOME", str(tmp_path))
    assert rxvision(monkeypatch, "verify") == 1
    assert "no journal" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_cut_trail_is_reported_before_anything_is_written_to_it(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    tamper("DELETE FROM journal WHERE entry_id > 15")
    sealing = Sealing(Settings())
    sealing.catch_up()
    sealing.close()
    assert [record.getMessage().count("it was cut") for record in caplog.records] == [1]


def test_every_machine_that_shares_a_journal_signs_checkpoints_of_all_of_it(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    for name in ("home", "other", "home"):
        monkeypatch.setenv("RXVISION_HOME", str(tmp_path / name))
        Sealing(Settings()).close()
        Journal(Settings().journal_url).append(Entry(at=NOON, actor="a", action="predict", outcome="answered"))
    for name, said in (("home", "33 entries hold; 32 are under"), ("other", "33 entries hold; 31 are under")):
        monkeypatch.setenv("RXVISION_HOME", str(tmp_path / name))
        assert rxvision(monkeypatch, "verify") == 0
        assert said in capsys.readouterr().out
    keys = [(tmp_path / name / "keys" / "audit.pub").read_bytes() for name in ("home", "other")]
    assert keys[0] != keys[1]


def test_a_trail_that_does_not_hold_is_reported_once_and_the_service_goes_on(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tamper("UPDATE journal SET outcome = 'refused' WHERE entry_id = 25")
    sealing = Sealing(Settings())
    sealing.catch_up()
    sealing.catch_up()
    sealing.close()
    assert [record.getMessage().count("entry 25") for record in caplog.records] == [1]
