"""What the policy file asks above the gates is asked of every promotion, refused ones are entries, the rest is free."""

from pathlib import Path

import pytest

from bentos.evidence.approvals import ApprovalError
from bentos.journal import Journal
from monitoring.evidence.envelope import EnvelopeError, RulesFileError, read_envelope
from monitoring.evidence.rules import Rules
from monitoring.promote import ReleaseDesk
from monitoring.trial import challenge
from tests.builders import tiny_bundle
from tests.monitoring.desk import LATER, a_desk, bundle
from tests.monitoring.evidence.making import approved_by, judged, measured, put_in_force, with_rules


@pytest.fixture
def desk(tmp_path: Path) -> ReleaseDesk:
    return a_desk(tmp_path)


def refusals(desk: ReleaseDesk) -> list[tuple[str, str, str]]:
    entries = Journal(desk.journal_url).entries()
    return [(one.action, one.outcome, one.payload["why"]) for one in entries if one.action.startswith("refuse_")]


def test_without_a_policy_file_nobody_is_asked(desk: ReleaseDesk) -> None:
    bundle(desk, "one")
    put_in_force(desk, "one", verdict=judged(desk, "one", launched_by=None), version="1")
    (entry,) = Journal(desk.journal_url).entries(action="promote")
    assert entry.payload["rules"]["name"] == "gates alone"
    assert entry.payload["approvals"] == []


def test_two_approvals_are_asked_for_counted_and_recorded(desk: ReleaseDesk) -> None:
    strict = with_rules(desk, needed=2)
    bundle(desk, "one")
    verdict = judged(desk, "one")
    approved_by(desk, "anna", "one", verdict=verdict)
    with pytest.raises(ApprovalError, match="2 approvals are needed, 1 count"):
        put_in_force(strict, "one", verdict=verdict, version="1")
    assert strict.current() is None
    approved_by(desk, "cora", "one", verdict=verdict)
    put_in_force(strict, "one", verdict=verdict, version="1")
    (entry,) = Journal(desk.journal_url).entries(action="promote")
    assert [(one["name"], one["role"]) for one in entry.payload["approvals"]] == [
        ("Anna", "pharmacist"), ("Cora", "quality"),
    ]  # fmt: skip
    assert [(action, outcome) for action, outcome, _ in refusals(desk)] == [("refuse_promote", "approvals")]


def test_approvals_of_one_bundle_do_not_let_another_pass(desk: ReleaseDesk) -> None:
    strict = with_rules(desk, needed=1)
    bundle(desk, "one")
    bundle(desk, "two", name="other")
    approved_by(desk, "anna", "one", verdict=judged(desk, "one"))
    with pytest.raises(ApprovalError, match="about another recogniser"):
        put_in_force(strict, "two", verdict=judged(desk, "two"), version="2")


def test_an_approval_falls_with_the_verdict_that_was_read(desk: ReleaseDesk) -> None:
    strict = with_rules(desk, needed=1)
    bundle(desk, "one")
    approved_by(desk, "anna", "one", verdict=judged(desk, "one"))
    with pytest.raises(ApprovalError, match="about another verdict"):
        put_in_force(strict, "one", verdict=judged(desk, "one", at=LATER), version="1")


def test_a_job_that_does_not_say_who_launched_it_is_refused(desk: ReleaseDesk) -> None:
    strict = with_rules(desk, needed=1)
    nameless = ReleaseDesk(**{**vars(strict), "actor": "dagster:1234"})
    bundle(desk, "one")
    verdict = judged(desk, "one")
    approved_by(desk, "anna", "one", verdict=verdict)
    with pytest.raises(ApprovalError, match="is not recorded"):
        put_in_force(nameless, "one", verdict=verdict, version="1")


def test_a_challenger_needs_the_approvals_that_a_champion_needs(desk: ReleaseDesk) -> None:
    bundle(desk, "one")
    put_in_force(desk, "one", verdict=judged(desk, "one"), version="1")
    strict = with_rules(desk, needed=1)
    recogniser, gallery = bundle(desk, "two", name="other")
    with pytest.raises(ApprovalError):
        challenge(strict, recogniser=recogniser, gallery=gallery, verdict=judged(desk, "two"), version="2", share=0.1,
                  now=LATER)  # fmt: skip
    assert [action for action, _, _ in refusals(desk)] == ["refuse_challenge"]


def test_a_failed_verdict_is_refused_and_recorded_whatever_was_approved(desk: ReleaseDesk) -> None:
    from monitoring.verdict import VerdictError

    strict = with_rules(desk, needed=1)
    bundle(desk, "one")
    verdict = judged(desk, "one", passed=False)
    approved_by(desk, "anna", "one", verdict=verdict)
    with pytest.raises(VerdictError):
        put_in_force(strict, "one", verdict=verdict, version="1")
    assert refusals(desk)[0][:2] == ("refuse_promote", "verdict")


FORESEEN = [{"kind": kind, "why": "tests"} for kind in ("weights", "calibration", "training_data")]


def second(desk: ReleaseDesk, **overrides) -> None:
    """A champion from one bundle, and another bundle that differs in what is given."""
    bundle(desk, "one")
    put_in_force(desk, "one", verdict=judged(desk, "one"), version="1")
    tiny_bundle(desk.home / "two", **overrides)


def test_a_foreseen_change_passes_and_is_told(desk: ReleaseDesk) -> None:
    second(desk, unknown_prior=0.2, training_fingerprint="sha256:other")
    inside = with_rules(desk, envelope={"may_change": FORESEEN})
    put_in_force(inside, "two", verdict=judged(desk, "two"), version="2", now=LATER)
    told = Journal(desk.journal_url).entries(action="promote")[-1].payload["changes"]
    assert any("fitted anew" in words for words in told)
    assert any("training data" in words for words in told)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"profile": "production"}, "a change of profile is not foreseen: profile: production instead of demo"),
        ({"calibration_domain": "another site"}, "a change of calibration_domain is not foreseen"),
        ({"promised_coverage": 0.8}, "a change of promised_coverage is not foreseen"),
        ({"training_facts": {"commit": "abc"}}, "a change of code is not foreseen"),
        ({"training_facts": {"torch": "9"}}, "a change of libraries is not foreseen"),
    ],
)
def test_a_change_that_is_not_foreseen_is_refused_and_recorded(desk: ReleaseDesk, changed: dict, reason: str) -> None:
    second(desk, **changed)
    inside = with_rules(desk, envelope={"may_change": FORESEEN})
    with pytest.raises(EnvelopeError, match=reason):
        put_in_force(inside, "two", verdict=judged(desk, "two"), version="2", now=LATER)
    assert inside.current().champion.version == "1"
    action, outcome, why = refusals(desk)[0]
    assert (action, outcome) == ("refuse_promote", "envelope")
    assert reason in why


def test_a_champion_whose_files_are_gone_is_no_way_around_the_envelope(desk: ReleaseDesk) -> None:
    second(desk, profile="production")
    (desk.home / "one" / "recogniser" / "recogniser.json").unlink()
    inside = with_rules(desk, envelope={"may_change": FORESEEN})
    with pytest.raises(EnvelopeError, match="a change of unknown is not foreseen"):
        put_in_force(inside, "two", verdict=judged(desk, "two"), version="2", now=LATER)


IMPACT = {"accepted_impact": [{"figure": "picture_top1", "may_worsen_by": 0.02, "bound": 0.8}]}


@pytest.mark.parametrize(
    ("after", "reason"),
    [(0.89, None), (0.87, "worse by 0.03, 0.02 is accepted"), (0.79, "demanded at least 0.8"), (None, "not measured")],
)
def test_the_impact_is_held_against_the_champion_on_the_same_photographs(
    desk: ReleaseDesk, after: float | None, reason: str | None
) -> None:
    second(desk, unknown_prior=0.2)
    inside = with_rules(desk, envelope=IMPACT)
    found = None if after is None else measured(picture_top1=after)
    verdict = judged(desk, "two", measured=found, champion=measured(picture_top1=0.9, recogniser="sha256:old"))
    if reason is None:
        put_in_force(inside, "two", verdict=verdict, version="2", now=LATER)
        payload = Journal(desk.journal_url).entries(action="promote")[-1].payload
        assert (payload["figures_before"]["picture_top1"], payload["figures"]["picture_top1"]) == (0.9, after)
        return
    with pytest.raises(EnvelopeError, match=reason):
        put_in_force(inside, "two", verdict=verdict, version="2", now=LATER)


def test_an_evaluation_that_was_edited_since_measures_nothing(desk: ReleaseDesk) -> None:
    second(desk, unknown_prior=0.2)
    inside = with_rules(desk, envelope={"accepted_impact": [{"figure": "picture_top1", "bound": 0.8}]})
    found = measured(picture_top1=0.5)
    verdict = judged(desk, "two", measured=found)
    (path,) = (desk.home / "evaluations").glob("*/report.json")
    path.write_text(path.read_text().replace('"value": 0.5', '"value": 0.95', 1))
    with pytest.raises(EnvelopeError, match="not measured"):
        put_in_force(inside, "two", verdict=verdict, version="2", now=LATER)


@pytest.mark.parametrize(
    ("verified_by", "reason"),
    [
        ({"policies": ["production"]}, "judged by the policy demo, not by production"),
        ({"policies": ["demo"], "policy_digests": ["sha256:1"]}, "is not the one that was agreed on"),
        ({"policies": ["demo"], "min_photos": 1000}, "480 photographs were asked, 1000 are demanded"),
        ({"policies": ["demo"]}, "the champion was not asked the same photographs"),
    ],
)
def test_a_change_is_verified_as_the_protocol_says(desk: ReleaseDesk, verified_by: dict, reason: str) -> None:
    second(desk, unknown_prior=0.2)
    inside = with_rules(desk, envelope={"verified_by": verified_by})
    other = measured(recogniser="sha256:old", photos_digest="sha256:other")
    with pytest.raises(EnvelopeError, match=reason):
        put_in_force(inside, "two", verdict=judged(desk, "two", measured=measured(), champion=other), version="2",
                     now=LATER)  # fmt: skip


def test_a_rules_file_that_cannot_be_read_lets_nothing_pass(desk: ReleaseDesk) -> None:
    bundle(desk, "one")
    strict = with_rules(desk, needed=1)
    strict.rules_path.write_text("name: x\napprovals: {needed: none}\n")
    with pytest.raises(RulesFileError, match="needed"):
        put_in_force(strict, "one", verdict=judged(desk, "one"), version="1")
    strict.rules_path.unlink()
    with pytest.raises(RulesFileError, match="cannot be read"):
        put_in_force(strict, "one", verdict=judged(desk, "one"), version="1")
    assert [outcome for _, outcome, _ in refusals(desk)] == ["rules", "rules"]


def test_the_examples_in_the_repository_are_of_the_form_that_is_asked(repository: Path) -> None:
    found = Rules.read(repository / "examples" / "promotion" / "promotion.yaml")
    assert found.promotion.approvals.needed == 2
    assert found.envelope == read_envelope(repository / "examples" / "promotion" / "change-envelope.yaml")
    assert {one.figure for one in found.envelope.accepted_impact} >= {"picture_top1", "harm_per_thousand"}


def test_a_typing_error_in_the_envelope_is_refused(tmp_path: Path, repository: Path) -> None:
    text = (repository / "examples" / "promotion" / "change-envelope.yaml").read_text()
    for wrong in (text.replace("kind: weights", "kind: wieghts"), text + "\nexceptions: all\n"):
        (tmp_path / "envelope.yaml").write_text(wrong)
        with pytest.raises(RulesFileError):
            read_envelope(tmp_path / "envelope.yaml")
