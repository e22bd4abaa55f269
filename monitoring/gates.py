"""Gates: an evaluation held against the policy's floors and against the champion; errors weighed by harm."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from monitoring.policy import GatePolicy
from monitoring.summary import worst_slice


class HarmWeights(Protocol):
    """What is needed of `data.harm.Harm`."""

    def weight(self, true_drug: str, answered_drug: str) -> float: ...

    def is_high_alert(self, clinical_drug: str) -> bool: ...


class Gate(BaseModel):
    """One gate: what was measured, against what.

    `measured` is None where nothing could be measured, which never passes. `champion` is the champion's
    value where there is one; `limit` the floor or ceiling in force, the champion's included.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    meaning: str
    kind: Literal["at least", "at most", "equal"]
    limit: float | str | None
    measured: float | str | None
    low: float | None = None
    high: float | None = None
    champion: float | str | None = None
    passed: bool


class Gates(BaseModel):
    """All gates of one evaluation under one policy."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    policy: str
    policy_digest: str
    gates: tuple[Gate, ...]

    @property
    def passed(self) -> bool:
        """Whether every gate passed."""
        return all(gate.passed for gate in self.gates)

    @property
    def failures(self) -> tuple[Gate, ...]:
        """The gates that did not pass."""
        return tuple(gate for gate in self.gates if not gate.passed)


def judge(
    evaluation: Mapping[str, Any], *, champion: Mapping[str, Any] | None, policy: GatePolicy, harm: HarmWeights
) -> Gates:
    """Hold an evaluation's JSON against the policy, and against the champion's evaluation on the same photographs."""
    gates = [*_floors(evaluation, policy=policy), _harm_limit(evaluation, policy=policy, harm=harm)]
    if champion is not None:
        gates += _no_regression(evaluation, champion=champion, policy=policy, harm=harm)
    return Gates(policy=policy.name, policy_digest=policy.digest, gates=tuple(gates))


def harm_per_thousand(evaluation: Mapping[str, Any], *, harm: HarmWeights) -> float:
    """Harm-weighted confident errors per 1,000 answers, over every question that was asked."""
    total = sum(error["harm"] for error in weighed_errors(evaluation, harm=harm))
    asked = evaluation["about"]["num_photos"] * len(evaluation["confident_errors"])
    return 1000 * total / asked if asked else 0.0


def weighed_errors(evaluation: Mapping[str, Any], *, harm: HarmWeights) -> list[dict[str, Any]]:
    """Every confident error with its question and harm, most harmful first; high-alert drugs are marked."""
    found = [
        {
            **error,
            "question": question,
            "harm": harm.weight(error["drug"], error["answered_drug"]),
            "high_alert": harm.is_high_alert(error["drug"]) or harm.is_high_alert(error["answered_drug"]),
        }
        for question, errors in evaluation["confident_errors"].items()
        for error in errors
    ]
    return sorted(found, key=lambda error: (-error["harm"], -error["confidence"]))


def _floors(evaluation: Mapping[str, Any], *, policy: GatePolicy) -> Iterator[Gate]:
    questions, roles = evaluation["questions"], evaluation["roles"]
    about = evaluation["about"]
    seen, unseen = roles.get("seen"), roles.get("unseen")
    yield _at_least("test photographs", {"value": about["num_photos"]}, policy.min_photos,
                    "Enough photographs were asked to say anything.")  # fmt: skip
    yield _at_least("picture, seen pills: drug top-1", _pick(seen, "picture", "drug", "top1"), policy.picture_top1,
                    "The first answer names the right drug, from the photograph alone.")  # fmt: skip
    yield _at_least("picture, unseen pills: drug top-5", _pick(unseen, "picture", "drug", "top5"), policy.unseen_top5,
                    "Pills that no training has seen are found among the first five.")  # fmt: skip
    yield _at_least("picture and imprint: drug top-1", _pick(questions, "picture_and_imprint", "drug", "top1"),
                    policy.imprint_top1, "With the whole imprint typed, the first answer is right.")  # fmt: skip
    worst = worst_slice(evaluation["slices"], min_num=policy.min_slice_num)
    yield _at_least(f"worst slice ({worst['slice'] if worst else 'none is large enough'}): drug top-1", worst,
                    policy.worst_slice_top1, "No colour, shape, background, light or blur is left behind.")  # fmt: skip
    for member, floor in sorted(policy.member_top1.items()):
        yield _at_least(f"{member} member alone: drug top-1", _pick(evaluation["members"], member, "top1"), floor,
                        "Each member carries weight: a dummy cannot hide behind the other.")  # fmt: skip
    yield from _trust(evaluation, policy=policy)


def _trust(evaluation: Mapping[str, Any], *, policy: GatePolicy) -> Iterator[Gate]:
    about = evaluation["about"]
    for question, figures in evaluation["questions"].items():
        yield _accuracy(question, figures["operating_point"]["accuracy"], policy=policy)
    yield _at_least("picture and imprint: share identified",
                    _pick(evaluation["questions"], "picture_and_imprint", "operating_point", "coverage"),
                    policy.imprint_coverage, "With the imprint typed, most pills get a name.")  # fmt: skip
    yield _at_most("picture: calibration error", _pick(evaluation["calibration"], "picture", "ece"), policy.max_ece,
                   "A stated confidence of 80 % is right about 80 times in 100.")  # fmt: skip
    promise = about["promised_coverage"] - policy.set_coverage_slack
    yield _at_least("picture, seen pills: set coverage", _pick(evaluation["roles"].get("seen"), "picture", "set",
                    "coverage"), promise, "The prediction set holds the pill as often as promised.")  # fmt: skip
    unknown = evaluation["unknown"]["by_gallery_size"]
    yield _at_most("pill not in the gallery: identified all the same", _pick(unknown[-1], "false_identified")
                   if unknown else None, policy.max_false_identified,
                   "A pill that is not in the gallery is not given another pill's name.")  # fmt: skip
    total = evaluation["latency_ms"].get("total")
    yield _at_most("latency of an answer, 95th percentile, ms", {"value": total["p95"]} if total else None,
                   policy.max_latency_ms, "The answer comes while the person waits.")  # fmt: skip


def _accuracy(question: str, accuracy: Mapping[str, Any], *, policy: GatePolicy) -> Gate:
    name, floor = f"{_words(question)}: accuracy when identified", policy.identified_accuracy
    if accuracy["num"] == 0:
        return Gate(name=name, kind="at least", limit=floor, measured="none identified", passed=True,
                    meaning="No answer committed itself, so none was wrong.")  # fmt: skip
    return _at_least(name, accuracy, floor, "When the system commits itself to a drug, it is right.")


def _harm_limit(evaluation: Mapping[str, Any], *, policy: GatePolicy, harm: HarmWeights) -> Gate:
    return _at_most("harm of confident errors, per 1,000 answers", {"value": harm_per_thousand(evaluation, harm=harm)},
                    policy.max_harm, "Wrong drugs named with confidence, weighed by what they would do.")  # fmt: skip


def _no_regression(
    evaluation: Mapping[str, Any], *, champion: Mapping[str, Any], policy: GatePolicy, harm: HarmWeights
) -> Iterator[Gate]:
    mine, theirs = evaluation["about"]["photos_digest"], champion["about"]["photos_digest"]
    yield Gate(name="compared with the champion on the same photographs", kind="equal", limit=theirs, measured=mine,
               champion=theirs, passed=mine == theirs,
               meaning="A comparison on other photographs is none.")  # fmt: skip
    for question in evaluation["questions"]:
        yield _not_below(f"{_words(question)}: drug top-1 against the champion",
                         _pick(evaluation["questions"], question, "drug", "top1"),
                         _pick(champion["questions"], question, "drug", "top1"), policy.regression_slack)  # fmt: skip
    worst = worst_slice(champion["slices"], min_num=policy.min_slice_num)
    yield _not_below("worst slice against the champion's worst",
                     worst_slice(evaluation["slices"], min_num=policy.min_slice_num), worst,
                     policy.regression_slack)  # fmt: skip
    before = harm_per_thousand(champion, harm=harm)
    gate = _at_most("harm of confident errors against the champion",
                    {"value": harm_per_thousand(evaluation, harm=harm)}, before + policy.harm_slack,
                    "Better accuracy does not pay for more harmful errors.")  # fmt: skip
    yield gate.model_copy(update={"champion": before})


def _not_below(name: str, figure: Mapping | None, champion: Mapping | None, slack: float) -> Gate:
    before = champion["value"] if champion else None
    gate = _at_least(name, figure, None if before is None else before - slack,
                     "Not worse than what is served today, beyond sampling noise.")  # fmt: skip
    return gate.model_copy(update={"champion": before})


def _at_least(name: str, figure: Mapping | None, limit: float | None, meaning: str) -> Gate:
    value = figure["value"] if figure else None
    passed = value is not None and (limit is None or value >= limit)
    return _gate(name, figure, kind="at least", limit=limit, passed=passed, meaning=meaning)


def _at_most(name: str, figure: Mapping | None, limit: float, meaning: str) -> Gate:
    value = figure["value"] if figure else None
    passed = value is not None and value <= limit
    return _gate(name, figure, kind="at most", limit=limit, passed=passed, meaning=meaning)


def _gate(name: str, figure: Mapping | None, *, kind: str, limit: float | None, passed: bool, meaning: str) -> Gate:
    known = figure or {}
    return Gate(name=name, meaning=meaning, kind=kind, limit=limit, measured=known.get("value"), passed=passed,
                low=known.get("low"), high=known.get("high"))  # fmt: skip


def _pick(tree: Mapping[str, Any] | None, *path: str) -> Mapping[str, Any] | None:
    """The figure at a path; None where a part of it was not measured."""
    node: Any = tree
    for key in path:
        if node is None or key not in node:
            return None
        node = node[key]
    return node


def _words(question: str) -> str:
    return question.replace("_and_", " and ").replace("_", " ")


def failures_in_words(gates: Sequence[Gate]) -> list[str]:
    """One sentence per failed gate, for logs and errors."""
    return [f"{g.name}: {g.measured if g.measured is not None else 'not measured'}, {g.kind} {g.limit}" for g in gates
            if not g.passed]  # fmt: skip
