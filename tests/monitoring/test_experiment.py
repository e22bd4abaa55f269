"""The report of a trial, from a journal as services leave it: differences, slices, looks, pairs, decisions."""

import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from bentos.journal import Entry, Journal
from bentos.release import Ref, ReleaseSpec
from bentos.rollout.decisions import decision
from monitoring.experiment import experiment_report
from monitoring.experiment_page import in_words, write_page
from monitoring.experiment_rows import ExperimentError
from monitoring.promote import named

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
SHARE = 0.3


def ref(version: str) -> Ref:
    digest = "sha256:" + version * 64
    return Ref(recogniser=digest, recogniser_dir="r", gallery=digest, gallery_dir="g", version=version)


SPEC = ReleaseSpec(released_at=START.isoformat(), champion=ref("1"), challenger=ref("2"), challenger_share=SHARE)
SHADOWED = SPEC.model_copy(update={"challenger": None, "shadow": ref("3")})


class Past:
    """A journal that a trial has written."""

    def __init__(self, url: str) -> None:
        self.journal = Journal(url)
        self._number = 0

    def signed(self, spec: ReleaseSpec, action: str) -> None:
        payload = {"release": spec.release_id, "names": named(spec)}
        self.write(action, "released", payload, by=spec.champion)

    def traffic(self, number: int, *, abstains: dict[str, float], ms: dict[str, float], seed: int = 0,
                wrong: dict[str, float] | None = None, spec: ReleaseSpec = SPEC) -> None:  # fmt: skip
        """So many answers, dealt by the share; every fifth with feedback."""
        rng = np.random.default_rng(seed)
        for i in range(number):
            role = "challenger" if rng.random() < SHARE else "champion"
            silent = bool(rng.random() < abstains[role])
            payload = {
                "request_id": f"r{self._number}",
                "variant": role,
                "rollout": {"release": spec.release_id, "assigned": role, "unit": f"s{i // 3}" if i % 2 else None},
                "typed": ["imprint"] if i % 4 == 0 else [],
                "num_pictures": 1,
                "answer_ms": float(ms[role] * math.exp(rng.normal(0, 0.2))),
                "degraded": False,
                "pills": [
                    {"status": "uncertain" if silent else "identified", "route": "fast" if i % 3 else "ensemble"}
                ],
            }
            place = self.write("predict", "answered", payload, by=getattr(spec, role))
            if i % 5 == 0 and not silent:
                right = bool(rng.random() >= (wrong or {}).get(role, 0.0))
                self.write("feedback", "recorded", {"answered_entry": place, "agrees": right}, by=getattr(spec, role))

    def pairs(self, number: int, *, differing: int, spec: ReleaseSpec = SHADOWED) -> None:
        """So many requests that champion and shadow answered; where they differ the shadow abstains."""
        for i in range(number):
            mine = {"status": "identified", "route": "fast", "drug": "a", "medication_id": "1"}
            other = {**mine, "status": "uncertain", "drug": None} if i < differing else mine
            payload = {
                "rollout": {"release": spec.release_id, "assigned": "champion", "unit": None},
                "conflict": False,
                "answered": {"variant": "champion", "pills": [mine]},
                "beside": {"variant": "shadow", "pills": [other]},
            }
            self.write("shadow", "differs" if i < differing else "same", payload, by=ref("3"))

    def write(self, action: str, outcome: str, payload: dict, *, by: Ref) -> int:
        self._number += 1
        entry = Entry(at=START + timedelta(seconds=self._number), actor="test", action=action, outcome=outcome,
                      recogniser=by.recogniser, gallery=by.gallery, payload=payload)  # fmt: skip
        return self.journal.append(entry)


@pytest.fixture
def past(tmp_path: Path) -> Past:
    return Past(f"sqlite:///{tmp_path / 'journal.db'}")


def test_a_real_difference_is_decided_and_what_is_equal_is_not(past: Past) -> None:
    past.signed(SPEC, "challenge")
    past.traffic(900, abstains={"champion": 0.2, "challenger": 0.6}, ms={"champion": 30, "challenger": 30})
    found = experiment_report(past.journal)
    held = found["measures"]["abstentions"]
    assert held["decided"]
    assert held["low"] < 0.4 < held["high"]
    assert held["p"] < 0.05
    assert not found["measures"]["log_ms"]["decided"]
    assert not found["measures"]["errors"]["decided"]
    assert found["num"]["challenger"] == pytest.approx(900 * SHARE, rel=0.2)


def test_the_interval_narrows_from_look_to_look(past: Past) -> None:
    past.signed(SPEC, "challenge")
    past.traffic(600, abstains={"champion": 0.3, "challenger": 0.3}, ms={"champion": 30, "challenger": 60})
    looks = experiment_report(past.journal)["looks"]["log_ms"]
    widths = [look["high"] - look["low"] for look in looks]
    assert len(looks) > 20
    assert widths[-1] < widths[5]
    assert looks[-1]["low"] < math.log(2) < looks[-1]["high"]


def test_slices_by_what_callers_gave_are_compared_and_routes_and_statuses_counted(past: Past) -> None:
    past.signed(SPEC, "challenge")
    past.traffic(600, abstains={"champion": 0.1, "challenger": 0.7}, ms={"champion": 30, "challenger": 30})
    slices = experiment_report(past.journal)["slices"]
    assert slices["cues"].keys() == {"one picture", "one picture + imprint"}
    assert slices["cues"]["one picture"]["abstentions"]["decided"]
    assert slices["route"].keys() == {"fast", "ensemble"}
    assert slices["status"]["uncertain"]["share"]["difference"] == pytest.approx(0.6, abs=0.15)


def test_feedback_says_who_names_the_wrong_drug(past: Past) -> None:
    past.signed(SPEC, "challenge")
    rates = {"champion": 0.0, "challenger": 0.8}
    past.traffic(900, abstains={"champion": 0, "challenger": 0}, ms={"champion": 9, "challenger": 9}, wrong=rates)
    held = experiment_report(past.journal)["measures"]["labelled_errors"]
    assert held["decided"]
    assert held["difference"] > 0.5


def test_a_trial_goes_on_over_releases_that_name_the_same_pair(past: Past) -> None:
    larger = SPEC.model_copy(update={"challenger_share": 0.5})
    for spec in (SPEC, larger):
        past.signed(spec, "challenge")
        past.traffic(100, abstains={"champion": 0, "challenger": 0}, ms={"champion": 9, "challenger": 9}, spec=spec)
    found = experiment_report(past.journal)
    assert found["releases"] == sorted([SPEC.release_id, larger.release_id])
    assert sum(found["num"].values()) == 200


def test_a_shadow_is_reported_on_the_same_pictures(past: Past) -> None:
    past.signed(SHADOWED, "put_shadow")
    past.pairs(200, differing=50)
    found = experiment_report(past.journal, role="shadow")
    assert (found["role"], found["measures"], found["paired"]["num"]) == ("shadow", {}, 200)
    assert found["paired"]["differs"]["value"] == 0.25
    assert found["paired"]["abstentions"]["value"] == 0.25
    assert found["paired"]["conflict"]["value"] == 0.0


def test_decisions_about_the_trial_are_told(past: Past) -> None:
    past.signed(SPEC, "challenge")
    past.journal.append(decision("withdraw", spec=SPEC, variant="challenger", actor="service", now=START, why={}))
    past.journal.append(decision("withdraw", spec=SHADOWED, variant="shadow", actor="service", now=START, why={}))
    (told,) = experiment_report(past.journal)["decisions"]
    assert (told["action"], told["variant"], told["actor"]) == ("withdraw", "challenger", "service")


def test_without_a_trial_there_is_no_report(past: Past) -> None:
    with pytest.raises(ExperimentError, match="ever released"):
        experiment_report(past.journal)


@pytest.mark.parametrize("number", [0, 1, 40, 400])
def test_every_report_is_json_and_a_page_that_needs_nothing_else(past: Past, tmp_path: Path, number: int) -> None:
    past.signed(SPEC, "challenge")
    past.traffic(number, abstains={"champion": 0.1, "challenger": 0.7}, ms={"champion": 30, "challenger": 45})
    found = json.loads(json.dumps(experiment_report(past.journal), allow_nan=False))
    page = write_page(found, tmp_path / "page.html").read_text()
    assert "http" not in page
    assert all(sentence.split(":")[0] in page for sentence in in_words(found))
    assert "<svg" in page or number < 400
