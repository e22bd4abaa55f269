"""Judging a recalibration: never worse than before beyond the noise, photograph by photograph, and said in words."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from bentos.runtime.contract import canonical_json
from monitoring.evaluate import QUESTIONS, Evaluation
from monitoring.gates import Gate, Gates, HarmWeights, Unit
from monitoring.metrics import Figure, mean_figure
from monitoring.records import PhotoRecord, Question

Value = Callable[[PhotoRecord], float]
_WORDS: Mapping[Question, str] = {
    "picture": "picture",
    "picture_and_imprint": "picture and imprint",
    "picture_and_partial_imprint": "picture and part of the imprint",
}


class RecalibrationPolicy(BaseModel):
    """What a recalibrated recogniser must show; the digest is in the verdict."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = "recalibration"
    min_looks: Annotated[int, Field(ge=2, description="fewer different pills than this judge nothing")] = 10

    @property
    def digest(self) -> str:
        """SHA-256 of the policy's canonical JSON, `sha256:<hex>`."""
        return "sha256:" + hashlib.sha256(canonical_json(self.model_dump(mode="json"))).hexdigest()


@dataclass(frozen=True)
class Comparison:
    """The same photographs judged before and after."""

    before: Evaluation
    after: Evaluation

    def pairs(self) -> list[tuple[PhotoRecord, PhotoRecord]]:
        """Each photograph's two records, in the order of the first."""
        later = {record.photo: record for record in self.after.records}
        return [(record, later[record.photo]) for record in self.before.records if record.photo in later]

    def held_together(self, value: Value, *, where: Callable[[PhotoRecord], bool]) -> tuple[Figure, Figure, Figure]:
        """Means before and after, and the mean difference, each with its interval over whole medications."""
        pairs = [pair for pair in self.pairs() if where(pair[0]) and where(pair[1])]
        groups = [old.ndc11 for old, _ in pairs]
        old, new = [value(first) for first, _ in pairs], [value(second) for _, second in pairs]
        gaps = [b - a for a, b in zip(old, new, strict=True)]
        found = (mean_figure(values, groups_N=groups, proportion=False) for values in (old, new, gaps))
        return tuple(found)


@dataclass(frozen=True)
class _Rule:
    name: str
    meaning: str
    kind: Literal["at least", "at most"]
    value: Value
    unit: Unit = "share"
    where: Callable[[PhotoRecord], bool] = lambda record: True


def judge_recalibration(
    found: Comparison, *, coverage_shown: bool, harm: HarmWeights, policy: RecalibrationPolicy | None = None
) -> Gates:
    """The gates of a recalibration; `coverage_shown` says that the sets' threshold is the site's own, a promise."""
    policy = policy or RecalibrationPolicy()
    gates = [_same_photographs(found), _enough(found, policy=policy)]
    gates += [_not_worse(rule, found) for rule in _rules(harm)]
    if coverage_shown:
        gates.append(_kept_promise(found))
    return Gates(policy=policy.name, policy_digest=policy.digest, gates=tuple(gates))


def _rules(harm: HarmWeights) -> Iterator[_Rule]:
    for question in QUESTIONS:
        words = _WORDS[question].capitalize()
        yield _Rule(f"{words}: right drug first", "Other weights must not cost right answers.", "at least",
                    lambda record, q=question: record.answers[q].drug.top1)  # fmt: skip
        yield _Rule(f"{words}: identified and wrong", "No more wrong names are given than before.", "at most",
                    lambda record, q=question: float(_identified_wrong(record, q)))  # fmt: skip
    yield _Rule("Picture: the set holds the pill", "Sets hold the pill as often as before.", "at least",
                lambda record: float(record.answers["picture"].in_set))  # fmt: skip
    yield _Rule("Picture: stated confidence against the truth (Brier score)",
                "What is said to be 80 % sure is right more nearly 80 times in 100.", "at most",
                _brier, "points")  # fmt: skip
    yield _Rule("Pill not in the gallery: named all the same", "Unknown pills are given no other pill's name.",
                "at most", lambda record: float(record.unknown[-1].status == "identified"),
                where=lambda record: bool(record.unknown))  # fmt: skip
    yield _Rule("Harm of confident errors per photograph", "Wrong drugs named, weighed by what they would do.",
                "at most", lambda record: _harm(record, harm), "points")  # fmt: skip


def _identified_wrong(record: PhotoRecord, question: Question) -> bool:
    return record.answers[question].identified and not record.answers[question].correct


def _brier(record: PhotoRecord) -> float:
    answer = record.answers["picture"]
    return (answer.confidence - float(answer.correct)) ** 2


def _harm(record: PhotoRecord, harm: HarmWeights) -> float:
    wrong = [record.answers[q] for q in QUESTIONS if _identified_wrong(record, q)]
    return sum(harm.weight(record.drug, answer.answered_drug) for answer in wrong)


def _not_worse(rule: _Rule, found: Comparison) -> Gate:
    """Passed unless it is worse with 95 % confidence; the limit is the old value less, or plus, the noise."""
    old, new, gap = found.held_together(rule.value, where=rule.where)
    gate = Gate(name=rule.name, meaning=rule.meaning, kind=rule.kind, unit=rule.unit, limit=None, measured=None,
                passed=False)  # fmt: skip
    if old.value is None:
        return gate
    noise = gap.high - gap.value if rule.kind == "at least" else gap.low - gap.value
    limit = old.value - noise
    passed = gap.high >= 0 if rule.kind == "at least" else gap.low <= 0
    return gate.model_copy(
        update={"limit": round(limit, 6), "measured": round(new.value, 6), "low": new.low, "high": new.high,
                "champion": round(old.value, 6), "passed": passed}
    )  # fmt: skip


def _kept_promise(found: Comparison) -> Gate:
    """Failed only where the photographs contradict the promise at 95 % confidence."""
    figure = found.after.metrics["questions"]["picture"]["set"]["coverage"]
    promise = found.after.metrics["about"]["promised_coverage"]
    return Gate(name="Picture: the set keeps its promise here", meaning="Coverage is promised for these photographs.",
                kind="at least", limit=promise, measured=figure["value"], low=figure["low"], high=figure["high"],
                passed=figure["high"] is not None and figure["high"] >= promise)  # fmt: skip


def _same_photographs(found: Comparison) -> Gate:
    old, new = (side.metrics["about"]["photos_digest"] for side in (found.before, found.after))
    return Gate(name="Asked the same photographs", meaning="A comparison on other photographs is none.", kind="equal",
                unit="digest", limit=old, measured=new, champion=old, passed=old == new)  # fmt: skip


def _enough(found: Comparison, *, policy: RecalibrationPolicy) -> Gate:
    looks = found.after.metrics["about"]["num_medications"]
    return Gate(name="Different pills judged", meaning="Enough pills were asked that nothing was fitted on.",
                kind="at least", unit="photographs", limit=policy.min_looks, measured=looks,
                passed=looks >= policy.min_looks)  # fmt: skip


def changes(found: Comparison) -> list[tuple[str, str, str]]:
    """What a person wants to know: name, before, after."""
    rows: list[tuple[str, str, str]] = []
    for question in QUESTIONS:
        both = [side.metrics["questions"][question] for side in (found.before, found.after)]
        words = _WORDS[question]
        rows.append((f"{words}: right drug first", *(_share(one["drug"]["top1"]) for one in both)))
        rows.append((f"{words}: identified", *(_share(one["operating_point"]["coverage"]) for one in both)))
        rows.append((f"{words}: right when identified", *(_share(one["operating_point"]["accuracy"]) for one in both)))
        rows.append((f"{words}: the set holds the pill", *(_share(one["set"]["coverage"]) for one in both)))
        rows.append((f"{words}: pills in a set", *(_number(one["set"]["mean_size"]) for one in both)))
    unknown = [side.metrics["unknown"]["by_gallery_size"] for side in (found.before, found.after)]
    if all(unknown):
        rows.append(("unknown pill named", *(_share(sizes[-1]["false_identified"]) for sizes in unknown)))
    return rows


def _share(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None:
        return "none"
    return f"{figure['value']:.1%} ({figure['low']:.1%} to {figure['high']:.1%})"


def _number(figure: Mapping[str, Any]) -> str:
    return "none" if figure["value"] is None else f"{figure['value']:.1f}"


def page(title: str, *, story: Sequence[str], rows: Sequence[tuple[str, str, str]], gates: Sequence[Gate]) -> str:
    """The recalibration as a Markdown page: what was done, what changed, which gates held."""
    lines = [f"# {title}", "", *story, "", "| | before | after |", "|---|---|---|"]
    lines += [f"| {name} | {before} | {after} |" for name, before, after in rows]
    lines += ["", "| gate | before | limit | after | |", "|---|---|---|---|---|"]
    lines += [
        f"| {gate.name} | {_cell(gate.champion)} | {gate.kind} {_cell(gate.limit)} | {_cell(gate.measured)} | "
        f"{'passed' if gate.passed else 'FAILED'} |"
        for gate in gates
    ]
    return "\n".join(lines) + "\n"


def _cell(value: float | str | None) -> str:
    if isinstance(value, str):
        return value[:19]
    return "" if value is None else f"{value:.4g}"
