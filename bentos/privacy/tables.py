"""The tables of the privacy part: wrapped data keys and retained pictures; what is deleted is overwritten."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    event,
    inspect,
    make_url,
    text,
)
from sqlalchemy.schema import CreateIndex, CreateTable

from bentos.audit.schema import writing
from bentos.faults import ServiceFault
from bentos.journal import UtcTime, connect

METADATA: Final = MetaData()
KEYS: Final = Table(
    "data_keys",
    METADATA,
    Column("owner", String(80), primary_key=True),
    Column("key_id", String(32), nullable=False),
    Column("pseudonym", String(64), nullable=False, unique=True),
    Column("version", Integer, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)
RETAINED: Final = Table(
    "retained",
    METADATA,
    Column("retained_id", Integer, primary_key=True, autoincrement=True),
    Column("owner", String(80), nullable=False),
    Column("request_id", String(36), nullable=False),
    Column("purpose", String(40), nullable=False),
    Column("part", String(20), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index("retained_owner", "owner"),
    Index("retained_request", "request_id"),
    Index("retained_expiry", "expires_at"),
)
_TRIES: Final = 50
_PAUSE_S: Final = 0.1


class Database:
    """The engine, opened and its tables made when they are first needed; safe across threads and processes."""

    def __init__(self, url: str) -> None:
        """Nothing is opened yet: who uses neither subjects nor retention has no such database."""
        self._url = url
        self._opening = threading.Lock()
        self._opened: Engine | None = None

    @property
    def engine(self) -> Engine:
        """The engine, with its tables."""
        with self._opening:
            if self._opened is None:
                self._opened = _prepared(self._url)
            return self._opened

    @property
    def is_there(self) -> bool:
        """Whether there is anything to look at: a SQLite file is made at its first use."""
        name = make_url(self._url).database
        return self._opened is not None or not self._url.startswith("sqlite") or bool(name and Path(name).exists())

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that no other writer overlaps."""
        with writing(self.engine) as connection:
            yield connection

    def scrub(self) -> None:
        """See that what was deleted is on no page of the database or its write-ahead log any more.

        Raises:
            ServiceFault: scrub_incomplete, a reader was in the way for seconds; it may be called again.
        """
        if self.engine.dialect.name == "postgresql":
            with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("VACUUM data_keys"))
                connection.execute(text("VACUUM retained"))
            return
        for _ in range(_TRIES):
            with self.engine.connect() as connection:
                busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar()
            if not busy:
                return
            time.sleep(_PAUSE_S)
        raise ServiceFault("scrub_incomplete", "The deleted key may still be in the write-ahead log; run it again.")

    def close(self) -> None:
        """Give the connections back."""
        if self._opened is not None:
            self._opened.dispose()


def _prepared(url: str) -> Engine:
    engine = connect(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _overwriting)
    if all(inspect(engine).has_table(table.name) for table in METADATA.sorted_tables):
        return engine  # an account that may not make tables is enough then
    with writing(engine) as connection:
        for table in METADATA.sorted_tables:
            connection.execute(CreateTable(table, if_not_exists=True))
            for index in table.indexes:
                connection.execute(CreateIndex(index, if_not_exists=True))
    return engine


def _overwriting(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA secure_delete=ON")
