"""Challenger and shadow beside the champion: loaded once, answering whom they should, never in its way."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from bentos.answering import Answering
from bentos.journal import Journal, Recorded
from bentos.metrics import metrics
from bentos.observed import Observed
from bentos.release import ReleaseSpec
from bentos.rest import create_app
from bentos.rollout.decisions import decision
from bentos.settings import Settings
from tests.bentos.conftest import change_a_byte
from tests.bentos.rollout.making import failing_bundle, release_of
from tests.builders import jpeg, tiny_bundle, tiny_catalogue, tiny_picture

FRONT = jpeg(tiny_picture(tiny_catalogue()[1]))


class Served:
    """The service in process, on a home whose release a test changes."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.app = create_app()
        self.answering = self.app.state.answering = Answering(
            settings, journal=Journal(settings.journal_url), metrics=metrics(), now=lambda: datetime.now(UTC)
        )
        self.client = TestClient(Observed(self.app, metrics=metrics()), raise_server_exceptions=False)

    def release(self, **refs: object) -> ReleaseSpec:
        spec = release_of(self.settings.home, **refs)
        self.answering.watch.poll()
        return spec

    def answers(self, number: int, *, session: str | None = None) -> list[dict]:
        headers = {"X-Session-Key": session} if session else {}
        replies = [self.client.post("/api/v1/predict", files={"image": FRONT}, headers=headers) for _ in range(number)]
        assert {reply.status_code for reply in replies} == {200}
        return [reply.json() for reply in replies]

    def entries(self, action: str) -> list[Recorded]:
        return Journal(self.settings.journal_url).entries(action=action)

    def after_the_shadow(self, action: str) -> list[Recorded]:
        """Entries once everything in the background is done."""
        self.answering.rollout.close()
        return self.entries(action)


@pytest.fixture
def served(settings: Settings) -> Iterator[Served]:
    tiny_bundle(settings.home / "second", name="second")
    found = Served(settings)
    yield found
    found.answering.close()


@pytest.fixture
def variants_of(served: Served) -> Callable[[int], list[str]]:
    return lambda number: [answer["release"]["variant"] for answer in served.answers(number)]


def test_the_challenger_answers_its_share_and_says_so(served: Served, variants_of: Callable) -> None:
    served.release(challenger="second", challenger_share=0.5)
    assert set(variants_of(16)) == {"champion", "challenger"}
    kept = [(entry.payload["variant"], entry.payload["version"]) for entry in served.entries("predict")]
    assert set(kept) == {("champion", "1"), ("challenger", "second")}


def test_a_session_is_always_answered_by_the_same_variant_and_its_key_is_not_kept(served: Served) -> None:
    served.release(challenger="second", challenger_share=0.5)
    by_session = {name: served.answers(2, session=name) for name in (f"ann{i}" for i in range(16))}
    variants = [{answer["release"]["variant"] for answer in answers} for answers in by_session.values()]
    assert all(len(found) == 1 for found in variants)
    assert len(set.union(*variants)) == 2
    units = {entry.payload["rollout"]["unit"] for entry in served.entries("predict")}
    assert len(units) == 16
    assert not units & by_session.keys()


def test_the_shadow_answers_every_question_and_is_never_returned(served: Served, variants_of: Callable) -> None:
    served.release(shadow="second")
    assert set(variants_of(5)) == {"champion"}
    compared = served.after_the_shadow("shadow")
    asked = {entry.payload["request_id"] for entry in served.entries("predict")}
    assert {entry.payload["request_id"] for entry in compared} <= asked
    (facts,) = {(entry.payload["answered"]["version"], entry.payload["beside"]["version"]) for entry in compared}
    assert facts == ("1", "second")
    assert {entry.outcome for entry in compared} <= {"same", "differs"}


def test_a_shadow_with_the_champions_recogniser_uses_what_was_observed(served: Served, variants_of: Callable) -> None:
    served.release(shadow=None)
    served.release(shadow=".", shadow_version="again")
    held = served.answering.watch.variants
    assert held.shadow.predictor.recogniser is held.champion.predictor.recogniser
    assert held.shadow.predictor.gallery is held.champion.predictor.gallery
    variants_of(2)
    assert {entry.outcome for entry in served.after_the_shadow("shadow")} == {"same"}


def test_what_the_challenger_cannot_answer_the_champion_does(served: Served, variants_of: Callable) -> None:
    failing_bundle(served.settings.home / "failing")
    served.release(challenger="failing", challenger_share=0.5)
    assert set(variants_of(16)) == {"champion"}
    outcomes = {(entry.outcome, entry.payload["variant"]) for entry in served.entries("predict")}
    assert outcomes == {("failed", "challenger"), ("answered", "champion")}
    instead = [entry for entry in served.entries("predict") if entry.outcome == "answered"]
    assert {entry.payload["rollout"]["assigned"] for entry in instead} == {"champion", "challenger"}


def test_a_challenger_that_cannot_be_opened_does_not_take_the_champion_with_it(served: Served) -> None:
    spec = release_of(served.settings.home, challenger="second")
    change_a_byte(next((served.settings.home / "second" / "recogniser").glob("*.onnx")))
    assert served.answering.watch.poll()
    held = served.answering.watch.variants
    assert (held.champion.ref, held.challenger) == (spec.champion, None)
    assert "was changed" in held.left_out["challenger"]
    assert [entry.outcome for entry in served.entries("load_release")] == ["loaded", "refused"]
    assert [line["state"] for line in held.listed()] == ["serving", "left_out"]


def test_the_list_of_variants_says_who_answers_how_much(served: Served) -> None:
    served.release(challenger="second", challenger_share=0.25, shadow=".", shadow_version="again")
    listed = served.answering.watch.variants.listed()
    assert [(line["variant"], line["state"], line["share"]) for line in listed] == [
        ("champion", "serving", 0.75),
        ("challenger", "serving", 0.25),
        ("shadow", "shadowing", 0.0),
    ]


def test_a_changed_share_loads_nothing_again(served: Served, home: Path) -> None:
    served.release(challenger="second", challenger_share=0.1)
    before = served.answering.watch.variants
    served.release(challenger="second", challenger_share=0.3)
    after = served.answering.watch.variants
    assert (after.champion, after.challenger) == (before.champion, before.challenger)
    assert after.spec.challenger_share == 0.3


def decide(served: Served, action: str, role: str) -> None:
    """Write a decision into the journal, as another worker or a person does, and let this one look."""
    spec = served.answering.watch.variants.spec
    why = {"reasons": []}
    entry = decision(action, spec=spec, variant=role, actor="somebody", now=datetime.now(UTC), why=why)
    Journal(served.settings.journal_url).append(entry)
    assert served.answering.watch.poll()


def test_a_pause_sends_everybody_to_the_champion_until_somebody_resumes(served: Served, variants_of: Callable) -> None:
    served.release(challenger="second", challenger_share=0.5)
    decide(served, "pause", "challenger")
    assert set(variants_of(10)) == {"champion"}
    assert [line["state"] for line in served.answering.watch.variants.listed()] == ["serving", "paused"]
    decide(served, "resume", "challenger")
    assert set(variants_of(16)) == {"champion", "challenger"}


def test_what_was_withdrawn_leaves_the_memory_and_comes_back_with_the_next_signature_only(served: Served) -> None:
    served.release(challenger="second", challenger_share=0.5)
    decide(served, "withdraw", "challenger")
    assert served.answering.watch.variants.challenger is None
    assert not served.answering.watch.poll()
    again = Served(served.settings)
    again.answering.watch.poll()
    assert again.answering.watch.variants.challenger is None
    again.answering.close()
    served.release(challenger="second", challenger_share=0.5)
    assert served.answering.watch.variants.challenger is not None


def test_a_withdrawn_champion_stays_where_the_one_before_cannot_be_opened(served: Served) -> None:
    release_of(served.settings.home, previous="second")
    change_a_byte(next((served.settings.home / "second" / "gallery").glob("*.npz")))
    assert served.answering.watch.poll()
    spec = served.answering.watch.variants.spec
    entry = decision("withdraw", spec=spec, variant="champion", actor="somebody", now=datetime.now(UTC), why={})
    Journal(served.settings.journal_url).append(entry)
    assert not served.answering.watch.poll()
    assert not served.answering.watch.poll()
    assert served.answering.watch.current.ref.version == "1"
    assert [entry.outcome for entry in served.entries("load_release")] == ["loaded", "refused"]
