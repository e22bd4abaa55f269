"""The journal keeps every entry, in the database's order, and lets nobody change one."""

import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from bentos.journal import Entry, Journal, input_hmac

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)


def an_entry(**overrides: object) -> Entry:
    return Entry(**{"at": NOON, "actor": "anonymous", "action": "predict", "outcome": "answered"} | overrides)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "journal.db"


@pytest.fixture
def journal(file: Path) -> Journal:
    return Journal(f"sqlite:///{file}")


def test_what_is_appended_is_read_back_whole(journal: Journal) -> None:
    entry = an_entry(
        subject_ref="s1",
        input_hmac="ab",
        recogniser="sha256:1",
        gallery="sha256:2",
        payload={"pills": [{"status": "unknown", "cues": {"fast": 1.25}}]},
    )
    entry_id = journal.append(entry)
    (read,) = journal.entries()
    assert read.entry_id == entry_id
    assert read.model_dump(exclude={"entry_id"}) == entry.model_dump()


def test_entries_are_chosen_by_action_and_time(journal: Journal) -> None:
    for minutes, action in enumerate(["predict", "promote", "predict", "predict"]):
        journal.append(an_entry(at=NOON + timedelta(minutes=minutes), action=action))
    found = journal.entries(action="predict", since=NOON + timedelta(minutes=1), until=NOON + timedelta(minutes=3))
    assert [entry.at.minute for entry in found] == [2]


def test_moments_of_another_time_zone_come_back_in_utc(journal: Journal) -> None:
    journal.append(an_entry(at=datetime(2025, 3, 1, 14, tzinfo=timezone(timedelta(hours=2)))))
    (read,) = journal.entries(since=NOON)
    assert read.at == NOON
    assert read.at.tzinfo == UTC


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal SET outcome = 'other'",
        "DELETE FROM journal",
        "INSERT OR REPLACE INTO journal SELECT * FROM journal",
        "REPLACE INTO journal SELECT * FROM journal",
    ],
)
def test_no_connection_can_change_or_remove_an_entry(journal: Journal, file: Path, statement: str) -> None:
    journal.append(an_entry())
    with sqlite3.connect(file) as connection, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)
    assert [entry.outcome for entry in journal.entries()] == ["answered"]


def test_an_entry_outlives_the_process_that_wrote_it(journal: Journal, file: Path) -> None:
    writer = (
        "import os\nfrom datetime import UTC, datetime\nfrom bentos.journal import Entry, Journal\n"
        f"Journal('sqlite:///{file}').append(Entry(at=datetime.now(UTC), actor='a', action='x', outcome='y'))\n"
        "os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", writer], check=False).returncode == 9
    assert [entry.action for entry in journal.entries()] == ["x"]


def test_several_processes_append_at_once_and_the_database_orders_them(journal: Journal, file: Path) -> None:
    writer = (
        "from datetime import UTC, datetime\nfrom bentos.journal import Entry, Journal\n"
        f"journal = Journal('sqlite:///{file}')\n"
        "for _ in range(50): journal.append(Entry(at=datetime.now(UTC), actor='a', action='x', outcome='y'))\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", writer]) for _ in range(3)]
    assert [process.wait(60) for process in writers] == [0, 0, 0]
    assert [entry.entry_id for entry in journal.entries()] == list(range(1, 151))


def test_an_input_is_known_again_only_with_the_key() -> None:
    assert input_hmac([b"front", b"back"], key=b"k" * 32) == input_hmac([b"front", b"back"], key=b"k" * 32)
    assert input_hmac([b"front", b"back"], key=b"k" * 32) != input_hmac([b"front", b"back"], key=b"j" * 32)
    assert input_hmac([b"ab", b"c"], key=b"k" * 32) != input_hmac([b"a", b"bc"], key=b"k" * 32)
