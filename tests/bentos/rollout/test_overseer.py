"""What the journal says of a release decides about it: a table of good and bad challengers, champions and shadows."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bentos.journal import Entry, Journal
from bentos.release import Ref, ReleaseSpec
from bentos.rollout.decisions import NO_DECISION, Standing, decision, standing_of
from bentos.rollout.limits import Limits
from bentos.rollout.overseer import Overseer

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW = START + timedelta(minutes=10)


def ref(version: str) -> Ref:
    digest = "sha256:" + version * 64
    return Ref(recogniser=digest, recogniser_dir="r", gallery=digest, gallery_dir="g", version=version)


CHAMPION, CHALLENGER, SHADOW, PREVIOUS = (ref(version) for version in "1234")
EXPERIMENT = ReleaseSpec(released_at=START.isoformat(), champion=CHAMPION, challenger=CHALLENGER)
SWITCH = ReleaseSpec(released_at=START.isoformat(), champion=CHAMPION, previous=PREVIOUS)
SHADOWED = ReleaseSpec(released_at=START.isoformat(), champion=CHAMPION, shadow=SHADOW)


class Told:
    """A journal that answers are written into."""

    def __init__(self, journal: Journal, spec: ReleaseSpec) -> None:
        self.journal, self.spec = journal, spec

    def answers(self, number: int, *, role: str = "champion", failed: int = 0, identified: int | None = None,
                ms: float = 30.0, at: datetime = NOW, unit: str | None = None, release: str | None = None,
                by: Ref | None = None, assigned: str | None = None, **more: object) -> None:  # fmt: skip
        """So many answers, the first of them failed, as many as said `identified`."""
        found = by or getattr(self.spec, role)
        turn = {"release": release or self.spec.release_id, "assigned": assigned or role, "unit": unit}
        good = number - failed if identified is None else identified
        for i in range(number):
            payload = {"request_id": f"{role}{i}", "variant": role, "version": found.version, "rollout": turn}
            if i >= failed:
                status = "identified" if i - failed < good else "uncertain"
                payload |= {"pills": [{"status": status}], "answer_ms": ms * (1 + 0.1 * (i % 5)), **more}
            self.write("predict", "failed" if i < failed else "answered", found, payload, at=at)

    def labels(self, number: int, *, role: str, wrong: int) -> None:
        """So many answers with feedback, the first of them wrong."""
        for i in range(number):
            self.write("feedback", "recorded", getattr(self.spec, role), {"variant": role, "agrees": i >= wrong})

    def comparisons(self, number: int, *, beside: str, differing: int = 0, failed: int = 0) -> None:
        """So many questions answered twice."""
        turn = {"release": self.spec.release_id, "assigned": "champion", "unit": None}
        for i in range(number):
            outcome = "failed" if i < failed else "differs" if i < failed + differing else "same"
            self.write("shadow", outcome, CHAMPION, {"rollout": turn, "beside": {"variant": beside}})

    def write(self, action: str, outcome: str, ref: Ref, payload: dict, *, at: datetime = NOW) -> None:
        self.journal.append(Entry(at=at, actor="test", action=action, outcome=outcome, recogniser=ref.recogniser,
                                  gallery=ref.gallery, payload=payload))  # fmt: skip

    def decided(self, standing: Standing = NO_DECISION, *, now: datetime = NOW) -> list[tuple[str, str, list[str]]]:
        found = Overseer(self.journal).look(self.spec, standing, now=now)
        reasons = [[reason["measure"] for reason in entry.payload["reasons"]] for entry in found]
        return [(e.action, e.payload["variant"], why) for e, why in zip(found, reasons, strict=True)]


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(f"sqlite:///{tmp_path / 'journal.db'}")


@pytest.mark.parametrize(
    ("challenger", "why"),
    [
        ({}, None),
        ({"failed": 30}, "errors"),
        ({"identified": 0}, "abstentions"),
        ({"ms": 90.0}, "log_ms"),
        ({"ms": 40.0}, None),
        ({"identified": 23}, None),
    ],
)
def test_a_challenger_beyond_a_limit_is_withdrawn_and_no_other(journal: Journal, challenger: dict, why: str) -> None:
    told = Told(journal, EXPERIMENT)
    told.answers(200)
    told.answers(30, role="challenger", **challenger)
    assert told.decided() == ([("withdraw", "challenger", [why])] if why else [])


def test_wrong_names_among_labelled_answers_withdraw_the_challenger(journal: Journal) -> None:
    told = Told(journal, EXPERIMENT)
    told.labels(100, role="champion", wrong=2)
    told.labels(40, role="challenger", wrong=30)
    assert told.decided() == [("withdraw", "challenger", ["labelled_errors"])]


def test_a_few_answers_decide_nothing(journal: Journal) -> None:
    told = Told(journal, EXPERIMENT)
    told.answers(200)
    told.answers(15, role="challenger", failed=15)
    assert told.decided() == []


def test_the_answers_of_one_session_do_not_withdraw_a_challenger(journal: Journal) -> None:
    """One person with a hundred blurred photographs is one person."""
    told = Told(journal, EXPERIMENT)
    told.answers(200)
    told.answers(40, role="challenger")
    told.answers(60, role="challenger", identified=0, unit="one")
    assert told.decided() == []


def test_what_the_champion_answered_in_the_challengers_place_counts_for_neither(journal: Journal) -> None:
    told = Told(journal, EXPERIMENT)
    told.answers(100)
    told.answers(300, role="champion", identified=0, assigned="challenger")
    told.answers(100, role="challenger", identified=90)
    assert told.decided() == []


@pytest.mark.parametrize("more", [{"degraded": True}, {"cached": True}])
def test_what_overload_or_the_cache_made_of_an_answer_withdraws_nobody(journal: Journal, more: dict) -> None:
    told = Told(journal, SWITCH)
    told.answers(100, by=PREVIOUS, at=START - timedelta(minutes=5), release="before")
    told.answers(60, identified=0, **more)
    assert told.decided() == []


def test_answers_of_another_release_do_not_count(journal: Journal) -> None:
    told = Told(journal, EXPERIMENT)
    told.answers(200)
    told.answers(60, role="challenger", failed=60, release="another")
    assert told.decided() == []


def test_a_fresh_champion_worse_than_its_forerunner_is_withdrawn(journal: Journal) -> None:
    told = Told(journal, SWITCH)
    told.answers(100, by=PREVIOUS, at=START - timedelta(minutes=5), release="before")
    told.answers(60, identified=10)
    assert told.decided() == [("withdraw", "champion", ["abstentions"])]
    assert told.decided(now=START + timedelta(hours=2)) == []


def test_a_fresh_champion_that_fails_needs_no_forerunner_to_be_withdrawn(journal: Journal) -> None:
    told = Told(journal, SWITCH)
    told.answers(40, failed=40)
    assert told.decided() == [("withdraw", "champion", ["errors"])]


def test_a_champion_without_a_forerunner_is_left_alone(journal: Journal) -> None:
    told = Told(journal, SWITCH.model_copy(update={"previous": None}))
    told.answers(40, failed=40)
    assert told.decided() == []


def test_a_shadow_that_fails_is_withdrawn(journal: Journal) -> None:
    told = Told(journal, SHADOWED)
    told.answers(60)
    told.comparisons(60, beside="shadow", failed=60)
    assert told.decided() == [("withdraw", "shadow", ["errors"])]


@pytest.mark.parametrize(
    ("spec", "beside", "role"), [(SHADOWED, "shadow", "shadow"), (EXPERIMENT, "champion", "challenger")]
)
def test_disagreement_alone_pauses_once_and_not_after_a_review(
    journal: Journal, spec: ReleaseSpec, beside: str, role: str
) -> None:
    told = Told(journal, spec)
    told.comparisons(200, beside=beside, differing=20)
    assert told.decided() == []
    told.comparisons(200, beside=beside, differing=180)
    assert told.decided() == [("pause", role, ["disagreement"])]
    assert told.decided(Standing(paused=True)) == []
    assert told.decided(Standing(reviewed=True)) == []


def test_what_was_withdrawn_is_not_withdrawn_again(journal: Journal) -> None:
    told = Told(journal, EXPERIMENT)
    told.answers(200)
    told.answers(60, role="challenger", failed=60)
    assert told.decided(Standing(withdrawn=frozenset({"challenger"}))) == []


def test_limits_come_with_the_release(journal: Journal) -> None:
    patient = EXPERIMENT.model_copy(update={"limits": Limits(latency_ratio=5.0)})
    told = Told(journal, patient)
    told.answers(200)
    told.answers(30, role="challenger", ms=90.0)
    assert told.decided() == []


def test_decisions_hold_for_their_release_only_and_a_resumption_is_a_review() -> None:
    def entries(*actions: str, spec: ReleaseSpec = EXPERIMENT) -> list:
        return [decision(action, spec=spec, variant="challenger", actor="a", now=NOW, why={}) for action in actions]

    other = EXPERIMENT.model_copy(update={"released_at": NOW.isoformat()})
    said = [*entries("pause"), *entries("withdraw", spec=other)]
    assert standing_of(said, release_id=EXPERIMENT.release_id) == Standing(paused=True)
    assert standing_of(said, release_id=other.release_id) == Standing(frozenset({"challenger"}))
    assert standing_of(entries("pause", "resume"), release_id=EXPERIMENT.release_id) == Standing(reviewed=True)


def test_a_release_signed_before_the_share_existed_keeps_its_id() -> None:
    bare = {"released_at": START.isoformat(), "champion": CHAMPION.model_dump()}
    spec = ReleaseSpec.model_validate(bare)
    assert (spec.challenger_share, spec.limits) == (0.1, Limits())
    assert spec.release_id == ReleaseSpec.model_validate(bare | {"challenger_share": 0.1}).release_id
    assert spec.release_id != ReleaseSpec.model_validate(bare | {"challenger_share": 0.2}).release_id
