"""What the journal holds of one trial: which releases it spans, its answers with their feedback, its comparisons."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, select

from bentos.journal import TABLE, Journal

Role = Literal["challenger", "shadow"]
RELEASING: Final = ("promote", "rollback", "challenge", "put_shadow", "end_trials", "settle")
_CHUNK: Final = 20_000
_PAYLOAD: Final = TABLE.c.payload


class ExperimentError(Exception):
    """The journal knows of no such trial."""


@dataclass(frozen=True)
class Trial:
    """A champion and who is tried beside it, over all releases in a row that name this pair."""

    role: Role
    champion: str
    candidate: str
    releases: frozenset[str]
    since: datetime


@dataclass(frozen=True)
class Seen:
    """One request that a variant was to answer. `status` and `route` are the first pill's; `agrees` is the feedback."""

    entry_id: int
    at: datetime
    variant: str
    outcome: str
    unit: str | None
    answer_ms: float | None
    status: str | None
    route: str | None
    cues: str
    degraded: bool
    agrees: bool | None = None

    @property
    def lost(self) -> bool:
        """Whether there was no answer, by the variant's own fault."""
        return self.outcome in ("failed", "too_late")


@dataclass(frozen=True)
class Compared:
    """One request answered twice: the first pill of the candidate and of the champion; None where one failed."""

    at: datetime
    unit: str | None
    failed: bool
    differs: bool
    conflict: bool
    mine: dict[str, Any] | None
    other: dict[str, Any] | None


def last_trial(journal: Journal, *, role: Role | None = None) -> Trial:
    """The trial that began last, of this role where one is given.

    Raises:
        ExperimentError: the journal knows of none.
    """
    signed = sorted((e for action in RELEASING for e in journal.entries(action=action)), key=lambda e: e.entry_id)
    for last in reversed(range(len(signed))):
        names = signed[last].payload.get("names", {})
        found = next((r for r in ("challenger", "shadow") if r in names and role in (r, None)), None)
        if found is None:
            continue
        pair = (names["champion"], names[found])
        first = last
        while first > 0 and _pair(signed[first - 1].payload, found) == pair:
            first -= 1
        part = signed[first : last + 1]
        return Trial(found, *pair, frozenset(entry.payload["release"] for entry in part), part[0].at)
    raise ExperimentError(f"no {role or 'challenger or shadow'} was ever released")


def read_answers(journal: Journal, trial: Trial) -> list[Seen]:
    """Answers of champion and challenger in the journal's order, with feedback.

    Left out is what tells nothing about a variant: inputs that nobody could use, answers from the cache, and those that
    the champion gave in the challenger's place.
    """
    columns = {
        "outcome": TABLE.c.outcome,
        "variant": _PAYLOAD["variant"].as_string(),
        "assigned": _PAYLOAD[("rollout", "assigned")].as_string(),
        "release": _PAYLOAD[("rollout", "release")].as_string(),
        "unit": _PAYLOAD[("rollout", "unit")].as_string(),
        "answer_ms": _PAYLOAD["answer_ms"].as_float(),
        "status": _PAYLOAD[("pills", 0, "status")].as_string(),
        "route": _PAYLOAD[("pills", 0, "route")].as_string(),
        "typed": _PAYLOAD["typed"].as_json(),
        "num_pictures": _PAYLOAD["num_pictures"].as_integer(),
        "degraded": _PAYLOAD["degraded"].as_boolean(),
        "cached": _PAYLOAD["cached"].as_boolean(),
    }
    found = {}
    for row in _rows(journal, "predict", columns, since=trial.since):
        counted = row["outcome"] in ("answered", "failed", "too_late") and not row["cached"]
        if counted and row["release"] in trial.releases and row["assigned"] == row["variant"]:
            found[row["entry_id"]] = _seen(row)
    agrees = {"answered_entry": _PAYLOAD["answered_entry"].as_integer(), "agrees": _PAYLOAD["agrees"].as_boolean()}
    for row in _rows(journal, "feedback", agrees, since=trial.since):
        if row["answered_entry"] in found:
            found[row["answered_entry"]] = replace(found[row["answered_entry"]], agrees=row["agrees"])
    return list(found.values())


def read_comparisons(journal: Journal, trial: Trial) -> list[Compared]:
    """Comparisons of the candidate with the champion, in the journal's order."""
    columns = {
        "outcome": TABLE.c.outcome,
        "release": _PAYLOAD[("rollout", "release")].as_string(),
        "unit": _PAYLOAD[("rollout", "unit")].as_string(),
        "conflict": _PAYLOAD["conflict"].as_boolean(),
        "beside": _PAYLOAD[("beside", "variant")].as_string(),
        "answered": _PAYLOAD[("answered", "pills", 0)].as_json(),
        "again": _PAYLOAD[("beside", "pills", 0)].as_json(),
    }
    wanted = "shadow" if trial.role == "shadow" else "champion"
    rows = _rows(journal, "shadow", columns, since=trial.since)
    return [_compared(row, trial) for row in rows if row["release"] in trial.releases and row["beside"] == wanted]


def _pair(payload: dict[str, Any], role: Role) -> tuple[str | None, str | None]:
    names = payload.get("names", {})
    return names.get("champion"), names.get(role)


def _seen(row: dict[str, Any]) -> Seen:
    kept = ("entry_id", "at", "variant", "outcome", "unit", "answer_ms", "status", "route")
    return Seen(**{name: row[name] for name in kept}, cues=_pattern(row), degraded=bool(row["degraded"]))


def _pattern(row: dict[str, Any]) -> str:
    """What the caller gave, which no variant can change: pictures, and the fields typed."""
    if row["num_pictures"] is None:
        return "unknown"
    pictures = "one picture" if row["num_pictures"] == 1 else "two pictures"
    return " + ".join([pictures, *sorted(row["typed"] or ())])


def _compared(row: dict[str, Any], trial: Trial) -> Compared:
    answered, again = row["answered"], row["again"]
    mine, other = (again, answered) if trial.role == "shadow" else (answered, again)
    return Compared(row["at"], row["unit"], row["outcome"] == "failed", row["outcome"] == "differs",
                    bool(row["conflict"]), mine, other)  # fmt: skip


def _rows(
    journal: Journal, action: str, columns: dict[str, ColumnElement[Any]], *, since: datetime
) -> Iterator[dict[str, Any]]:
    named = [column.label(name) for name, column in columns.items()]
    place = 0
    query = select(TABLE.c.entry_id, TABLE.c.at, *named).where(TABLE.c.action == action, TABLE.c.at >= since)
    while rows := journal.rows(query.where(TABLE.c.entry_id > place).order_by(TABLE.c.entry_id).limit(_CHUNK)):
        place = rows[-1]["entry_id"]
        yield from map(dict, rows)
