"""Deletes what is past its period, class by class, and says so: a report for people and an entry of the journal."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict
from sqlalchemy import func, select

from bentos.batches.seals import OWNER
from bentos.batches.store import JobStore
from bentos.batches.tables import BATCHES_DIR
from bentos.journal import TABLE, Entry, Journal
from bentos.privacy.desk import PrivacyDesk
from bentos.privacy.erasure import erase_owner
from bentos.privacy.journal_keys import open_journal
from bentos.privacy.tables import RETAINED
from bentos.settings import Settings

ACTION: Final = "retention"
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
DRIFT_DIR: Final = "drift"


class ClassReport(BaseModel):
    """One class of data: for how long it is kept, and what was deleted now."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    period: str
    num_deleted: int
    num_kept: int


class RetentionReport(BaseModel):
    """All classes, at one time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: datetime
    classes: tuple[ClassReport, ...]


def enforce(desk: PrivacyDesk, *, journal: Journal, actor: str, now: datetime) -> RetentionReport:
    """Delete what is due and journal how much that was. The cache ends its answers by itself (`cache_ttl_s`)."""
    classes = (
        *_pictures(desk, now=now),
        _subjects(desk, journal=journal, actor=actor, now=now),
        _batches(desk, now=now),
        _drift(desk, now=now),
        _logs(desk, now=now),
        _journal(journal),
    )
    report = RetentionReport(at=now, classes=classes)
    deleted = {row.name: row.num_deleted for row in classes if row.num_deleted}
    journal.append(Entry(at=now, actor=actor, action=ACTION, outcome="enforced", payload={"deleted": deleted}))
    return report


def enforced_in(settings: Settings, *, actor: str, now: datetime) -> RetentionReport:
    """`enforce` over a home's settings."""
    desk, journal = PrivacyDesk(settings), open_journal(settings)
    try:
        return enforce(desk, journal=journal, actor=actor, now=now)
    finally:
        desk.close()
        journal.close()


def _pictures(desk: PrivacyDesk, *, now: datetime) -> Iterator[ClassReport]:
    if not desk.database.is_there:
        return
    gone, periods = desk.retained.expire(now=now), desk.settings.retain_pictures
    with desk.database.engine.connect() as connection:
        query = select(RETAINED.c.purpose, func.count()).group_by(RETAINED.c.purpose)
        kept = dict(connection.execute(query).tuples().all())
    for purpose in sorted({*periods, *gone, *kept}):
        period = f"{periods[purpose]:g} days" if purpose in periods else "no longer configured; until they expire"
        yield _row(f"pictures for {purpose}", period, gone.get(purpose, 0), kept.get(purpose, 0))


def _subjects(desk: PrivacyDesk, *, journal: Journal, actor: str, now: datetime) -> ClassReport:
    days = desk.settings.keep_subjects_days
    due: list[tuple[str, str]] = []
    known = desk.keys.owners(before=now) if desk.database.is_there else []
    subjects = [(owner, pseudonym) for owner, pseudonym in known if owner.startswith("subject:")]
    if days is not None and subjects:
        before = now - timedelta(days=days)
        old, seen = set(desk.keys.owners(before=before)), _last_seen(journal)
        due = [one for one in subjects if one in old and seen.get(one[1], _NEVER) < before]
    for owner, pseudonym in due:
        erase_owner(owner, pseudonym, desk=desk, journal=journal, actor=actor, now=now, why="retention")
    period = "until they are erased" if days is None else f"{days:g} days after the last request"
    return _row("subjects", period, len(due), len(subjects) - len(due))


def _last_seen(journal: Journal) -> dict[str, datetime]:
    """When each subject last had an entry, by pseudonym; one pass over the journal."""
    at = func.max(TABLE.c.at, type_=TABLE.c.at.type).label("at")
    query = select(TABLE.c.subject_ref, at).where(TABLE.c.subject_ref.is_not(None)).group_by(TABLE.c.subject_ref)
    return {row["subject_ref"]: row["at"] for row in journal.rows(query)}


def _batches(desk: PrivacyDesk, *, now: datetime) -> ClassReport:
    """A running service deletes them too; this is for when none runs."""
    directory, period = desk.settings.home / BATCHES_DIR, f"{desk.settings.job_keep_h:g} hours"
    if not directory.is_dir():
        return _row("batches", period, 0, 0)
    store = JobStore(directory, keys=desk.keys)
    due = store.expired(now=now.timestamp())
    for job_id in due:
        store.delete(job_id)
        shutil.rmtree(store.folder(job_id), ignore_errors=True)
    for owner in _keys_without_job(desk, store=store, now=now):
        desk.keys.destroy(owner)
    num_kept = store.num_jobs()
    store.close()
    return _row("batches", period, len(due), num_kept)


def _keys_without_job(desk: PrivacyDesk, *, store: JobStore, now: datetime) -> list[str]:
    """What uploads left behind whose service was killed."""
    if not desk.database.is_there:
        return []
    known = desk.keys.owners(before=now - timedelta(days=1))
    owners = [owner for owner, _ in known if owner.startswith(OWNER)]
    return [owner for owner in owners if store.get(owner.removeprefix(OWNER)) is None]


def _drift(desk: PrivacyDesk, *, now: datetime) -> ClassReport:
    days, directory = desk.settings.keep_drift_days, desk.settings.home / DRIFT_DIR
    found = [path for path in directory.iterdir() if path.is_dir()] if directory.is_dir() else []
    due = [path for path in found if _is_older(path, days=days, now=now)]
    for path in due:
        shutil.rmtree(path)
    return _row("drift reports", f"{days:g} days", len(due), len(found) - len(due))


def _logs(desk: PrivacyDesk, *, now: datetime) -> ClassReport:
    days, found = desk.settings.keep_logs_days, list(_log_files(desk.settings.home))
    due = [path for path in found if _is_older(path, days=days, now=now)]
    for path in due:
        path.unlink()
    return _row("logs", f"{days:g} days after the last line", len(due), len(found) - len(due))


def _log_files(home: Path) -> Iterator[Path]:
    yield from home.glob("*.log")
    yield from (home / "logs").glob("*.log")


def _journal(journal: Journal) -> ClassReport:
    return _row("journal", "kept: it is append-only and holds no personal data", 0, journal.size())


def _is_older(path: Path, *, days: float, now: datetime) -> bool:
    return path.stat().st_mtime < (now - timedelta(days=days)).timestamp()


def _row(name: str, period: str, num_deleted: int, num_kept: int) -> ClassReport:
    return ClassReport(name=name, period=period, num_deleted=num_deleted, num_kept=num_kept)
