"""The gates' truth table: what passes, what is refused, and why."""

import pytest

from monitoring.gates import Gates, failures_in_words, harm_per_thousand, judge, weighed_errors
from monitoring.policy import DEMO, POLICIES, GatePolicy, PolicyError, policy_named
from tests.monitoring.making import MISS, FlatHarm, asked, evaluation, record

NUM = 300
EASY = GatePolicy(**{**DEMO.model_dump(), "name": "easy", "unseen_top5": 0.0, "imprint_top1": 0.9, "max_harm": 150.0})


def photographs(*, wrong: int = 0, unsure: int = 0, high_alert: int = 0) -> list:
    """NUM photographs of 50 medications: `wrong` named wrongly with confidence, `unsure` wrong but not named."""
    answers = [asked(right=False)] * wrong + [asked(right=False, status="uncertain", confidence=0.3)] * unsure
    answers += [asked()] * (NUM - len(answers))
    return [
        record(
            i % 50,
            photo=f"{i:064x}",
            drug=f"high{i}" if i < high_alert else f"drug{i % 50}",
            role="unseen" if i % 10 == 0 else "seen",
            answer=answer,
            unknown=({"gallery_size": 50, "status": "unknown", "answered_medication": None, "confidence": 0.1,
                      "unknown_probability": 0.9},),
        )
        for i, answer in enumerate(answers)
    ]  # fmt: skip


def judged(records: list, *, champion: list | None = None, policy: GatePolicy = EASY) -> Gates:
    other = None if champion is None else evaluation(champion)
    return judge(evaluation(records), champion=other, policy=policy, harm=FlatHarm())


def failed(gates: Gates) -> set[str]:
    return {gate.name.split(" (")[0] for gate in gates.failures}


def test_a_good_recogniser_passes_every_gate() -> None:
    assert judged(photographs()).passed


def test_an_overconfident_recogniser_is_refused_by_accuracy_calibration_and_harm() -> None:
    found = failed(judged(photographs(wrong=60)))
    assert {"Picture: right when identified", "Harm of confident errors per 1,000 answers"} <= found


def test_too_few_photographs_prove_nothing() -> None:
    assert "Test photographs" in failed(judged(photographs()[:100]))


def test_a_figure_that_was_not_measured_never_passes() -> None:
    records = [item.model_copy(update={"role": "unseen", "alone": {}, "unknown": ()}) for item in photographs()]
    gates = judged(records)
    missing = {gate.name for gate in gates.gates if gate.measured is None}
    assert "The fast network alone: right drug first" in missing
    assert "Picture, seen pills: right drug first" in missing
    assert "Pill not in the gallery: named all the same" in missing
    assert missing <= {gate.name for gate in gates.failures}


def test_a_recogniser_that_never_commits_itself_is_refused_for_its_silence() -> None:
    silent = [record(i % 50, photo=f"{i:064x}", answer=asked(status="uncertain", confidence=0.7)) for i in range(NUM)]
    found = failed(judged(silent))
    assert "Picture and imprint: identified" in found
    assert "Picture: right when identified" not in found


@pytest.mark.parametrize("member", ["fast", "accurate"])
def test_one_dummy_member_is_refused_behind_a_good_ensemble(member: str) -> None:
    records = [item.model_copy(update={"alone": {**item.alone, member: MISS}}) for item in photographs()]
    assert failed(judged(records)) == {f"The {member} network alone: right drug first"}


def test_a_slice_left_behind_is_refused_and_named() -> None:
    records = [
        item.model_copy(update={"slices": {"color": "BLUE"}, "answers": dict.fromkeys(item.answers, asked(
            right=False, status="uncertain", confidence=0.3))}) if i < 40 else item
        for i, item in enumerate(photographs())
    ]  # fmt: skip
    names = {gate.name for gate in judged(records).failures}
    assert "Worst slice, picture: right drug first (color=BLUE)" in names


def test_a_small_slice_is_shown_but_not_gated() -> None:
    records = [
        item.model_copy(update={"slices": {"color": "BLUE"}, "answers": dict.fromkeys(item.answers, asked(
            right=False, status="uncertain", confidence=0.3))}) if i < DEMO.min_slice_num - 1 else item
        for i, item in enumerate(photographs())
    ]  # fmt: skip
    assert "Worst slice, picture: right drug first" not in failed(judged(records))


def test_better_top1_with_more_harmful_confident_errors_is_refused() -> None:
    champion, candidate = photographs(wrong=1, unsure=60), photographs(wrong=3, unsure=10, high_alert=3)
    gates = judged(candidate, champion=champion)
    assert failed(gates) == {"Against the champion: harm of confident errors"}
    better = next(gate for gate in gates.gates if gate.name.endswith("picture: right drug first") and gate.champion)
    assert better.measured > better.champion


def test_fewer_harmful_errors_pass_against_the_champion() -> None:
    assert judged(photographs(unsure=10), champion=photographs(wrong=2, unsure=10)).passed


def test_a_candidate_clearly_below_the_champion_is_refused() -> None:
    found = failed(judged(photographs(unsure=30), champion=photographs()))
    assert "Against the champion: picture: right drug first" in found


def test_a_comparison_on_other_photographs_is_refused() -> None:
    first, second = evaluation(photographs()), evaluation(photographs(), photos_digest="sha256:" + "00" * 32)
    gates = judge(first, champion=second, policy=EASY, harm=FlatHarm())
    assert failed(gates) == {"Against the champion: asked the same photographs"}


def test_harm_is_counted_over_every_question_and_high_alert_drugs_weigh_more() -> None:
    measured = evaluation(photographs(wrong=3, high_alert=1))
    assert harm_per_thousand(measured, harm=FlatHarm()) == pytest.approx(1000 * (10 + 1 + 1) / NUM)
    worst = weighed_errors(measured, harm=FlatHarm())[0]
    assert (worst["harm"], worst["high_alert"]) == (10.0, True)


def test_a_failure_is_told_in_words() -> None:
    sentences = failures_in_words(judged(photographs()[:100]).gates)
    assert any("Test photographs: 100" in sentence for sentence in sentences)


def test_every_profile_has_a_policy_and_stricter_profiles_are_stricter() -> None:
    demo, standard, production = (policy_named(name) for name in ("demo", "standard", "production"))
    assert demo.picture_top1 < standard.picture_top1 <= production.picture_top1
    assert demo.max_harm > standard.max_harm > production.max_harm
    assert standard.picture_top1 >= 0.95
    assert standard.imprint_top1 >= 0.99
    assert len({policy.digest for policy in POLICIES.values()}) == 3


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(PolicyError, match="lenient"):
        policy_named("lenient")
