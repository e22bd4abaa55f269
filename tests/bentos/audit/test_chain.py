"""The journal is one chain: over threads, processes, kills, and over what was written before there was one."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import IntegrityError

from bentos.audit.chain import GENESIS, Link, entry_hash, holds
from bentos.audit.group import GroupCommit
from bentos.audit.schema import links
from bentos.journal import TABLE, Entry, Journal
from bentos.runtime.errors import ContractError

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)


def an_entry(**overrides: object) -> Entry:
    return Entry(**{"at": NOON, "actor": "anonymous", "action": "predict", "outcome": "answered"} | overrides)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def stored(file: Path) -> list[Link]:
    with create_engine(f"sqlite:///{file}").connect() as connection:
        return list(links(connection, TABLE))


def is_chain(found: Sequence[Link]) -> bool:
    previous = [GENESIS, *(link.entry_hash for link in found)]
    return [link.entry_id for link in found] == list(range(1, len(found) + 1)) and all(
        holds(link, previous=before) for link, before in zip(found, previous[:-1], strict=True)
    )


def from_before(file: Path, *, num: int) -> None:
    """A journal as it was written before entries were chained."""
    with sqlite3.connect(file) as connection:
        connection.executescript(
            "CREATE TABLE journal (entry_id INTEGER PRIMARY KEY AUTOINCREMENT, at DATETIME NOT NULL, "
            "actor VARCHAR(200) NOT NULL, subject_ref VARCHAR(200), action VARCHAR(64) NOT NULL, "
            "input_hmac VARCHAR(64), recogniser VARCHAR(80), gallery VARCHAR(80), outcome VARCHAR(64) NOT NULL, "
            "payload JSON NOT NULL);"
            "CREATE TRIGGER journal_refuses_update BEFORE UPDATE ON journal BEGIN SELECT RAISE(ABORT, 'no'); END;"
        )
        old = "INSERT INTO journal (at, actor, action, outcome, payload) VALUES (?, 'a', 'predict', 'answered', ?)"
        connection.executemany(old, [("2025-03-01 12:00:00.000000", '{"b": 1,  "a": 1.50}')] * num)


def test_a_hash_covers_every_field_the_place_and_the_entry_before() -> None:
    link = Link(1, NOON, "a", None, "predict", None, None, None, "answered", "{}", GENESIS, None)
    others = [
        link._replace(**{name: value})
        for name, value in {
            "at": datetime(2025, 3, 1, 12, 0, 0, 1, tzinfo=UTC), "actor": "b", "subject_ref": "", "action": "x",
            "input_hmac": "", "recogniser": "", "gallery": "", "outcome": "x", "payload": "{ }",
        }.items()
    ]  # fmt: skip
    hashes = [entry_hash(one, entry_id=1, previous=GENESIS) for one in (link, *others)]
    hashes += [entry_hash(link, entry_id=2, previous=GENESIS), entry_hash(link, entry_id=1, previous="1" * 64)]
    assert len(set(hashes)) == len(hashes) == 12
    # Written down, since trails that exist must verify in years.
    assert hashes[0] == "8f5e7acd57afe0d01ea2413726399185a6e2025d05a693df6dcdcd0523fd7eff"


def test_what_is_appended_is_chained_and_comes_back_as_it_was_hashed(file: Path) -> None:
    journal = Journal(f"sqlite:///{file}")
    for payload in ({}, {"é": [1, 1.0, 1e-9, None, True]}, {"pills": [{"b": 2, "a": "\u2028\n"}]}):
        journal.append(an_entry(payload=payload, subject_ref="s"))
    assert is_chain(stored(file))
    assert journal.place(an_entry()).entry_hash == stored(file)[-1].entry_hash


def test_a_journal_from_before_is_chained_once_and_says_so(file: Path) -> None:
    from_before(file, num=4500)
    Journal(f"sqlite:///{file}").append(an_entry())
    Journal(f"sqlite:///{file}").append(an_entry())
    found = stored(file)
    assert is_chain(found)
    assert [(link.action, link.payload) for link in found[4499:4502]] == [
        ("predict", '{"b": 1,  "a": 1.50}'),
        ("chain_journal", '{"num_entries":4500}'),
        ("predict", "{}"),
    ]
    with sqlite3.connect(file) as connection, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute("UPDATE journal SET outcome = 'other'")


def test_a_journal_from_before_with_a_gap_is_not_chained(file: Path) -> None:
    from_before(file, num=5)
    with sqlite3.connect(file) as connection:
        connection.execute("DELETE FROM journal WHERE entry_id = 3")
    with pytest.raises(ContractError, match="gap"):
        Journal(f"sqlite:///{file}")


def test_a_writer_that_does_not_chain_is_refused(file: Path) -> None:
    Journal(f"sqlite:///{file}")
    old = "INSERT INTO journal (at, actor, action, outcome, payload) VALUES ('2025-03-01', 'a', 'x', 'y', '{}')"
    with sqlite3.connect(file) as connection, pytest.raises(sqlite3.IntegrityError, match="chained"):
        connection.execute(old)


def test_threads_and_processes_append_to_one_chain(file: Path) -> None:
    writer = (
        "import threading\nfrom datetime import UTC, datetime\nfrom bentos.journal import Entry, Journal\n"
        f"journal = Journal('sqlite:///{file}')\n"
        "def write():\n"
        "    for _ in range(20): journal.append(Entry(at=datetime.now(UTC), actor='a', action='x', outcome='y'))\n"
        "threads = [threading.Thread(target=write) for _ in range(4)]\n"
        "for thread in threads: thread.start()\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", writer]) for _ in range(4)]
    assert [process.wait(60) for process in writers] == [0, 0, 0, 0]
    found = stored(file)
    assert len(found) == 4 * 4 * 20
    assert is_chain(found)


def test_a_killed_writer_leaves_a_valid_chain_with_every_acknowledged_entry(file: Path) -> None:
    writer = (
        "import sys\nfrom datetime import UTC, datetime\nfrom bentos.journal import Entry, Journal\n"
        f"journal = Journal('sqlite:///{file}')\n"
        "while True:\n"
        "    placed = journal.place(Entry(at=datetime.now(UTC), actor='a', action='x', outcome='y'))\n"
        "    sys.stdout.write(f'{placed.entry_id} {placed.entry_hash}\\n')\n"
        "    sys.stdout.flush()\n"
    )
    acknowledged: list[str] = []
    for num in (3, 40):
        with subprocess.Popen([sys.executable, "-c", writer], stdout=subprocess.PIPE, text=True) as process:
            acknowledged += [process.stdout.readline() for _ in range(num)]
            os.kill(process.pid, signal.SIGKILL)
            acknowledged += [line for line in process.stdout if line.endswith("\n")]
    found = stored(file)
    assert is_chain(found)
    assert {line.strip() for line in acknowledged} <= {f"{link.entry_id} {link.entry_hash}" for link in found}


def test_what_waits_while_one_writes_is_committed_together() -> None:
    begun, go_on, groups = threading.Event(), threading.Event(), []

    def commit(items: Sequence[int]) -> list[int]:
        groups.append(list(items))
        begun.set()
        assert go_on.wait(10)
        return [10 * item for item in items]

    group: GroupCommit[int, int] = GroupCommit(commit)
    results: list[int] = []
    threads = [threading.Thread(target=lambda item=item: results.append(group.place(item))) for item in range(5)]
    threads[0].start()
    assert begun.wait(10)
    for thread in threads[1:]:
        thread.start()
    while len(group._waiting) < 4:
        pass
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert sorted(results) == [0, 10, 20, 30, 40]
    assert [sorted(items) for items in groups] == [[0], [1, 2, 3, 4]]


def test_an_entry_that_the_database_refuses_fails_alone(file: Path) -> None:
    journal = Journal(f"sqlite:///{file}")
    with sqlite3.connect(file) as connection:
        connection.execute(
            "CREATE TRIGGER full BEFORE INSERT ON journal WHEN NEW.action = 'bad' BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    outcomes: dict[str, str] = {}

    def write(number: int) -> None:
        try:
            journal.append(an_entry(action="bad" if number % 3 == 0 else "good"))
            outcomes[str(number)] = "written"
        except IntegrityError:
            outcomes[str(number)] = "refused"

    threads = [threading.Thread(target=write, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert outcomes == {str(n): "refused" if n % 3 == 0 else "written" for n in range(12)}
    assert is_chain(stored(file))
