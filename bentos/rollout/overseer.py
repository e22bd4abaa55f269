"""Watches what the variants of a release do and decides, from the journal alone, so that all workers see the same."""

from datetime import datetime, timedelta
from typing import Any, Final

from bentos.journal import Entry, Journal
from bentos.release import ReleaseSpec
from bentos.rollout.decisions import Standing, decision
from bentos.rollout.guard import Arm, Breach, judge, judge_disagreement
from bentos.rollout.ledger import Row, last_before, rows_after, rows_of
from bentos.rollout.sequential import Moments

ACTOR: Final = "service"
HORIZON: Final = timedelta(days=1)


class Overseer:
    """Counts the answers of one release at a time; reads every entry of the journal once.

    A worker that starts looks back over the last day at most, and over a day of the forerunner before the release.
    """

    def __init__(self, journal: Journal) -> None:
        """Nothing is read before the first look."""
        self._journal = journal
        self._release: str | None = None
        self._place = 0
        self._arms: dict[str, Arm] = {}
        self._forerunner = Arm()
        self._differs = Moments(prior=(0.0, 1.0))

    def look(self, spec: ReleaseSpec, standing: Standing, *, now: datetime) -> list[Entry]:
        """What is to be decided about a release now, given what was decided before."""
        fresh = _is_fresh(spec, now=now)
        if not fresh and spec.challenger is None and spec.shadow is None:
            return []
        if self._release != spec.release_id:
            self._begin(spec, now=now)
        while rows := rows_after(self._journal, self._place):
            self._place = rows[-1].entry_id
            for row in rows:
                self._count(row, spec)
        return self._decisions(spec, standing, fresh=fresh, now=now)

    def _begin(self, spec: ReleaseSpec, *, now: datetime) -> None:
        released_at = datetime.fromisoformat(spec.released_at)
        self._release, self._arms = spec.release_id, {role: Arm() for role in ("champion", "challenger", "shadow")}
        self._forerunner, self._differs = Arm(), Moments(prior=(0.0, 1.0))
        self._place = last_before(self._journal, max(released_at, now - HORIZON))
        if spec.previous is not None:
            until, since = last_before(self._journal, released_at), released_at - HORIZON
            for row in rows_of(self._journal, spec.previous, until=until, since=since):
                self._forerunner.count(row)

    def _count(self, row: Row, spec: ReleaseSpec) -> None:
        if row.action == "shadow" and row.release == spec.release_id:
            self._count_comparison(row)
            return
        role = row.variant if row.variant in ("champion", "challenger") else None
        ref = getattr(spec, role) if role else None
        if role is None or ref is None or not row.is_of(ref):
            return
        if row.action == "feedback" or (row.release == spec.release_id and row.assigned == role):
            self._arms[role].count(row)

    def _count_comparison(self, row: Row) -> None:
        if row.beside == "shadow":
            self._arms["shadow"].errors.add(float(row.outcome == "failed"), unit=row.unit)
        if row.outcome != "failed":
            self._differs.add(float(row.outcome == "differs"), unit=row.unit)

    def _decisions(self, spec: ReleaseSpec, standing: Standing, *, fresh: bool, now: datetime) -> list[Entry]:
        found, champion, limits = [], self._arms["champion"], spec.limits
        if fresh and "champion" not in standing.withdrawn and (worse := judge(champion, self._before(), limits=limits)):
            return [_withdraw("champion", worse, spec=spec, now=now)]
        for role in ("challenger", "shadow"):
            over = getattr(spec, role) is None or standing.ends(role)
            if not over and (worse := judge(self._arms[role], champion, limits=limits)):
                found.append(_withdraw(role, worse, spec=spec, now=now))
        odd = judge_disagreement(self._differs, limits=limits)
        if odd is not None and not (standing.paused or standing.reviewed or found):
            role = "challenger" if spec.challenger is not None else "shadow"
            found.append(decision("pause", spec=spec, variant=role, actor=ACTOR, now=now, why=_why([odd])))
        return found

    def _before(self) -> Arm | None:
        return self._forerunner if self._forerunner.errors.num else None


def _is_fresh(spec: ReleaseSpec, *, now: datetime) -> bool:
    """Whether the champion is watched: it took over from another a short while ago, which is still at hand."""
    if spec.previous is None or spec.previous == spec.champion:
        return False
    age_s = (now - datetime.fromisoformat(spec.released_at)).total_seconds()
    return age_s <= spec.limits.watch_champion_s


def _withdraw(role: str, worse: list[Breach], *, spec: ReleaseSpec, now: datetime) -> Entry:
    return decision("withdraw", spec=spec, variant=role, actor=ACTOR, now=now, why=_why(worse))


def _why(breaches: list[Breach]) -> dict[str, Any]:
    return {"reasons": [breach.as_dict() for breach in breaches]}
