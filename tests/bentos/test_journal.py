"""The journal keeps every entry, in the database's order, and lets nobody change one."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Engine, Select, make_url, text
from sqlalchemy.event import listen
from sqlalchemy.exc import DBAPIError, OperationalError

from bentos.audit.schema import writing
from bentos.journal import Entry, Journal, by_request, connect, input_hmac
from bentos.runtime.errors import ContractError
from tests.servers import PostgreSql

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
CHANGES = {
    "sqlite": (
        "UPDATE journal SET outcome = 'other'",
        "DELETE FROM journal",
        "INSERT OR REPLACE INTO journal SELECT * FROM journal",
        "REPLACE INTO journal SELECT * FROM journal",
    ),
    "postgresql": (
        "UPDATE journal SET outcome = 'other'",
        "DELETE FROM journal",
        "TRUNCATE journal",
        "TRUNCATE journal RESTART IDENTITY CASCADE",
        "INSERT INTO journal SELECT * FROM journal ON CONFLICT (entry_id) DO UPDATE SET outcome = 'other'",
        "MERGE INTO journal j USING journal k ON j.entry_id = k.entry_id WHEN MATCHED THEN DELETE",
        "WITH gone AS (DELETE FROM journal RETURNING 1) SELECT count(*) FROM gone",
    ),
}


def an_entry(**overrides: object) -> Entry:
    return Entry(**{"at": NOON, "actor": "anonymous", "action": "predict", "outcome": "answered"} | overrides)


@pytest.fixture
def journal(journal_url: str) -> Iterator[Journal]:
    made = Journal(journal_url)
    yield made
    made.close()


@pytest.fixture
def engine(journal_url: str) -> Iterator[Engine]:
    """What anyone could use who may connect to the database."""
    made = connect(journal_url)
    yield made
    made.dispose()


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


def test_no_connection_can_change_or_remove_an_entry(journal: Journal, engine: Engine) -> None:
    journal.append(an_entry())
    for statement in CHANGES[engine.dialect.name]:
        with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
            connection.execute(text(statement))
    assert [entry.outcome for entry in journal.entries()] == ["answered"]


def test_an_entry_outlives_the_process_that_wrote_it(journal: Journal, journal_url: str) -> None:
    writer = (
        "import os\nfrom datetime import UTC, datetime\nfrom bentos.journal import Entry, Journal\n"
        f"Journal({journal_url!r}).append(Entry(at=datetime.now(UTC), actor='a', action='x', outcome='y'))\n"
        "os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", writer], check=False).returncode == 9
    assert [entry.action for entry in journal.entries()] == ["x"]


def test_several_processes_append_at_once_and_the_database_orders_them(journal: Journal, journal_url: str) -> None:
    writer = (
        "from datetime import UTC, datetime\nfrom bentos.journal import Entry, Journal\n"
        f"journal = Journal({journal_url!r})\n"
        "for _ in range(50): journal.append(Entry(at=datetime.now(UTC), actor='a', action='x', outcome='y'))\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", writer]) for _ in range(3)]
    assert [process.wait(60) for process in writers] == [0, 0, 0]
    assert [entry.entry_id for entry in journal.entries()] == list(range(1, 151))


def test_the_answer_to_a_request_is_found_without_reading_the_whole_journal(journal: Journal, engine: Engine) -> None:
    for number in range(30):
        journal.append(an_entry(payload={"request_id": f"r{number}"}))
    assert journal.of_request("r17").payload == {"request_id": "r17"}
    assert journal.of_request("r17", action="feedback") is None
    assert "journal_request" in plan_of(by_request("r17"), engine)


def plan_of(query: Select, engine: Engine) -> str:
    """How the database would find what a query, sent as always, asks for in a larger journal."""
    explain = {"sqlite": "EXPLAIN QUERY PLAN", "postgresql": "EXPLAIN"}[engine.dialect.name]
    sent: list[tuple] = []
    listen(engine, "before_cursor_execute", lambda _connection, _cursor, *what: sent.append(what[:2]))
    with engine.begin() as connection:
        connection.execute(query).all()
        statement, parameters = sent[-1]
        if engine.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        return str(connection.exec_driver_sql(f"{explain} {statement}", parameters).all())


def test_an_account_that_may_only_insert_and_select_is_enough_and_cannot_lift_the_triggers(
    postgresql: PostgreSql,
) -> None:
    owner = postgresql.new_database()
    Journal(owner).close()
    name = make_url(owner).database
    grants = ("GRANT SELECT, INSERT ON journal TO", "GRANT USAGE ON SCHEMA public TO")
    postgresql.run(f"CREATE ROLE {name} LOGIN PASSWORD 'p'", *(f"{grant} {name}" for grant in grants), url=owner)
    service = Journal(postgresql.url(name, user=name, password="p"))
    assert service.append(an_entry()) == 1
    engine = connect(postgresql.url(name, user=name, password="p"))
    for statement in (
        "ALTER TABLE journal DISABLE TRIGGER ALL",
        "DROP TABLE journal",
        "SET session_replication_role = replica",
        "CREATE OR REPLACE FUNCTION journal_is_append_only() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
        "UPDATE journal SET outcome = 'other'",
    ):
        with pytest.raises(DBAPIError), engine.begin() as connection:
            connection.execute(text(statement))
    engine.dispose()
    service.close()


def test_a_commit_waits_for_the_disk_whatever_the_database_is_set_to(postgresql: PostgreSql) -> None:
    url = postgresql.new_database()
    postgresql.run(f"ALTER DATABASE {make_url(url).database} SET synchronous_commit = off", url=url)
    postgresql.run(
        f"ALTER DATABASE {make_url(url).database} SET default_transaction_isolation = 'repeatable read'", url=url
    )
    with connect(url).connect() as connection:
        assert connection.execute(text("SHOW synchronous_commit")).scalar() == "on"
        assert connection.execute(text("SHOW transaction_isolation")).scalar() == "read committed"


def test_connections_that_the_database_ended_cost_no_entry(postgresql: PostgreSql) -> None:
    url = postgresql.new_database()
    journal = Journal(url)
    assert journal.append(an_entry()) == 1
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    postgresql.run(f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE {others}", url=url)
    assert [journal.append(an_entry()) for _ in range(3)] == [2, 3, 4]
    journal.close()


def test_a_writer_that_hangs_in_its_transaction_does_not_hold_the_others_for_ever(postgresql: PostgreSql) -> None:
    url = postgresql.new_database()
    journal, engine = Journal(url), connect(f"{url}?options=-c%20lock_timeout%3D200ms")
    with writing(engine), pytest.raises(OperationalError, match="lock timeout"), writing(engine):
        pass
    assert journal.append(an_entry()) == 1
    journal.close()
    engine.dispose()


def test_a_journal_in_another_database_is_refused() -> None:
    with pytest.raises(ContractError, match="SQLite or PostgreSQL"):
        connect("mysql://127.0.0.1/journal")


def test_an_input_is_known_again_only_with_the_key() -> None:
    assert input_hmac([b"front", b"back"], key=b"k" * 32) == input_hmac([b"front", b"back"], key=b"k" * 32)
    assert input_hmac([b"front", b"back"], key=b"k" * 32) != input_hmac([b"front", b"back"], key=b"j" * 32)
    assert input_hmac([b"ab", b"c"], key=b"k" * 32) != input_hmac([b"a", b"bc"], key=b"k" * 32)
