"""Gates: an evaluation held against the policy's floors and against the champion; errors weighed by harm."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from monitoring.policy import GatePolicy
from monitoring.summary import worst_slice


class HarmWeights(Protocol):
    """What is needed of `data.harm.Harm`."""

    def weight(self, true_drug: str, answered_drug: str) -> float: ...

    def is_high_alert(self, clinical_drug: str) -> bool: ...


Unit = Literal["share", "photographs", "views", "ms", "points", "digest"]
NUM_PHOTOS, WORST_SLICE, UNKNOWN, HARM, LATENCY = (
    ("num_photos",),
    ("worst_slice",),
    ("unknown",),
    ("harm",),
    ("latency",),
)


@dataclass(frozen=True)
class Rule:
    """One condition of a policy: the path of a figure in an evaluation, and its floor or limit."""

    name: str
    path: tuple[str, ...]
    kind: Literal["at least", "at most"]
    limit: float | None
    meaning: str
    unit: Unit = "share"


class Gate(BaseModel):
    """One gate: what was measured, against what.

    `measured` is None where nothing could be measured, which never passes. `champion` is the champion's
    value where there is one; `limit` the floor or ceiling in force, the champion's included.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    meaning: str
    kind: Literal["at least", "at most", "equal"]
    unit: Unit = "share"
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
    gates = [
        _floor(rule, evaluation, champion=champion, policy=policy, harm=harm)
        for rule in rules(evaluation, policy=policy)
    ]
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


def rules(evaluation: Mapping[str, Any], *, policy: GatePolicy) -> list[Rule]:
    """The floors and limits of a policy, in the order of the report."""
    promise = evaluation["about"]["promised_coverage"] - policy.set_coverage_slack
    return [
        Rule("Test photographs", NUM_PHOTOS, "at least", policy.min_photos,
             "Enough photographs were asked to say anything.", "photographs"),
        Rule("Picture, seen pills: right drug first", ("roles", "seen", "picture", "drug", "top1"), "at least",
             policy.picture_top1, "The first answer names the right drug, from the photograph alone."),
        Rule("Picture, unseen pills: right drug among five", ("roles", "unseen", "picture", "drug", "top5"), "at least",
             policy.unseen_top5, "Pills that no training has seen are found among the first five."),
        Rule("Picture and imprint: right drug first", ("questions", "picture_and_imprint", "drug", "top1"), "at least",
             policy.imprint_top1, "With the whole imprint typed, the first answer is right."),
        Rule("Worst slice, picture: right drug first", WORST_SLICE, "at least", policy.worst_slice_top1,
             "No colour, shape, background, light or blur is left behind."),
        *[Rule(f"The {member} network alone: right drug first", ("members", member, "top1"), "at least", floor,
               "Each network has learned something: a dummy cannot hide behind the other.")
          for member, floor in sorted(policy.member_top1.items())],
        *[Rule(f"{_words(question)}: right when identified", ("questions", question, "operating_point", "accuracy"),
               "at least", policy.identified_accuracy, "When the system commits itself to a drug, it is right.")
          for question in evaluation["questions"]],
        Rule("Picture and imprint: identified", ("questions", "picture_and_imprint", "operating_point", "coverage"),
             "at least", policy.imprint_coverage, "With the imprint typed, most pills get a name."),
        Rule("Picture: calibration error", ("calibration", "picture", "ece"), "at most", policy.max_ece,
             "A stated confidence of 80 % is right about 80 times in 100."),
        Rule("Picture, seen pills: the set holds the pill", ("roles", "seen", "picture", "set", "coverage"), "at least",
             promise, "The prediction set keeps its promise, within the slack of the policy."),
        Rule("Pill not in the gallery: named all the same", UNKNOWN, "at most", policy.max_false_identified,
             "A pill that is not in the gallery is not given another pill's name."),
        Rule("Harm of confident errors per 1,000 answers", HARM, "at most", policy.max_harm,
             "Wrong drugs named with confidence, weighed by what they would do.", "points"),
        Rule("Time for an answer, 95 of 100", LATENCY, "at most", policy.max_latency_ms,
             "The answer comes while the person waits.", "ms"),
    ]  # fmt: skip


def _floor(
    rule: Rule,
    evaluation: Mapping[str, Any],
    *,
    champion: Mapping[str, Any] | None,
    policy: GatePolicy,
    harm: HarmWeights,
) -> Gate:
    found = _figure(evaluation, rule.path, policy=policy, harm=harm)
    before = _figure(champion, rule.path, policy=policy, harm=harm) if champion else None
    gate = _gate(rule, found, limit=rule.limit, champion=before["value"] if before else None)
    if rule.path[-1] == "accuracy" and found is not None and found["num"] == 0:
        return gate.model_copy(update={"measured": "none identified", "passed": True})
    if rule.path == WORST_SLICE and found is not None:
        return gate.model_copy(update={"name": f"{rule.name} ({found['slice']})"})
    return gate


def _no_regression(
    evaluation: Mapping[str, Any], *, champion: Mapping[str, Any], policy: GatePolicy, harm: HarmWeights
) -> Iterator[Gate]:
    mine, theirs = evaluation["about"]["photos_digest"], champion["about"]["photos_digest"]
    yield Gate(
        name="Against the champion: asked the same photographs",
        meaning="A comparison on other photographs is none.",
        kind="equal",
        unit="digest",
        limit=theirs,
        measured=mine,
        champion=theirs,
        passed=mine == theirs,
    )
    slack, words = policy.regression_slack, "Not worse than what is served today, beyond sampling noise."
    paths = {f"{_words(q)}: right drug first": ("questions", q, "drug", "top1") for q in evaluation["questions"]}
    for name, path in (paths | {"Worst slice, picture: right drug first": WORST_SLICE}).items():
        before = _figure(champion, path, policy=policy, harm=harm)
        limit = None if before is None else before["value"] - slack
        rule = Rule(f"Against the champion: {name[0].lower()}{name[1:]}", path, "at least", limit, words)
        found = _figure(evaluation, path, policy=policy, harm=harm)
        yield _gate(rule, found, limit=limit, champion=before["value"] if before else None)
    before = harm_per_thousand(champion, harm=harm)
    rule = Rule("Against the champion: harm of confident errors", HARM, "at most", before + policy.harm_slack,
                "Better accuracy does not pay for more harmful errors.", "points")  # fmt: skip
    found = _figure(evaluation, HARM, policy=policy, harm=harm)
    yield _gate(rule, found, limit=rule.limit, champion=before)


def _gate(rule: Rule, found: Mapping[str, Any] | None, *, limit: float | None, champion: float | None) -> Gate:
    known = found or {}
    value = known.get("value")
    within = limit is None or (value is not None and (value >= limit if rule.kind == "at least" else value <= limit))
    return Gate(
        name=rule.name,
        meaning=rule.meaning,
        kind=rule.kind,
        unit=rule.unit,
        limit=limit,
        measured=value,
        low=known.get("low"),
        high=known.get("high"),
        champion=champion,
        passed=value is not None and within,
    )


def _figure(
    evaluation: Mapping[str, Any], path: tuple[str, ...], *, policy: GatePolicy, harm: HarmWeights
) -> Mapping[str, Any] | None:
    """The figure that a rule is about; None where it was not measured."""
    if path == NUM_PHOTOS:
        return {"value": evaluation["about"]["num_photos"]}
    if path == WORST_SLICE:
        return worst_slice(evaluation["slices"], min_num=policy.min_slice_num)
    if path == UNKNOWN:
        sizes = evaluation["unknown"]["by_gallery_size"]
        return sizes[-1]["false_identified"] if sizes else None
    if path == HARM:
        return {"value": harm_per_thousand(evaluation, harm=harm)}
    if path == LATENCY:
        total = evaluation["latency_ms"].get("total")
        return {"value": total["p95"]} if total else None
    return _pick(evaluation, path)


def _pick(tree: Mapping[str, Any], path: tuple[str, ...]) -> Mapping[str, Any] | None:
    node: Any = tree
    for key in path:
        if key not in node:
            return None
        node = node[key]
    return node


def _words(question: str) -> str:
    return question.capitalize().replace("_and_", " and ").replace("_", " ")


def failures_in_words(gates: Sequence[Gate]) -> list[str]:
    """One sentence per failed gate, for logs and errors."""
    return [
        f"{gate.name}: {'not measured' if gate.measured is None else gate.measured}, demanded {gate.kind} {gate.limit}"
        for gate in gates
        if not gate.passed
    ]
