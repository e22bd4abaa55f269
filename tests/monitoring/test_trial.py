"""Challenger and shadow enter the release by their locks; what was withdrawn does not come back by itself."""

from datetime import datetime
from pathlib import Path

import pytest

from bentos.journal import Journal
from bentos.rollout.decisions import decision
from bentos.runtime.errors import ContractError
from monitoring.promote import ReleaseDesk, promote, rollback
from monitoring.trial import TrialError, challenge, end_trials, put_shadow, resume, settle
from monitoring.verdict import VerdictError
from tests.monitoring.desk import LATER, a_desk, bundle, promoted, signed_verdict

SHARE = 0.25


@pytest.fixture
def desk(tmp_path: Path) -> ReleaseDesk:
    return a_desk(tmp_path)


@pytest.fixture
def tried(desk: ReleaseDesk) -> ReleaseDesk:
    """A desk with a champion, version 1, and an untried second bundle."""
    promoted(desk, "one", version="1")
    bundle(desk, "two", name="other")
    return desk


def challenged(desk: ReleaseDesk, folder: str = "two", *, passed: bool = True, now: str = LATER):
    recogniser = desk.home / folder / "recogniser"
    verdict = signed_verdict(desk, recogniser, passed=passed)
    return challenge(desk, recogniser=recogniser, gallery=desk.home / folder / "gallery", verdict=verdict, version="2",
                     share=SHARE, now=now)  # fmt: skip


def shadowed(desk: ReleaseDesk, folder: str = "two"):
    made = desk.home / folder
    return put_shadow(desk, recogniser=made / "recogniser", gallery=made / "gallery", version="2", now=LATER)


def withdraw(desk: ReleaseDesk, role: str, action: str = "withdraw") -> None:
    moment = datetime.fromisoformat(LATER)
    entry = decision(action, spec=desk.current(), variant=role, actor="service", now=moment, why={"reasons": []})
    Journal(desk.journal_url).append(entry)


def versions(desk: ReleaseDesk) -> dict[str, str]:
    return {role: ref.version for role, ref in desk.current().named().items()}


def test_a_challenger_enters_with_its_share_and_leaves_the_champion_alone(tried: ReleaseDesk) -> None:
    challenged(tried)
    assert versions(tried) == {"champion": "1", "challenger": "2"}
    assert tried.current().challenger_share == SHARE
    (entry,) = Journal(tried.journal_url).entries(action="challenge")
    assert entry.payload["challenger"] == "2"


def test_a_challenger_needs_a_passing_verdict_and_a_shadow_needs_none(tried: ReleaseDesk) -> None:
    with pytest.raises(VerdictError, match="did not pass its gates"):
        challenged(tried, passed=False)
    shadowed(tried)
    assert versions(tried) == {"champion": "1", "shadow": "2"}


def test_a_shadow_with_a_gallery_of_another_recogniser_is_refused(tried: ReleaseDesk) -> None:
    with pytest.raises(ContractError, match="was made by recogniser"):
        put_shadow(tried, recogniser=tried.home / "two" / "recogniser", gallery=tried.home / "one" / "gallery",
                   version="2", now=LATER)  # fmt: skip


def test_nothing_challenges_itself_and_nothing_ends_that_did_not_begin(tried: ReleaseDesk) -> None:
    with pytest.raises(TrialError, match="champion itself"):
        challenged(tried, "one")
    with pytest.raises(TrialError, match="neither"):
        end_trials(tried, now=LATER)


def test_before_the_first_release_nothing_can_be_challenged(desk: ReleaseDesk) -> None:
    bundle(desk, "two", name="other")
    with pytest.raises(TrialError, match="nothing is released"):
        challenged(desk)


def test_trials_end_by_command_and_with_a_promotion(tried: ReleaseDesk) -> None:
    challenged(tried)
    end_trials(tried, now=LATER)
    assert versions(tried) == {"champion": "1"}
    challenged(tried)
    two = tried.home / "two"
    promote(tried, recogniser=two / "recogniser", gallery=two / "gallery",
            verdict=signed_verdict(tried, two / "recogniser"), version="2", now=LATER)  # fmt: skip
    assert versions(tried) == {"champion": "2", "previous": "1"}


def test_settling_signs_what_the_services_decided_and_nothing_else(tried: ReleaseDesk) -> None:
    assert settle(tried, now=LATER) is None
    challenged(tried)
    withdraw(tried, "challenger")
    settle(tried, now=LATER)
    assert versions(tried) == {"champion": "1"}
    assert settle(tried, now=LATER) is None


def test_settling_a_withdrawn_champion_puts_the_previous_one_in_force(tried: ReleaseDesk) -> None:
    promoted(tried, "three", version="3", now=LATER, name="third")
    withdraw(tried, "champion")
    settle(tried, now="2026-01-02T01:00:00+00:00")
    assert versions(tried) == {"champion": "1", "previous": "3"}


def test_another_signature_does_not_bring_a_withdrawn_variant_back(tried: ReleaseDesk) -> None:
    challenged(tried)
    withdraw(tried, "challenger")
    shadowed(tried)
    assert versions(tried) == {"champion": "1", "shadow": "2"}


def test_after_a_withdrawn_champion_trials_wait_and_a_promotion_keeps_who_answered(tried: ReleaseDesk) -> None:
    promoted(tried, "three", version="3", now=LATER, name="third")
    withdraw(tried, "champion")
    with pytest.raises(TrialError, match="withdrawn"):
        challenged(tried)
    promoted(tried, "four", version="4", now=LATER, name="fourth")
    assert versions(tried) == {"champion": "4", "previous": "1"}
    assert rollback(tried, now=LATER).champion.version == "1"


def test_a_paused_experiment_waits_for_its_review(tried: ReleaseDesk) -> None:
    challenged(tried)
    with pytest.raises(TrialError, match="no experiment is paused"):
        resume(tried, now=LATER)
    withdraw(tried, "challenger", action="pause")
    with pytest.raises(TrialError, match="review"):
        shadowed(tried)
    resume(tried, now=LATER)
    assert (tried.standing().paused, tried.standing().reviewed) == (False, True)
    (entry,) = Journal(tried.journal_url).entries(action="resume")
    assert entry.actor == "test"
