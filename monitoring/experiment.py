"""The report of a trial: challenger minus champion with intervals that may be looked at at any time, and by slice.

Intervals and p-values are those of `bentos.rollout.sequential` (mixture sequential probability ratio test): they hold
at every look together, so that nobody has to fix beforehand when to look. Slices share their alpha between them
(Bonferroni). What the variant itself decides (route, status) is shown as a share of its answers; only slices by what
the caller gave compare like with like.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from bentos.journal import Journal
from bentos.rollout.decisions import decisions_in
from bentos.rollout.sequential import LOG_SCALE, PROPORTION_SCALE, Moments, difference, moments_of
from monitoring.experiment_rows import Compared, Role, Seen, Trial, last_trial, read_answers, read_comparisons

ALPHA: Final = 0.05
NUM_LOOKS: Final = 40
_PAIRED: Final = (-1.0, 1.0)
_PROPORTION: Final = (0.0, 1.0)
MEASURES: Final[Mapping[str, tuple[Callable[[Seen], float | None], tuple[float, ...], float]]] = {
    "errors": (lambda seen: float(seen.lost), _PROPORTION, PROPORTION_SCALE),
    "abstentions": (
        lambda seen: None if seen.status is None or seen.degraded else float(seen.status != "identified"),
        _PROPORTION,
        PROPORTION_SCALE,
    ),
    "labelled_errors": (
        lambda seen: None if seen.agrees is None else float(not seen.agrees),
        _PROPORTION,
        PROPORTION_SCALE,
    ),
    "log_ms": (lambda seen: math.log(seen.answer_ms) if seen.answer_ms else None, (), LOG_SCALE),
}
Values = Iterable[tuple[float, str | None]]


def experiment_report(journal: Journal, *, role: Role | None = None, alpha: float = ALPHA) -> dict[str, Any]:
    """Everything the journal says of the last trial, as JSON.

    Raises:
        ExperimentError: there never was one.
    """
    trial = last_trial(journal, role=role)
    answers, comparisons = read_answers(journal, trial), read_comparisons(journal, trial)
    if trial.role == "shadow":
        answers = [seen for seen in answers if seen.variant == "champion"]
    return {
        "role": trial.role,
        "champion": trial.champion,
        "candidate": trial.candidate,
        "releases": sorted(trial.releases),
        "since": trial.since.isoformat(),
        "until": max((row.at for row in (*answers, *comparisons)), default=trial.since).isoformat(),
        "alpha": alpha,
        "num": {name: sum(seen.variant == name for seen in answers) for name in ("champion", "challenger")},
        "num_sessions": len({row.unit for row in (*answers, *comparisons) if row.unit}),
        "measures": measured(answers, alpha=alpha) if trial.role == "challenger" else {},
        "slices": sliced(answers, alpha=alpha) if trial.role == "challenger" else {},
        "looks": looked(answers, alpha=alpha) if trial.role == "challenger" else {},
        "paired": paired(comparisons, alpha=alpha),
        "decisions": _decisions(journal, trial),
    }


def measured(answers: Sequence[Seen], *, alpha: float) -> dict[str, dict[str, Any]]:
    """Challenger minus champion in every measure; `decided` where the interval leaves nought out."""
    return {name: _held(_values(answers, "challenger", name), _values(answers, "champion", name), name, alpha=alpha)
            for name in MEASURES}  # fmt: skip


def sliced(answers: Sequence[Seen], *, alpha: float) -> dict[str, dict[str, dict[str, Any]]]:
    """Slice, value, measure: shares of route and status, and every measure by what the caller gave."""
    given = sorted({seen.cues for seen in answers if seen.cues != "unknown"})
    routes, statuses = (sorted({getattr(s, name) for s in answers} - {None}) for name in ("route", "status"))
    number = len(given) * len(MEASURES) + len(routes) + len(statuses)
    own = alpha / max(1, number)
    return {
        "cues": {cues: measured([s for s in answers if s.cues == cues], alpha=own) for cues in given},
        "route": {value: {"share": _share(answers, "route", value, alpha=own)} for value in routes},
        "status": {value: {"share": _share(answers, "status", value, alpha=own)} for value in statuses},
    }


def looked(answers: Sequence[Seen], *, alpha: float) -> dict[str, list[dict[str, Any]]]:
    """Each measure as somebody would have seen it who looked again and again."""
    step = max(1, len(answers) // NUM_LOOKS)
    arms = {(v, name): Moments(prior=MEASURES[name][1]) for v in ("champion", "challenger") for name in MEASURES}
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in MEASURES}
    for number, seen in enumerate(answers, start=1):
        for name, (value, _, _) in MEASURES.items():
            if (one := value(seen)) is not None:
                arms[seen.variant, name].add(one, unit=seen.unit)
        if number % step == 0 or number == len(answers):
            for name in MEASURES:
                held = _difference(arms["challenger", name], arms["champion", name], name, alpha=alpha)
                found[name] += [{"num": number, **held}] if held["decidable"] else []
    return found


def paired(comparisons: Sequence[Compared], *, alpha: float) -> dict[str, Any]:
    """Candidate minus champion on the same pictures: how often they differ, and who abstains."""
    both = [pair for pair in comparisons if pair.mine and pair.other]
    gaps = [(float(p.mine["drug"] is None) - float(p.other["drug"] is None), p.unit) for p in both]
    shares = {
        "failed": [(float(pair.failed), pair.unit) for pair in comparisons],
        "differs": [(float(pair.differs), pair.unit) for pair in both],
        "conflict": [(float(pair.conflict), pair.unit) for pair in both],
    }
    slices = {}
    for name in ("route", "status"):
        for value in sorted({pair.other[name] for pair in both}):
            part = [(float(pair.differs), pair.unit) for pair in both if pair.other[name] == value]
            slices[f"{name} {value}"] = _alone(part, prior=_PROPORTION, alpha=alpha)
    return {
        "num": len(comparisons),
        "abstentions": _alone(gaps, prior=_PAIRED, alpha=alpha),
        **{name: _alone(values, prior=_PROPORTION, alpha=alpha) for name, values in shares.items()},
        "differs_by_champions": slices,
    }


def _values(answers: Iterable[Seen], variant: str, name: str) -> list[tuple[float, str | None]]:
    value = MEASURES[name][0]
    found = ((value(seen), seen.unit) for seen in answers if seen.variant == variant)
    return [(one, unit) for one, unit in found if one is not None]


def _held(mine: Values, other: Values, name: str, *, alpha: float) -> dict[str, Any]:
    prior = MEASURES[name][1]
    return _difference(moments_of(mine, prior=prior), moments_of(other, prior=prior), name, alpha=alpha)


def _difference(mine: Moments, other: Moments, name: str, *, alpha: float) -> dict[str, Any]:
    if min(mine.num, other.num) < 2:
        return {"decidable": False, "num_candidate": mine.num, "num_baseline": other.num}
    held = difference(mine, other, alpha=alpha, scale=MEASURES[name][2] if name in MEASURES else PROPORTION_SCALE)
    return {"decidable": True, "difference": round(held.candidate - held.baseline, 6), **_finite(held.as_dict()),
            "decided": held.low > 0 or held.high < 0}  # fmt: skip


def _share(answers: Sequence[Seen], name: str, value: str, *, alpha: float) -> dict[str, Any]:
    arms = {}
    for variant in ("challenger", "champion"):
        own = [seen for seen in answers if seen.variant == variant and seen.status is not None]
        arms[variant] = moments_of(((float(getattr(s, name) == value), s.unit) for s in own), prior=_PROPORTION)
    return _difference(arms["challenger"], arms["champion"], "share", alpha=alpha)


def _alone(values: Sequence[tuple[float, str | None]], *, prior: tuple[float, ...], alpha: float) -> dict[str, Any]:
    if not values:
        return {"decidable": False, "num": 0}
    held = difference(moments_of(values, prior=prior), None, alpha=alpha, scale=PROPORTION_SCALE)
    return {"decidable": True, "num": len(values), **_finite({"value": held.candidate, "low": held.low,
                                                              "high": held.high})}  # fmt: skip


def _finite(values: Mapping[str, float]) -> dict[str, float | None]:
    """JSON has no infinity: a bound that is not there is null."""
    return {name: round(value, 6) if math.isfinite(value) else None for name, value in values.items()}


def _decisions(journal: Journal, trial: Trial) -> list[dict[str, Any]]:
    return [
        {"at": entry.at.isoformat(), "action": entry.action, "variant": entry.payload["variant"], "actor": entry.actor,
         "reasons": entry.payload.get("reasons", [])}
        for entry in decisions_in(journal)
        if entry.payload["release"] in trial.releases
    ]  # fmt: skip
