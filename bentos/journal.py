"""The one append-only journal: every answer, refusal, launch, verdict, promotion and rollback is an entry."""

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import (
    JSON,
    URL,
    Column,
    ColumnElement,
    DateTime,
    Dialect,
    Engine,
    Index,
    Integer,
    MetaData,
    RowMapping,
    Select,
    String,
    Table,
    TypeDecorator,
    create_engine,
    event,
    func,
    make_url,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from bentos.audit.chain import Link, Placed
from bentos.audit.group import GroupCommit
from bentos.audit.schema import StoredJson, append, as_stored, found, json_text, links, open_table, writing
from bentos.audit.sealed import NO_KEYS, SEALED, Keyring, opened, sealed_under
from bentos.runtime.errors import ContractError

HMAC_KEY_FILE = "journal_hmac.key"
_SESSION: Final = "-c synchronous_commit=on -c lock_timeout=10s"


class UtcTime(TypeDecorator):
    """An aware moment, kept in UTC by databases that forget time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Aware again, in UTC."""
        return None if value is None else value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


_metadata = MetaData()
TABLE = Table(
    "journal",
    _metadata,
    Column("entry_id", Integer, primary_key=True, autoincrement=True),
    Column("at", UtcTime, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("subject_ref", String(200)),
    Column("action", String(64), nullable=False),
    Column("input_hmac", String(64)),
    Column("recogniser", String(80)),
    Column("gallery", String(80)),
    Column("outcome", String(64), nullable=False),
    Column("payload", JSON, nullable=False),
    Column("previous_hash", String(64)),
    Column("entry_hash", String(64)),
    Index("journal_action_at", "action", "at"),
    sqlite_autoincrement=True,
)
_REQUEST_ID = TABLE.c.payload["request_id"].as_string()
_BY_REQUEST = Index("journal_request", _REQUEST_ID)


class _RequestId(ColumnElement[str]):
    """The request that a payload names, spelled as in the index: SQLite finds none through a parameter."""

    inherit_cache = True
    type = String()


@compiles(_RequestId, "sqlite")
def _in_sqlite(_: _RequestId, _compiler: SQLCompiler, **_given: Any) -> str:
    return """CAST(JSON_EXTRACT(journal.payload, '$."request_id"') AS VARCHAR)"""


@compiles(_RequestId, "postgresql")
def _in_postgresql(_: _RequestId, _compiler: SQLCompiler, **_given: Any) -> str:
    return "(journal.payload ->> 'request_id')"


class Entry(BaseModel):
    """What one event leaves behind: no picture, no personal data, no free text of a person."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: datetime
    actor: Annotated[str, Field(max_length=200)]
    action: Annotated[str, Field(max_length=64, pattern=r"^[a-z][a-z_]*$")]
    outcome: Annotated[str, Field(max_length=64)]
    subject_ref: str | None = None
    input_hmac: str | None = None
    recogniser: str | None = None
    gallery: str | None = None
    payload: dict[str, Any] = {}


class Recorded(Entry):
    """An entry with the place the database gave it, counted from 1 without a gap."""

    entry_id: int

    def told(self, *path: str | int) -> Any:
        """What stands at a place of the payload, None where there is no such place."""
        found: Any = self.payload
        for step in path:
            try:
                found = found[step]
            except (KeyError, IndexError, TypeError):
                return None
        return found


class Journal:
    """Appends entries and reads them back in the database's order; safe across threads and processes.

    Every entry carries the hash of the one before (`bentos.audit.chain`), so that none can be changed unseen. Where
    the keyring says so, it is sealed (`bentos.audit.sealed`), and what is read is opened again.
    """

    def __init__(self, url: str, *, keys: Keyring = NO_KEYS) -> None:
        """Open the journal at a SQLAlchemy URL, creating table and triggers where missing.

        `bentos.privacy.journal_keys.open_journal` opens that of a home, with its keys.
        """
        self._engine = connect(url)
        open_table(self._engine, TABLE, now=datetime.now(UTC))
        self._keys = keys
        self._sealing = keys.sealing(self._last_key)
        self._group = GroupCommit(self._commit)

    def append(self, entry: Entry) -> int:
        """Commit one entry and return its entry_id.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: it could not be committed; the caller must not answer.
        """
        return self.place(entry).entry_id

    def place(self, entry: Entry) -> Placed:
        """Commit one entry, with those that other threads append meanwhile, and say where it stands.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: it could not be committed; the caller must not answer.
        """
        row = entry.model_dump()
        stored = StoredJson(json_text(row["payload"]))
        stored.request_id = row["payload"].get("request_id")
        return self._group.place(row | {"payload": stored})

    def entries(
        self, *, action: str | None = None, since: datetime | None = None, until: datetime | None = None
    ) -> list[Recorded]:
        """Entries of one action (all where None) with since <= at < until, in the order they were committed."""
        conditions = [TABLE.c.action == action] if action is not None else []
        conditions += [TABLE.c.at >= since] if since is not None else []
        conditions += [TABLE.c.at < until] if until is not None else []
        return list(self.each(*conditions))

    def each(
        self, *conditions: ColumnElement[bool], newest_first: bool = False, limit: int | None = None
    ) -> Iterator[Recorded]:
        """Entries that meet conditions on columns of `TABLE`, one after the other in the database's order.

        Raises:
            ServiceFault: privacy_unavailable, an entry is sealed under a key that is not here.
            ContractError: a sealed entry was changed.
        """
        place = TABLE.c.entry_id.desc() if newest_first else TABLE.c.entry_id
        with self._engine.connect() as connection:
            for link in found(connection, as_stored(TABLE).where(*conditions).order_by(place).limit(limit)):
                yield self._recorded(link)

    def of_request(self, request_id: str, *, action: str = "predict") -> Recorded | None:
        """The last entry of an action whose payload names this request; raises as `each` does."""
        query = by_request(request_id).where(TABLE.c.action == action).order_by(TABLE.c.entry_id.desc()).limit(1)
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else self._recorded(Link._make(row))

    def rows(self, query: Select[Any]) -> list[RowMapping]:
        """What a query over columns of `TABLE` that are never sealed finds, without reading whole entries."""
        with self._engine.connect() as connection:
            return list(connection.execute(query).mappings())

    def links(self, after: int = 0) -> Iterator[Link]:
        """Rows behind a place as they are stored, in their order, for those who verify."""
        with self._engine.connect() as connection:
            yield from links(connection, TABLE, after=after)

    def size(self) -> int:
        """Place of the last entry, 0 where there is none."""
        with self._engine.connect() as connection:
            return connection.execute(select(func.max(TABLE.c.entry_id))).scalar() or 0

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def _commit(self, rows: Sequence[dict[str, Any]]) -> list[Placed]:
        with writing(self._engine) as connection:
            return append(connection, TABLE, rows, keys=self._sealing)

    def _recorded(self, link: Link) -> Recorded:
        said = opened(link, keys=self._keys)._asdict()
        return Recorded(
            **{name: said[name] for name in Recorded.model_fields} | {"payload": json.loads(said["payload"])}
        )

    def _last_key(self) -> str | None:
        """The key that the last sealed entry is sealed under."""
        query = as_stored(TABLE).where(TABLE.c.actor == SEALED).order_by(TABLE.c.entry_id.desc()).limit(1)
        with self._engine.connect() as connection:
            last = connection.execute(query).first()
        return None if last is None else sealed_under(Link._make(last))


def by_request(request_id: str) -> Select[Any]:
    """Rows as stored whose payload names a request; in words that both databases' planners know from the index."""
    return as_stored(TABLE).where(_RequestId() == request_id)


def input_hmac(pictures: Iterable[bytes], *, key: bytes) -> str:
    """HMAC-SHA256 in hex over the pictures' bytes, each with its length; a plain hash would survive erasure."""
    digest = hmac.new(key, digestmod=hashlib.sha256)
    for picture in pictures:
        digest.update(len(picture).to_bytes(8, "big"))
        digest.update(picture)
    return digest.hexdigest()


def connect(url: str) -> Engine:
    """The engine of a journal: payloads are canonical JSON, a commit is on the disk; creates no table.

    Raises:
        ContractError: another database, where writers would not wait for each other.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        return _postgresql(parsed)
    if parsed.get_backend_name() != "sqlite":
        raise ContractError(f"a journal is kept in SQLite or PostgreSQL, not in {parsed.get_backend_name()}")
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, connect_args={"timeout": 10}, json_serializer=json_text)
    event.listen(engine, "connect", _durable)
    return engine


def _postgresql(url: URL) -> Engine:
    """In READ COMMITTED the chain's end is read when it is this writer's turn, not when the transaction began.

    A connection is tried before it is used: a database that was started again costs no entry.
    """
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={"connect_timeout": 5, "options": f"{_SESSION} {url.query.get('options', '')}"},
        isolation_level="READ COMMITTED",
        json_serializer=json_text,
        pool_pre_ping=True,
    )


def _durable(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where `writing` says so, not where sqlite3 guesses
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
