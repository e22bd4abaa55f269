"""Jobs and their items on disk: what was asked, what was answered, and which worker holds a job now.

One SQLite file for all workers of a machine. A worker holds a job by a lease that it renews with every item; a
worker that is killed lets it run out, and the next one goes on with the first item that has no outcome.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from bentos.access.caller import ANONYMOUS
from bentos.batches.seals import JobSeals
from bentos.batches.tables import JOBS_FILE, connected
from bentos.faults import ServiceFault
from bentos.privacy.data_keys import DataKeys

State = Literal["waiting", "running", "finished", "failed"]
UPLOAD: Final = "upload"
Outcome = Literal["answered", "refused"]
UNFINISHED: Final = ("waiting", "running")
_PAGE: Final = 500
_TEXTS: Final = ("image", "image_back", "metadata", "subject")


@dataclass(frozen=True)
class NewItem:
    """One item of a job: the names of its pictures in the source, its metadata as JSON, and whom it is about.

    `key_owner` names that subject's key; by it the item is found where the subject is erased.
    """

    image: str
    image_back: str | None = None
    metadata: str | None = None
    subject: str | None = field(default=None, repr=False)
    key_owner: str | None = None


@dataclass(frozen=True)
class Item(NewItem):
    """An item with its place, how often it was begun, and its outcome: an answer or a problem, as JSON."""

    number: int = 0
    attempts: int = 0
    outcome: Outcome | None = None
    result: str | None = None


@dataclass(frozen=True)
class Job:
    """A job, whose it is, and how far it is; times in seconds since 1970; `source` as it is kept."""

    job_id: str
    state: State
    source: str | bytes
    num_items: int
    created_at: float
    finished_at: float | None
    expires_at: float
    problem: str | None
    actor: str
    num_answered: int = 0
    num_refused: int = 0


class LeaseLost(Exception):
    """Another worker holds the job, or it was deleted."""


class JobStore:
    """All jobs below one directory; safe from several threads and processes."""

    def __init__(self, directory: Path, *, keys: DataKeys | None = None) -> None:
        """Make the tables where they are missing; with `keys`, names of files, metadata and results are encrypted."""
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.seals = JobSeals(keys)
        self._lock = threading.Lock()
        self._connection = connected(directory / JOBS_FILE)

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()

    def folder(self, job_id: str) -> Path:
        """Where the job's files lie."""
        return self.directory / job_id

    def create(
        self,
        job_id: str,
        items: Sequence[NewItem],
        *,
        source: str,
        now: float,
        expires_at: float,
        max_unfinished: int,
        actor: str = ANONYMOUS,
    ) -> None:
        """Add a job of `actor` that waits.

        Raises:
            ServiceFault: too_many_batches.
        """
        self.seals.begin(job_id)
        sealed = source if source == UPLOAD else self.seals.text(job_id, source, what="source")
        rows = [(job_id, n, *self._sealed(job_id, n, item)) for n, item in enumerate(items)]
        with self._changing() as connection:
            if self._num_unfinished(connection) >= max_unfinished:
                self.seals.forget(job_id)
                raise too_many()
            connection.execute(
                "INSERT INTO jobs (job_id, state, source, num_items, created_at, expires_at, actor) "
                "VALUES (?,?,?,?,?,?,?)",
                (job_id, "waiting", sealed, len(rows), now, expires_at, actor),
            )
            connection.executemany(
                "INSERT INTO items (job_id, number, image, image_back, metadata, subject, key_owner) "
                "VALUES (?,?,?,?,?,?,?)",
                rows,
            )

    def num_unfinished(self) -> int:
        """How many jobs wait or run."""
        with self._connected() as connection:
            return self._num_unfinished(connection)

    def get(self, job_id: str) -> Job | None:
        """The job with its progress, None where there is none."""
        with self._connected() as connection:
            return self._job(connection, job_id)

    def claim(self, owner: str, *, now: float, lease_s: float) -> Job | None:
        """Take the oldest job that nobody holds; None where there is none."""
        with self._changing() as connection:
            row = connection.execute(
                "SELECT job_id FROM jobs WHERE state IN (?, ?) AND lease_until < ? ORDER BY created_at, job_id LIMIT 1",
                (*UNFINISHED, now),
            ).fetchone()
            if row is None:
                return None
            connection.execute(
                "UPDATE jobs SET state = 'running', owner = ?, lease_until = ? WHERE job_id = ?",
                (owner, now + lease_s, row["job_id"]),
            )
            return self._job(connection, row["job_id"])

    def next_item(self, job_id: str, *, owner: str, now: float, lease_s: float) -> Item | None:
        """The first item without an outcome, its attempt counted and the lease renewed; None where all have one.

        Raises:
            LeaseLost: the job is no longer the owner's.
        """
        with self._changing() as connection:
            self._renew(connection, job_id, owner=owner, until=now + lease_s)
            row = connection.execute(
                "SELECT * FROM items WHERE job_id = ? AND outcome IS NULL ORDER BY number LIMIT 1", (job_id,)
            ).fetchone()
            if row is None:
                return None
            item = self._item(row)
            connection.execute(
                "UPDATE items SET attempts = attempts + 1 WHERE job_id = ? AND number = ?", (job_id, item.number)
            )
            return item

    def renew(self, job_id: str, *, owner: str, now: float, lease_s: float) -> None:
        """Hold the job for longer; raises `LeaseLost`."""
        with self._changing() as connection:
            self._renew(connection, job_id, owner=owner, until=now + lease_s)

    def record(self, job_id: str, number: int, *, owner: str, outcome: Outcome, result: str) -> None:
        """Keep an item's outcome; raises `LeaseLost`."""
        sealed = self.seals.text(job_id, result, what=f"result {number}")
        with self._changing() as connection:
            self._renew(connection, job_id, owner=owner, until=None)
            connection.execute(
                "UPDATE items SET outcome = ?, result = ?, subject = NULL "
                "WHERE job_id = ? AND number = ? AND outcome IS NULL",
                (outcome, sealed, job_id, number),
            )

    def finish(self, job_id: str, *, owner: str, now: float, expires_at: float, problem: str | None) -> None:
        """End the job, as failed where there is a problem; raises `LeaseLost`."""
        with self._changing() as connection:
            self._renew(connection, job_id, owner=owner, until=0.0)
            connection.execute(
                "UPDATE jobs SET state = ?, finished_at = ?, expires_at = ?, problem = ?, owner = NULL "
                "WHERE job_id = ?",
                ("failed" if problem else "finished", now, expires_at, problem, job_id),
            )

    def let_go(self, owner: str) -> None:
        """Give back what the owner holds, so that another worker goes on at once; the begun item does not count."""
        with self._changing() as connection:
            held = [row["job_id"] for row in connection.execute("SELECT job_id FROM jobs WHERE owner = ?", (owner,))]
            for job_id in held:
                connection.execute("UPDATE jobs SET owner = NULL, lease_until = 0 WHERE job_id = ?", (job_id,))
                connection.execute(
                    "UPDATE items SET attempts = attempts - 1 WHERE job_id = ? AND outcome IS NULL AND attempts > 0",
                    (job_id,),
                )

    def delete(self, job_id: str) -> bool:
        """Forget the job and all its items; False where there is none."""
        with self._changing() as connection:
            connection.execute("DELETE FROM items WHERE job_id = ?", (job_id,))
            deleted = connection.execute("DELETE FROM jobs WHERE job_id = ?", (job_id,)).rowcount > 0
        if deleted:
            self.seals.forget(job_id)
        return deleted

    def num_jobs(self) -> int:
        """How many jobs there are."""
        with self._connected() as connection:
            return connection.execute("SELECT count(*) FROM jobs").fetchone()[0]

    def expired(self, *, now: float) -> list[str]:
        """Jobs past their time."""
        with self._connected() as connection:
            rows = connection.execute("SELECT job_id FROM jobs WHERE expires_at < ? ORDER BY job_id", (now,))
            return [row["job_id"] for row in rows]

    def items(self, job_id: str) -> Iterator[Item]:
        """All items in order, read page by page."""
        number = -1
        while True:
            with self._connected() as connection:
                page = connection.execute(
                    "SELECT * FROM items WHERE job_id = ? AND number > ? ORDER BY number LIMIT ?",
                    (job_id, number, _PAGE),
                ).fetchall()
            if not page:
                return
            yield from map(self._item, page)
            number = page[-1]["number"]

    def _sealed(self, job_id: str, number: int, item: NewItem) -> tuple[str | bytes | None, ...]:
        texts = (self.seals.text(job_id, getattr(item, name), what=f"{name} {number}") for name in _TEXTS)
        return (*texts, item.key_owner)

    def _item(self, row: sqlite3.Row) -> Item:
        texts = {
            name: self.seals.read(row["job_id"], row[name], what=f"{name} {row['number']}")
            for name in (*_TEXTS, "result")
        }
        others = {name: row[name] for name in ("number", "attempts", "outcome", "key_owner")}
        return Item(**texts, **others)

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with self._lock:  # one connection: a last one that closes makes SQLite fold its log, with a sync each time
            yield self._connection

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                yield connection

    @staticmethod
    def _renew(connection: sqlite3.Connection, job_id: str, *, owner: str, until: float | None) -> None:
        renewed = connection.execute(
            "UPDATE jobs SET lease_until = coalesce(?, lease_until) WHERE job_id = ? AND owner = ?",
            (until, job_id, owner),
        )
        if renewed.rowcount == 0:
            raise LeaseLost(job_id)

    @staticmethod
    def _num_unfinished(connection: sqlite3.Connection) -> int:
        return connection.execute("SELECT count(*) FROM jobs WHERE state IN (?, ?)", UNFINISHED).fetchone()[0]

    def _job(self, connection: sqlite3.Connection, job_id: str) -> Job | None:
        row = connection.execute("SELECT * FROM jobs WHERE job_id = ?", (job_id,)).fetchone()
        if row is None:
            return None
        counted = connection.execute(
            "SELECT outcome, count(*) FROM items WHERE job_id = ? AND outcome IS NOT NULL GROUP BY outcome", (job_id,)
        )
        num = dict(map(tuple, counted))
        facts = {name: row[name] for name in row.keys() if name not in ("owner", "lease_until")}  # noqa: SIM118
        return Job(**facts, num_answered=num.get("answered", 0), num_refused=num.get("refused", 0))


def too_many() -> ServiceFault:
    """The refusal of one more job."""
    return ServiceFault("too_many_batches", "As many batches wait as the service holds; try again later.")
