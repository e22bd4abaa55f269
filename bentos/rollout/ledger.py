"""The few facts of the journal that a rollout is judged by, read in order and once."""

from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from sqlalchemy import select

from bentos.journal import TABLE, Journal, Recorded
from bentos.release import Ref

_READ: Final = ("predict", "feedback", "shadow")


@dataclass(frozen=True)
class Row:
    """One `predict`, `feedback` or `shadow` entry; `status` is that of the first pill, None without an answer."""

    entry_id: int
    action: str
    outcome: str
    recogniser: str | None
    gallery: str | None
    variant: str | None
    version: str | None
    release: str | None
    assigned: str | None
    unit: str | None
    beside: str | None
    status: str | None
    answer_ms: float | None
    agrees: bool | None
    degraded: bool | None = None
    cached: bool | None = None

    def is_of(self, ref: Ref) -> bool:
        """Whether this recogniser and gallery answered."""
        return (self.recogniser, self.gallery) == (ref.recogniser, ref.gallery)


def last_before(journal: Journal, moment: datetime) -> int:
    """Place of the last answer before a moment; 0 where there is none."""
    query = select(TABLE.c.entry_id).where(TABLE.c.action == "predict", TABLE.c.at < moment)
    found = journal.rows(query.order_by(TABLE.c.at.desc()).limit(1))
    return found[0]["entry_id"] if found else 0


def rows_after(journal: Journal, entry_id: int, *, limit: int = 20_000) -> list[Row]:
    """The next rows behind a place, in the journal's order."""
    found = journal.each(TABLE.c.action.in_(_READ), TABLE.c.entry_id > entry_id, limit=limit)
    return [_row(entry) for entry in found]


def rows_of(journal: Journal, ref: Ref, *, until: int, since: datetime, limit: int = 2000) -> list[Row]:
    """The last answers and feedback of a champion, up to a place and not older than a moment."""
    found = journal.each(
        TABLE.c.action.in_(_READ),
        TABLE.c.at >= since,
        TABLE.c.entry_id <= until,
        TABLE.c.recogniser == ref.recogniser,
        TABLE.c.gallery == ref.gallery,
        newest_first=True,
    )
    return list(islice((row for row in map(_row, found) if row.variant == "champion"), limit))


def _row(entry: Recorded) -> Row:
    return Row(
        entry_id=entry.entry_id,
        action=entry.action,
        outcome=entry.outcome,
        recogniser=entry.recogniser,
        gallery=entry.gallery,
        variant=entry.told("variant"),
        version=entry.told("version"),
        release=entry.told("rollout", "release"),
        assigned=entry.told("rollout", "assigned"),
        unit=entry.told("rollout", "unit"),
        beside=entry.told("beside", "variant"),
        status=entry.told("pills", 0, "status"),
        answer_ms=entry.told("answer_ms"),
        agrees=entry.told("agrees"),
        degraded=entry.told("degraded"),
        cached=entry.told("cached"),
    )
