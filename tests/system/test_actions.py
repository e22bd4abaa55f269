"""Every action that can become an entry of the journal is listed here, done, and says who, what, when and with what."""

import asyncio
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from bentos.answering import Answering
from bentos.audit.report import WORDS
from bentos.feedback import Feedback
from bentos.journal import Journal, Recorded
from bentos.metrics import metrics
from bentos.release import read_release
from bentos.rollout.decisions import decision
from bentos.runtime.errors import InputError
from bentos.settings import Settings
from bentos.signing import read_public_key
from monitoring.promote import ReleaseDesk, promote, rollback
from monitoring.trial import challenge, end_trials, put_shadow, resume, settle
from monitoring.verdict import VerdictError
from tests.builders import NOW, jpeg, tiny_catalogue, tiny_picture
from tests.monitoring.desk import LATER, a_desk, bundle, promoted, signed_verdict

PERSON: Final = "person:maria"
FRONT: Final = jpeg(tiny_picture(tiny_catalogue()[1]))
ROOT: Final = Path(__file__).resolve().parents[2]
SOURCES: Final = ("bentos", "monitoring", "assets", "pipelines", "training", "data", "feature_repo")


@dataclass(frozen=True)
class Shape:
    """What an entry must say; `payload` are names that its payload holds."""

    actor: str
    payload: frozenset[str]
    digests: bool = True
    about: bool = False


def shape(actor: str, payload: str, *, digests: bool = True, about: bool = False) -> Shape:
    return Shape(actor, frozenset(payload.split()), digests, about)


DONE_HERE: Final = {
    ("load_release", "loaded"): shape("service", "version variant from"),
    ("load_release", "refused"): shape("service", "reason", digests=False),
    ("predict", "answered"): shape("caller:1", "request_id version pills answer_sha256"),
    ("predict", "refused"): shape("caller:1", "request_id code"),
    ("feedback", "recorded"): shape("caller:1", "request_id answered_entry medication_id"),
    ("batch", "created"): shape("caller:1", "batch_id", digests=False),
    ("promote", "released"): shape(PERSON, "evaluation release names", about=True),
    ("refuse_promote", "verdict"): shape(PERSON, "why", digests=False, about=True),
    ("rollback", "released"): shape(PERSON, "from release names", about=True),
    ("challenge", "released"): shape(PERSON, "share challenger evaluation release", about=True),
    ("put_shadow", "released"): shape(PERSON, "shadow release", about=True),
    ("end_trials", "released"): shape(PERSON, "release", about=True),
    ("settle", "released"): shape(PERSON, "withdrawn from release", about=True),
    ("withdraw", "decided"): shape("service", "release variant", about=True),
    ("pause", "decided"): shape("service", "release variant", about=True),
    ("resume", "decided"): shape(PERSON, "release variant", about=True),
}
DONE_ELSEWHERE: Final = {
    "access": "tests/bentos/access",
    "access_denied": "tests/bentos/access",
    "approve": "tests",
    "chain_journal": "tests/bentos/audit/test_chain.py",
    "erase_subject": "tests/bentos/privacy",
    "export_subject": "tests/bentos/privacy",
    "launch": "tests/assets/test_launches.py",
    "refuse_challenge": "tests/monitoring",
    "retention": "tests",
    "rotate_keys": "tests",
    "run_failed": "tests/pipelines/test_sensors.py",
    "shadow": "tests/bentos/rollout",
    "verdict": "tests",
}


def release_of(desk: ReleaseDesk) -> object:
    return read_release(desk.release_path, key=read_public_key(desk.keys_dir / "signing.pub"))


def decide(desk: ReleaseDesk, action: str, variant: str) -> None:
    journal = Journal(desk.journal_url)
    now = datetime.fromisoformat(LATER)
    journal.append(decision(action, spec=release_of(desk), variant=variant, actor="service", now=now, why={}))
    journal.close()


def steer(desk: ReleaseDesk) -> None:
    """All that people do to a release, and what services decide about it."""
    promoted(desk, "one", version="1")
    recogniser, gallery = bundle(desk, "two", name="two")
    two = {"recogniser": recogniser, "gallery": gallery, "version": "2", "now": LATER}
    with pytest.raises(VerdictError):
        promote(desk, **two, verdict=signed_verdict(desk, recogniser, passed=False))
    verdict = signed_verdict(desk, recogniser)
    challenge(desk, **two, verdict=verdict, share=0.1)
    decide(desk, "pause", "challenger")
    resume(desk, now=LATER)
    end_trials(desk, now=LATER)
    put_shadow(desk, **two)
    decide(desk, "withdraw", "shadow")
    settle(desk, now=LATER)
    promote(desk, **two, verdict=verdict)
    rollback(desk, now=LATER)


def serve(settings: Settings) -> None:
    """All that a service writes of its own and for its callers."""
    answering = Answering(
        settings, journal=Journal(settings.journal_url), metrics=metrics(), now=lambda: datetime.now(UTC)
    )
    answering.watch.poll()
    known, lost = str(uuid.uuid4()), str(uuid.uuid4())
    asyncio.run(answering.answer([FRONT], metadata=None, request_id=known, actor="caller:1"))
    with pytest.raises(InputError):
        asyncio.run(answering.answer([b"no picture"], metadata=None, request_id=lost, actor="caller:1"))
    said = Feedback(request_id=known, not_in_catalogue=True, known_from="package")
    answering.record_feedback(said, actor="caller:1")
    answering.record_batch("created", facts={"batch_id": known}, actor="caller:1")
    settings.release_path.write_text(settings.release_path.read_text().replace('"version"', '"verzion"'))
    answering.watch.poll()
    answering.close()


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Recorded]]:
    home = tmp_path_factory.mktemp("home")
    desk = replace(a_desk(home), actor=PERSON)
    steer(desk)
    serve(Settings(home=home, packed_home=home / "none"))
    journal = Journal(desk.journal_url)
    yield journal.entries()
    journal.close()


@pytest.mark.parametrize(("action", "outcome"), DONE_HERE)
def test_an_entry_says_who_what_when_and_with_what(entries: list[Recorded], action: str, outcome: str) -> None:
    found = [entry for entry in entries if (entry.action, entry.outcome) == (action, outcome)]
    expected = DONE_HERE[(action, outcome)]
    assert found
    for entry in found:
        assert entry.actor == expected.actor
        assert entry.at >= datetime.fromisoformat(NOW)
        assert entry.payload.keys() >= expected.payload
        assert entry.subject_ref or not expected.about
        for digest in (entry.recogniser, entry.gallery) if expected.digests else ():
            assert re.fullmatch(r"sha256:[0-9a-f]{64}", digest)


def test_nothing_else_was_written(entries: list[Recorded]) -> None:
    assert {(entry.action, entry.outcome) for entry in entries} == DONE_HERE.keys()


def actions_in_the_code() -> set[str]:
    """By how entries are made: `action="..."` and constants named ACTION."""
    found = {"withdraw", "pause", "resume", "refuse_promote", "refuse_challenge", "chain_journal"}
    for folder in SOURCES:
        for path in (ROOT / folder).rglob("*.py"):
            found |= set(re.findall(r'\b(?:action|ACTION(?:: Final)?) ?= ?"([a-z_]+)"', path.read_text()))
    return found


def test_every_action_in_the_code_is_listed_tested_and_has_words_in_the_report() -> None:
    listed = {action for action, _ in DONE_HERE} | DONE_ELSEWHERE.keys()
    assert actions_in_the_code() == listed
    assert listed <= WORDS.keys()


@pytest.mark.parametrize("action", DONE_ELSEWHERE)
def test_what_is_done_elsewhere_has_a_test_that_names_it(action: str) -> None:
    place = ROOT / DONE_ELSEWHERE[action]
    files = [place] if place.is_file() else sorted(place.rglob("test_*.py"))
    assert any(f'"{action}"' in path.read_text() for path in files if path != Path(__file__))
