"""Whether a variant has fallen behind by more than its release allows: counts in, breaches out."""

import math
from dataclasses import dataclass, field
from typing import Any, Final

from bentos.rollout.ledger import Row
from bentos.rollout.limits import Limits
from bentos.rollout.sequential import LOG_SCALE, PROPORTION_SCALE, Difference, Moments, difference

_LOST: Final = ("failed", "too_late")
_JUDGED: Final = ("answered", *_LOST)


def _proportion() -> Moments:
    return Moments(prior=(0.0, 1.0))


@dataclass
class Arm:
    """What one variant did: a mean per measure."""

    errors: Moments = field(default_factory=_proportion)
    abstentions: Moments = field(default_factory=_proportion)
    labelled_errors: Moments = field(default_factory=_proportion)
    log_ms: Moments = field(default_factory=Moments)

    def count(self, row: Row) -> None:
        """Take in one row of the journal.

        What says nothing about a variant is left out: inputs that nobody could use, callers who went away, answers
        from the cache, and the abstentions of answers that overload cut short.
        """
        if row.action == "feedback":
            if row.agrees is not None:
                self.labelled_errors.add(float(not row.agrees), unit=row.unit)
            return
        if row.outcome not in _JUDGED or row.cached:
            return
        self.errors.add(float(row.outcome in _LOST), unit=row.unit)
        if row.answer_ms is not None:
            self.log_ms.add(math.log(max(row.answer_ms, 1e-3)), unit=row.unit)
        if row.status is not None and not row.degraded:
            self.abstentions.add(float(row.status != "identified"), unit=row.unit)


@dataclass(frozen=True)
class Breach:
    """One measure beyond its limit."""

    measure: str
    limit: float
    found: Difference

    def as_dict(self) -> dict[str, Any]:
        """For the journal."""
        return {"measure": self.measure, "limit": self.limit, **self.found.as_dict()}


def judge(candidate: Arm, baseline: Arm | None, *, limits: Limits) -> list[Breach]:
    """Every measure by which the candidate is worse than the baseline by more than the limit.

    Without a baseline of enough answers only errors are judged, against none at all.
    """
    measures = (
        ("errors", limits.error_excess, PROPORTION_SCALE),
        ("abstentions", limits.abstention_excess, PROPORTION_SCALE),
        ("labelled_errors", limits.labelled_error_excess, PROPORTION_SCALE),
        ("log_ms", math.log(limits.latency_ratio), LOG_SCALE),
    )
    found = []
    for name, limit, scale in measures:
        mine, other = getattr(candidate, name), getattr(baseline, name) if baseline else None
        if other is not None and other.num < limits.min_answers:
            other = None
        if mine.num < limits.min_answers or (other is None and name != "errors"):
            continue
        held = difference(mine, other, alpha=limits.alpha, scale=scale)
        if held.low > limit:
            found.append(Breach(name, limit, held))
    return found


def judge_disagreement(differs: Moments, *, limits: Limits) -> Breach | None:
    """The share of answers that name something else, where it is beyond the limit."""
    if differs.num < limits.min_answers:
        return None
    held = difference(differs, None, alpha=limits.alpha, scale=PROPORTION_SCALE)
    return Breach("disagreement", limits.disagreement, held) if held.low > limits.disagreement else None
