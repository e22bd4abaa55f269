"""What the journal holds of one trial: which releases it spans, its answers with their feedback, its comparisons."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal

from bentos.journal import TABLE, Journal, Recorded

Role = Literal["challenger", "shadow"]
RELEASING: Final = ("promote", "rollback", "challenge", "put_shadow", "end_trials", "settle")


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
    found = {}
    for entry in journal.each(TABLE.c.action == "predict", TABLE.c.at >= trial.since):
        counted = entry.outcome in ("answered", "failed", "too_late") and not entry.told("cached")
        in_trial = entry.told("rollout", "release") in trial.releases
        if counted and in_trial and entry.told("rollout", "assigned") == entry.told("variant"):
            found[entry.entry_id] = _seen(entry)
    for entry in journal.each(TABLE.c.action == "feedback", TABLE.c.at >= trial.since):
        if (answered := entry.told("answered_entry")) in found:
            found[answered] = replace(found[answered], agrees=entry.told("agrees"))
    return list(found.values())


def read_comparisons(journal: Journal, trial: Trial) -> list[Compared]:
    """Comparisons of the candidate with the champion, in the journal's order."""
    wanted = "shadow" if trial.role == "shadow" else "champion"
    return [
        _compared(entry, trial)
        for entry in journal.each(TABLE.c.action == "shadow", TABLE.c.at >= trial.since)
        if entry.told("rollout", "release") in trial.releases and entry.told("beside", "variant") == wanted
    ]


def _pair(payload: dict[str, Any], role: Role) -> tuple[str | None, str | None]:
    names = payload.get("names", {})
    return names.get("champion"), names.get(role)


def _seen(entry: Recorded) -> Seen:
    return Seen(
        entry_id=entry.entry_id,
        at=entry.at,
        variant=entry.told("variant"),
        outcome=entry.outcome,
        unit=entry.told("rollout", "unit"),
        answer_ms=entry.told("answer_ms"),
        status=entry.told("pills", 0, "status"),
        route=entry.told("pills", 0, "route"),
        cues=_pattern(entry),
        degraded=bool(entry.told("degraded")),
    )


def _pattern(entry: Recorded) -> str:
    """What the caller gave, which no variant can change: pictures, and the fields typed."""
    if (num := entry.told("num_pictures")) is None:
        return "unknown"
    return " + ".join(["one picture" if num == 1 else "two pictures", *sorted(entry.told("typed") or ())])


def _compared(entry: Recorded, trial: Trial) -> Compared:
    answered, again = entry.told("answered", "pills", 0), entry.told("beside", "pills", 0)
    mine, other = (again, answered) if trial.role == "shadow" else (answered, again)
    return Compared(entry.at, entry.told("rollout", "unit"), entry.outcome == "failed", entry.outcome == "differs",
                    bool(entry.told("conflict")), mine, other)  # fmt: skip
