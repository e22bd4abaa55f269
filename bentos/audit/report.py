"""The audit report: one self-contained page that says what the trail holds, who changed what, and whether it holds."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from bentos.audit.chain import Link
from bentos.audit.checkpoints import Checkpoint
from bentos.audit.sealed import NO_KEYS, Keyring
from bentos.audit.tally import Change, Count, Tally
from bentos.audit.verify import NO_RECEIPTS, Verdict, verify_trail

_TEMPLATE: Final = Path(__file__).with_name("report.html")
_SHOWN_CHECKPOINTS: Final = 8
_SHOWN_CHANGES: Final = 200
_MOST_BARS: Final = 92
_NO_TRAFFIC: Final = frozenset({"verdict", "launch", "run_failed"})
WORDS: Final = {
    "predict": "question asked about a picture",
    "feedback": "said what a pill really was",
    "access_denied": "caller refused",
    "access": "keys and development tokens",
    "load_release": "a service took up a release",
    "launch": "a run was launched",
    "run_failed": "a run failed",
    "verdict": "gates judged a candidate",
    "promote": "a version was put in force",
    "refuse_promote": "a promotion was refused",
    "challenge": "a challenger got a share of the traffic",
    "refuse_challenge": "a challenge was refused",
    "put_shadow": "a version answers unseen beside",
    "end_trials": "experiments were ended",
    "settle": "withdrawals were signed into the release",
    "rollback": "the version before was put back",
    "withdraw": "the services stopped using a version",
    "pause": "the services paused an experiment",
    "resume": "a person let an experiment go on",
    "shadow": "a shadow's answer was compared",
    "batch": "large jobs",
    "chain_journal": "older entries were chained",
    "approve": "a person approved",
    "erase_subject": "a person's key was destroyed",
    "export_subject": "a person's data were handed out",
    "rotate_keys": "keys were changed",
    "retention": "what was kept long enough was deleted",
}


def write_report(
    rows: Iterable[Link],
    *,
    checkpoints: Sequence[Checkpoint],
    out: Path,
    now: datetime,
    facts: Mapping[str, str],
    receipts: Mapping[int, str] = NO_RECEIPTS,
    keys: Keyring = NO_KEYS,
) -> Verdict:
    """Verify a trail and write the page about it, which also names what is wrong; reads the rows once.

    Args:
        facts: name and value of what the officer must be able to trace: where the trail lies, which key.
        keys: what sealed entries open with; of those that do not open, the page says how many they are.
    """
    from jinja2 import Environment, StrictUndefined

    tally = Tally(checkpoints, keys=keys)
    watched = tally.watching(rows)
    verdict = verify_trail(watched, checkpoints=checkpoints, receipts=receipts)
    for _ in watched:
        pass  # what lies behind a bad entry is counted, too
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters.update(moment=_moment, short=_short, number=_number, span=_span)
    page = environment.from_string(_TEMPLATE.read_text("utf-8"))
    out.parent.mkdir(parents=True, exist_ok=True)
    text = page.render(verdict=verdict, tally=tally, at=now, facts=facts, **_context(tally, verdict, checkpoints))
    out.write_text(text, encoding="utf-8")
    return verdict


def _context(tally: Tally, verdict: Verdict, checkpoints: Sequence[Checkpoint]) -> dict[str, Any]:
    listed = [change for change in tally.changes if change.action not in _NO_TRAFFIC]
    runs = [change for change in tally.changes if change.action in _NO_TRAFFIC]
    return {
        "num_answers": _sum(tally, action="predict", outcome="answered"),
        "num_denied": sum(count.num for count in tally.denials.values()),
        "num_changes": len(listed),
        "actions": _actions(tally),
        "bars": _bars(tally),
        "models": _models(tally),
        "changes": [_row(change) for change in reversed(listed[-_SHOWN_CHANGES:])],
        "runs": [_row(change) for change in reversed(runs[-_SHOWN_CHANGES:])],
        "denials": sorted(tally.denials.items(), key=lambda item: -item[1].num),
        "checkpoints": _shown(checkpoints),
        "num_checkpoints": len(checkpoints),
        "uncovered": max(0, tally.whole.num - verdict.num_covered),
    }


def _sum(tally: Tally, *, action: str, outcome: str) -> int:
    return tally.by_outcome.get((action, outcome), Count()).num


def _actions(tally: Tally) -> list[dict[str, Any]]:
    """One row per action and outcome, the action named once."""
    rows, before = [], None
    for (action, outcome), count in sorted(tally.by_outcome.items()):
        named = action if action != before else ""
        words = WORDS.get(action, action.replace("_", " ")) if named else ""
        rows.append({"action": named, "words": words, "outcome": outcome, "count": count})
        before = action
    return rows


def _models(tally: Tally) -> list[dict[str, Any]]:
    """What answered, by its digests, the first first; a version's number is what its promotion called it."""
    versions = {(c.recogniser, c.gallery): c.version for c in tally.changes if c.outcome == "released"}
    found = sorted(tally.by_model.items(), key=lambda item: item[1].first or datetime.min.replace(tzinfo=UTC))
    return [
        {
            "version": versions.get(digests) or "–",
            "recogniser": digests[0],
            "gallery": digests[1],
            "count": count,
            "strip": _strip(tally, digests),
        }
        for digests, count in found
    ]


def _strip(tally: Tally, digests: tuple[str, str]) -> list[bool]:
    """In which columns of the chart a model answered."""
    first, days, num_columns = _columns(tally)
    active = {(day - first).days // days for day in tally.days_of_model[digests]}
    return [column in active for column in range(num_columns)]


def _columns(tally: Tally) -> tuple[date, int, int]:
    """The chart's first day, days in a column, and number of columns."""
    first, last = min(tally.by_day), max(tally.by_day)
    days = (last - first).days // _MOST_BARS + 1
    return first, days, (last - first).days // days + 1


def _row(change: Change) -> dict[str, Any]:
    """A change in words; free text of people is left out."""
    said, about = change.payload, []
    if change.action in ("rollback", "settle") and said.get("from"):
        about.append(f"instead of version {said['from']}")
    if change.action == "challenge" and isinstance(said.get("share"), int | float):
        about.append(f"version {said.get('challenger')} gets {100 * said['share']:.0f} % of the callers")
    if change.action in ("withdraw", "pause", "resume") and said.get("variant"):
        about.append(str(said["variant"]))
    if change.action in ("launch", "run_failed") and said.get("job"):
        about.append(f"job {said['job']}")
    if change.action == "verdict" and (failed := _items(said.get("failed"))):
        about.append("not met: " + ", ".join(map(str, failed)))
    if approvers := [one.get("name") for one in _items(said.get("approvals")) if isinstance(one, dict)]:
        about.append("approved by " + ", ".join(map(str, approvers)))
    words = WORDS.get(change.action, change.action.replace("_", " "))
    return {"change": change, "words": words, "about": "; ".join(about)}


def _items(value: object) -> list[Any]:
    """A list of a payload; what somebody put in its place says nothing."""
    return value if isinstance(value, list) else []


def _shown(checkpoints: Sequence[Checkpoint]) -> list[Checkpoint | None]:
    """The first and the last ones; None where some are left out."""
    if len(checkpoints) <= _SHOWN_CHECKPOINTS:
        return list(checkpoints)
    return [checkpoints[0], None, *checkpoints[1 - _SHOWN_CHECKPOINTS :]]


def _bars(tally: Tally) -> dict[str, Any] | None:
    """A column per day, or per so many days that they fit; heights in per cent of the highest."""
    if not tally.by_day:
        return None
    first, days, num_columns = _columns(tally)
    columns: dict[int, dict[str, int]] = {}
    for day, counts in tally.by_day.items():
        column = columns.setdefault((day - first).days // days, {})
        for kind, num in counts.items():
            column[kind] = column.get(kind, 0) + num
    top = max(sum(column.values()) for column in columns.values())
    return {
        "days": days,
        "top": top,
        "first": first,
        "last": max(tally.by_day),
        "columns": [_column(columns.get(i, {}), top=top, day=first + timedelta(i * days)) for i in range(num_columns)],
    }


def _column(counts: Mapping[str, int], *, top: int, day: date) -> dict[str, Any]:
    said = ", ".join(f"{num:,} {kind}" for kind, num in sorted(counts.items())) or "nothing"
    return {"title": f"{day}: {said}", "shares": {kind: 100 * num / top for kind, num in counts.items()}}


def _moment(value: datetime | None) -> str:
    return "–" if value is None else value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _short(digest: str | None) -> str:
    return (digest or "–").removeprefix("sha256:")[:12]


def _number(value: int) -> str:
    return f"{value:,}"


def _span(value: timedelta) -> str:
    seconds = max(0.0, value.total_seconds())
    for size, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.1f} seconds"
