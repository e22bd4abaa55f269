"""The few facts of the journal that a rollout is judged by, read in order and once."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, select

from bentos.journal import TABLE, Journal
from bentos.release import Ref

_PAYLOAD: Final = TABLE.c.payload
_FACTS: Final = (
    TABLE.c.entry_id,
    TABLE.c.action,
    TABLE.c.outcome,
    TABLE.c.recogniser,
    TABLE.c.gallery,
    _PAYLOAD["variant"].as_string().label("variant"),
    _PAYLOAD["version"].as_string().label("version"),
    _PAYLOAD[("rollout", "release")].as_string().label("release"),
    _PAYLOAD[("rollout", "assigned")].as_string().label("assigned"),
    _PAYLOAD[("rollout", "unit")].as_string().label("unit"),
    _PAYLOAD[("beside", "variant")].as_string().label("beside"),
    _PAYLOAD[("pills", 0, "status")].as_string().label("status"),
    _PAYLOAD["answer_ms"].as_float().label("answer_ms"),
    _PAYLOAD["agrees"].as_boolean().label("agrees"),
    _PAYLOAD["degraded"].as_boolean().label("degraded"),
    _PAYLOAD["cached"].as_boolean().label("cached"),
)
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
    return _rows(journal, _query(TABLE.c.entry_id > entry_id).order_by(TABLE.c.entry_id).limit(limit))


def rows_of(journal: Journal, ref: Ref, *, until: int, since: datetime, limit: int = 2000) -> list[Row]:
    """The last answers and feedback of a champion, up to a place and not older than a moment."""
    query = _query(
        TABLE.c.at >= since,
        TABLE.c.entry_id <= until,
        TABLE.c.recogniser == ref.recogniser,
        TABLE.c.gallery == ref.gallery,
        _PAYLOAD["variant"].as_string() == "champion",
    )
    return _rows(journal, query.order_by(TABLE.c.entry_id.desc()).limit(limit))


def _query(*conditions: ColumnElement[bool]) -> Select[Any]:
    return select(*_FACTS).where(TABLE.c.action.in_(_READ), *conditions)


def _rows(journal: Journal, query: Select[Any]) -> list[Row]:
    return [Row(**row) for row in journal.rows(query)]
