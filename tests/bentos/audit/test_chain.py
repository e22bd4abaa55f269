"""The journal is one chain: over threads, processes, kills, and over what was written before there was one."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from bentos.audit.chain import GENESIS, Link, entry_hash, holds
from bentos.audit.group import GroupCommit
from bentos.audit.schema import links
from bentos.journal import TABLE, Entry, Journal, connect
from bentos.runtime.contract import canonical_json
from bentos.runtime.errors import ContractError

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)


def an_entry(**overrides: object) -> Entry:
    return Entry(**{"at": NOON, "actor": "anonymous", "action": "predict", "outcome": "answered"} | overrides)


def stored(url: str) -> list[Link]:
    engine = connect(url)
    with engine.connect() as connection:
        found = list(links(connection, TABLE))
    engine.dispose()
    return found


def execute(url: str, *statements: str) -> None:
    """As anybody could who may connect to the database."""
    engine = connect(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def is_chain(found: Sequence[Link]) -> bool:
    previous = [GENESIS, *(link.entry_hash for link in found)]
    return [link.entry_id for link in found] == list(range(1, len(found) + 1)) and all(
        holds(link, previous=before) for link, before in zip(found, previous[:-1], strict=True)
    )


_OLD: Final = {
    "sqlite": (
        "CREATE TABLE journal (entry_id INTEGER PRIMARY KEY AUTOINCREMENT, at DATETIME NOT NULL, {rest})",
        "CREATE TRIGGER journal_refuses_update BEFORE UPDATE ON journal BEGIN SELECT RAISE(ABORT, 'no'); END",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {num}) "
        "INSERT INTO journal (at, actor, action, outcome, payload) SELECT {row} FROM n",
    ),
    "postgresql": (
        "CREATE TABLE journal (entry_id SERIAL PRIMARY KEY, at TIMESTAMPTZ NOT NULL, {rest})",
        "CREATE FUNCTION journal_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'no'; END $$",
        "CREATE TRIGGER journal_refuses_change BEFORE UPDATE OR DELETE OR TRUNCATE ON journal "
        "FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only()",
        "INSERT INTO journal (at, actor, action, outcome, payload) SELECT {row} FROM generate_series(1, {num})",
    ),
}
_REST: Final = (
    "actor VARCHAR(200) NOT NULL, subject_ref VARCHAR(200), action VARCHAR(64) NOT NULL, input_hmac VARCHAR(64), "
    "recogniser VARCHAR(80), gallery VARCHAR(80), outcome VARCHAR(64) NOT NULL, payload JSON NOT NULL"
)
_ROW: Final = "'2025-03-01 12:00:00', 'a', 'predict', 'answered', '{\"b\" :  2, \"a\" : 1.50}'"


def from_before(url: str, *, num: int) -> None:
    """A journal as it was written before entries were chained."""
    statements = _OLD[make_url(url).get_backend_name()]
    if url.startswith("sqlite"):
        Path(make_url(url).database).parent.mkdir(exist_ok=True)
    execute(url, *(line.format(rest=_REST, row=_ROW, num=num).replace(" : ", r" \: ") for line in statements))


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


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(
    st.datetimes(timezones=st.timezones()), st.tuples(*[ANY_TEXT] * 4), st.tuples(*[st.none() | ANY_TEXT] * 4),
    st.integers(1), ANY_TEXT,
)  # fmt: skip
def test_a_hash_is_over_canonical_json(
    at: datetime, texts: tuple[str, ...], blank: tuple[str | None, ...], place: int, previous: str
) -> None:
    said = dict(zip(("actor", "action", "outcome", "payload"), texts, strict=True))
    said |= dict(zip(("subject_ref", "input_hmac", "recogniser", "gallery"), blank, strict=True))
    link = Link(entry_id=0, at=at, previous_hash=None, entry_hash=None, **said)
    payload = hashlib.sha256(said.pop("payload").encode()).hexdigest()
    moment = at.astimezone(UTC).isoformat(timespec="microseconds")
    whole = said | {"form": 1, "entry_id": place, "previous": previous, "at": moment, "payload_sha256": payload}
    expected = hashlib.sha256(canonical_json(whole)).hexdigest()
    assert entry_hash(link, entry_id=place, previous=previous) == expected


def test_what_is_appended_is_chained_and_comes_back_as_it_was_hashed(journal_url: str) -> None:
    journal = Journal(journal_url)
    for payload in ({}, {"é": [1, 1.0, 1e-9, None, True]}, {"pills": [{"b": 2, "a": "\u2028\n"}]}):
        journal.append(an_entry(payload=payload, subject_ref="s"))
    assert is_chain(stored(journal_url))
    assert journal.place(an_entry()).entry_hash == stored(journal_url)[-1].entry_hash


def test_a_journal_from_before_is_chained_once_and_says_so(journal_url: str) -> None:
    from_before(journal_url, num=4500)
    Journal(journal_url).append(an_entry())
    Journal(journal_url).append(an_entry())
    found = stored(journal_url)
    assert is_chain(found)
    assert [(link.action, link.payload) for link in found[4499:4502]] == [
        ("predict", '{"b" :  2, "a" : 1.50}'),
        ("chain_journal", '{"num_entries":4500}'),
        ("predict", "{}"),
    ]
    with pytest.raises(DBAPIError, match="append-only"):
        execute(journal_url, "UPDATE journal SET outcome = 'other'")


def test_a_journal_from_before_with_a_gap_is_not_chained(journal_url: str) -> None:
    from_before(journal_url, num=5)
    lift = "DROP TRIGGER journal_refuses_change ON journal" if journal_url.startswith("postgresql") else "SELECT 1"
    execute(journal_url, lift, "DELETE FROM journal WHERE entry_id = 3")
    with pytest.raises(ContractError, match="gap"):
        Journal(journal_url)


def test_a_writer_that_does_not_chain_is_refused(journal_url: str) -> None:
    Journal(journal_url)
    fields = "INSERT INTO journal (entry_id, at, actor, action, outcome, payload)"
    with pytest.raises(IntegrityError, match=r"chained|not-null"):
        execute(journal_url, f"{fields} VALUES (1, '2025-03-01', 'a', 'x', 'y', '{{}}')")


def test_threads_and_processes_append_to_one_chain(journal_url: str) -> None:
    writer = (
        "import threading\nfrom datetime import UTC, datetime\nfrom bentos.journal import Entry, Journal\n"
        f"journal = Journal({journal_url!r})\n"
        "def write():\n"
        "    for _ in range(20): journal.append(Entry(at=datetime.now(UTC), actor='a', action='x', outcome='y'))\n"
        "threads = [threading.Thread(target=write) for _ in range(4)]\n"
        "for thread in threads: thread.start()\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", writer]) for _ in range(4)]
    assert [process.wait(60) for process in writers] == [0, 0, 0, 0]
    found = stored(journal_url)
    assert len(found) == 4 * 4 * 20
    assert is_chain(found)


def test_a_killed_writer_leaves_a_valid_chain_with_every_acknowledged_entry(journal_url: str) -> None:
    writer = (
        "import sys\nfrom datetime import UTC, datetime\nfrom bentos.journal import Entry, Journal\n"
        f"journal = Journal({journal_url!r})\n"
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
    found = stored(journal_url)
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


def test_an_entry_that_the_database_refuses_fails_alone(journal_url: str) -> None:
    journal = Journal(journal_url)
    full = {
        "sqlite": "CREATE TRIGGER full BEFORE INSERT ON journal WHEN NEW.action = 'bad' "
        "BEGIN SELECT RAISE(ABORT, 'no'); END",
        "postgresql": "ALTER TABLE journal ADD CHECK (action <> 'bad')",
    }
    execute(journal_url, full[make_url(journal_url).get_backend_name()])
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
    assert is_chain(stored(journal_url))
