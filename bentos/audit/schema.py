"""How a journal's table is opened, written and read: append-only, one writer at a time, every entry chained."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Engine,
    Select,
    Table,
    Text,
    bindparam,
    cast,
    func,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.schema import CreateIndex, CreateTable

from bentos.audit.chain import GENESIS, Link, Placed, entry_hash
from bentos.audit.sealed import EntryKeys, sealed
from bentos.runtime.contract import canonical_json
from bentos.runtime.errors import ContractError

_CHAIN: Final = ("previous_hash", "entry_hash")
_ADVISORY_LOCK: Final = 0x7278_6A6F  # any number that nobody else of the database locks by
_CHUNK: Final = 2000

# INSERT OR REPLACE deletes without firing DELETE triggers, so a taken entry_id is refused as well.
_SQLITE_TRIGGERS: Final = (
    "CREATE TRIGGER IF NOT EXISTS journal_refuses_update BEFORE UPDATE ON journal "
    "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END",
    "CREATE TRIGGER IF NOT EXISTS journal_refuses_delete BEFORE DELETE ON journal "
    "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END",
    "CREATE TRIGGER IF NOT EXISTS journal_refuses_replace BEFORE INSERT ON journal "
    "WHEN EXISTS (SELECT 1 FROM journal WHERE entry_id = NEW.entry_id) "
    "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END",
    "CREATE TRIGGER IF NOT EXISTS journal_refuses_unchained BEFORE INSERT ON journal "
    "WHEN NEW.entry_hash IS NULL OR NEW.previous_hash IS NULL "
    "BEGIN SELECT RAISE(ABORT, 'an entry of the journal is chained to the one before'); END",
)
_POSTGRESQL_TRIGGERS: Final = (
    "CREATE OR REPLACE FUNCTION journal_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'the journal is append-only'; END $$",
    "ALTER TABLE journal ALTER COLUMN previous_hash SET NOT NULL, ALTER COLUMN entry_hash SET NOT NULL",
    "DROP TRIGGER IF EXISTS journal_refuses_change ON journal",
    "CREATE TRIGGER journal_refuses_change BEFORE UPDATE OR DELETE OR TRUNCATE ON journal "
    "FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only()",
)
_TRIGGERS: Final = {"sqlite": _SQLITE_TRIGGERS, "postgresql": _POSTGRESQL_TRIGGERS}
_NUM_TRIGGERS: Final = {
    "sqlite": "SELECT count(*) = 4 FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'journal_refuses_%'",
    "postgresql": "SELECT count(*) = 1 FROM pg_trigger WHERE tgname = 'journal_refuses_change' "
    "AND tgrelid = 'journal'::regclass AND tgenabled = 'O'",
}
_LIFTED: Final = {
    "sqlite": "DROP TRIGGER IF EXISTS journal_refuses_update",
    "postgresql": "DROP TRIGGER IF EXISTS journal_refuses_change ON journal",
}


_BLANK: Final = dict.fromkeys(("subject_ref", "input_hmac", "recogniser", "gallery"))


class StoredJson(str):
    """The JSON text of a payload, written as it is; `request_id` is the one that it names, where it does."""

    request_id: str | None = None


def json_text(value: Any) -> str:
    """Canonical JSON text; what is one already stays as it is."""
    return value if isinstance(value, StoredJson) else canonical_json(value).decode()


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that no other writer of this database overlaps; committed at the end."""
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        elif engine.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
        yield connection


def open_table(engine: Engine, table: Table, *, now: datetime) -> None:
    """Make what is missing; entries from before are chained once, which becomes an entry itself.

    Raises:
        ContractError: older entries have gaps in their numbers, so something was taken from them.
    """
    if _is_complete(engine, table):
        return
    with writing(engine) as connection:
        connection.execute(CreateTable(table, if_not_exists=True))
        num_chained = _chain_older(connection, table)
        for index in table.indexes:
            connection.execute(CreateIndex(index, if_not_exists=True))
        for trigger in _TRIGGERS.get(engine.dialect.name, ()):
            connection.execute(text(trigger))
        if num_chained:
            about = {"at": now, "actor": "service", "action": "chain_journal", "outcome": "chained"}
            append(connection, table, [about | {"payload": StoredJson(json_text({"num_entries": num_chained}))}])


def append(
    connection: Connection, table: Table, rows: Sequence[dict[str, Any]], *, keys: EntryKeys | None = None
) -> list[Placed]:
    """Chain rows to the last entry and insert them, sealed where there are keys; inside `writing`.

    Each payload is a `StoredJson`.
    """
    last = select(table.c.entry_id, table.c.entry_hash).order_by(table.c.entry_id.desc()).limit(1)
    found = connection.execute(last).first()
    taken, previous = found if found is not None else (0, GENESIS)
    chained = []
    for entry_id, row in enumerate(rows, start=taken + 1):
        link = Link(**{"entry_id": entry_id, "previous_hash": previous, "entry_hash": None} | _BLANK | row)
        if keys is not None:
            link = sealed(link, keys=keys, request_id=row["payload"].request_id)
            link = link._replace(payload=StoredJson(link.payload))
        previous = entry_hash(link, entry_id=entry_id, previous=previous)
        chained.append(link._replace(entry_hash=previous)._asdict())
    connection.execute(insert(table), chained)
    return [Placed(row["entry_id"], row["entry_hash"]) for row in chained]


def links(connection: Connection, table: Table, *, after: int = 0, limit: int | None = None) -> Iterator[Link]:
    """Rows behind a place as they are stored, in their order."""
    yield from found(
        connection, as_stored(table).where(table.c.entry_id > after).order_by(table.c.entry_id).limit(limit)
    )


def found(connection: Connection, query: Select[Any]) -> Iterator[Link]:
    """What a query over `as_stored` finds, a few thousand rows in memory at once."""
    yield from map(Link._make, connection.execute(query.execution_options(yield_per=_CHUNK)))


def as_stored(table: Table) -> Select[Any]:
    """The columns of a `Link`, the payload as the text that was hashed."""
    columns = [table.c[name] if name != "payload" else cast(table.c.payload, Text) for name in Link._fields]
    return select(*columns)


def _is_complete(engine: Engine, table: Table) -> bool:
    with engine.connect() as connection:
        seen = inspect(connection)
        if not seen.has_table(table.name):
            return False
        if not set(_CHAIN) <= {column["name"] for column in seen.get_columns(table.name)}:
            return False
        complete = _NUM_TRIGGERS.get(engine.dialect.name)
        return complete is None or bool(connection.execute(text(complete)).scalar())


def _chain_older(connection: Connection, table: Table) -> int:
    """Add the columns of the chain where they are missing, and fill them in."""
    present = {column["name"] for column in inspect(connection).get_columns(table.name)}
    missing = [name for name in _CHAIN if name not in present]
    if not missing:
        return 0
    if lift := _LIFTED.get(connection.dialect.name):
        connection.execute(text(lift))
    for name in missing:
        connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {name} VARCHAR(64)"))
    num, previous = 0, GENESIS
    while older := list(links(connection, table, after=num, limit=_CHUNK)):
        if [link.entry_id for link in older] != list(range(num + 1, num + 1 + len(older))):
            raise ContractError(f"the journal's older entries have a gap behind {num}: they cannot be chained")
        num, previous = num + len(older), _chain(connection, table, older, previous=previous)
    return num


def _chain(connection: Connection, table: Table, older: list[Link], *, previous: str) -> str:
    """Write the hashes of some entries, the first behind an entry of this hash; the last one's hash."""
    known = []
    for link in older:
        made = entry_hash(link, entry_id=link.entry_id, previous=previous)
        known.append({"place": link.entry_id, "before": previous, "made": made})
        previous = made
    values = {"previous_hash": bindparam("before"), "entry_hash": bindparam("made")}
    connection.execute(update(table).where(table.c.entry_id == bindparam("place")).values(values), known)
    return previous
