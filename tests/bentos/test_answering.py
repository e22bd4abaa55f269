"""Many callers at once, callers who leave, and callers who would wait too long."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bentos.answering import Answering
from bentos.faults import ServiceFault
from bentos.journal import Journal, Recorded
from bentos.metrics import metrics
from bentos.runtime.predictor import Observation, Predictor
from bentos.settings import Settings
from tests.builders import jpeg, tiny_catalogue, tiny_picture

PICTURE = jpeg(tiny_picture(tiny_catalogue()[1]))
ANSWER_S = 0.2


class SlowPredictor(Predictor):
    """The tiny bundle's predictor on a slow machine."""

    def observe(self, pictures: Sequence[bytes]) -> Observation:
        time.sleep(ANSWER_S)
        return super().observe(pictures)


@asynccontextmanager
async def slow_service(settings: Settings, **overrides: object) -> AsyncIterator[Answering]:
    """Answers one at a time, each in a bit more than `ANSWER_S`, and knows that it does."""
    facts = {"threads": 1, "cache_entries": 0, **overrides}
    made = Answering(
        settings.model_copy(update=facts),
        journal=Journal(settings.journal_url),
        metrics=metrics(),
        now=lambda: datetime.now(UTC),
    )
    made.watch.poll()
    champion = made.watch.variants.champion
    slow = SlowPredictor(champion.predictor.recogniser, champion.predictor.gallery)
    made.watch.variants = replace(made.watch.variants, champion=replace(champion, predictor=slow))
    await made.answer([PICTURE], metadata=None, request_id="first")
    yield made
    await asyncio.to_thread(made.close)


def predictions(settings: Settings) -> list[Recorded]:
    return [e for e in Journal(settings.journal_url).entries(action="predict") if e.payload["request_id"] != "first"]


async def ask(service: Answering, name: str, **options: object) -> str:
    try:
        answer = await service.answer([PICTURE], metadata=None, request_id=name, **options)
    except ServiceFault as fault:
        return fault.code
    return "degraded" if answer.degraded else "full"


def test_under_overload_some_wait_some_get_the_fast_member_and_the_rest_are_refused(settings: Settings) -> None:
    async def burst() -> tuple[Counter, float]:
        async with slow_service(settings, latency_budget_s=6 * ANSWER_S, degrade_share=0.4) as service:
            began = time.perf_counter()
            outcomes = Counter(await asyncio.gather(*(ask(service, str(i)) for i in range(20))))
            return outcomes, time.perf_counter() - began

    outcomes, took_s = asyncio.run(burst())
    assert outcomes["busy"] >= 10
    assert outcomes["full"] >= 1
    assert outcomes["busy"] + outcomes["full"] + outcomes["degraded"] == 20
    assert len(predictions(settings)) == 20 - outcomes["busy"]
    assert took_s < 20 * ANSWER_S


def test_a_degraded_answer_is_journalled_as_such_and_not_kept(settings: Settings) -> None:
    async def burst() -> None:
        async with slow_service(settings, degrade_share=0.0, latency_budget_s=99.0, cache_entries=9) as service:
            await asyncio.gather(*(ask(service, str(i)) for i in range(3)))

    asyncio.run(burst())
    for entry in predictions(settings):
        assert entry.payload["degraded"] == (
            entry.payload["pills"][0]["route"] == "fast" and not entry.payload.get("cached")
        )


def test_bulk_work_waits_for_its_turn_and_is_answered_in_full(settings: Settings) -> None:
    async def bulk() -> set[str]:
        async with slow_service(settings, latency_budget_s=ANSWER_S, degrade_share=0.0) as service:
            return set(await asyncio.gather(*(ask(service, str(i), patient=True) for i in range(4))))

    assert asyncio.run(bulk()) == {"full"}


def test_a_caller_whose_deadline_cannot_be_kept_is_refused_at_once(settings: Settings) -> None:
    async def late() -> tuple[str, float]:
        async with slow_service(settings, latency_budget_s=99.0) as service:
            others = [asyncio.create_task(ask(service, str(i))) for i in range(4)]
            await asyncio.sleep(0)
            began = time.perf_counter()
            outcome = await ask(service, "hurried", limit_s=ANSWER_S)
            took_s = time.perf_counter() - began
            await asyncio.gather(*others)
            return outcome, took_s

    outcome, took_s = asyncio.run(late())
    assert (outcome, took_s < ANSWER_S) == ("busy", True)


def test_a_caller_who_leaves_gives_his_place_back_and_the_journal_says_so(settings: Settings) -> None:
    async def leaving() -> str:
        async with slow_service(settings, latency_budget_s=99.0, degrade_share=99.0) as service:
            begun, waiting = (asyncio.create_task(ask(service, name, patient=True)) for name in ("begun", "waiting"))
            await asyncio.sleep(ANSWER_S / 4)
            begun.cancel()
            waiting.cancel()
            await asyncio.gather(begun, waiting, return_exceptions=True)
            return await ask(service, "next")

    assert asyncio.run(leaving()) == "full"
    assert {entry.payload["request_id"]: entry.outcome for entry in predictions(settings)} == {
        "begun": "cancelled",
        "next": "answered",
    }


@pytest.mark.parametrize(
    ("own", "callers", "outcome"), [(ANSWER_S / 2, 99.0, "too_late"), (99.0, ANSWER_S / 2, "cancelled")]
)
def test_an_answer_that_nobody_waits_for_is_not_finished(
    settings: Settings, own: float, callers: float, outcome: str
) -> None:
    async def late() -> str:
        async with slow_service(settings) as service:
            service.settings = service.settings.model_copy(update={"answer_timeout_s": own})
            return await ask(service, "late", limit_s=callers)

    assert asyncio.run(late()) == "answer_timeout"
    (entry,) = predictions(settings)
    assert (entry.outcome, "pills" in entry.payload) == (outcome, False)
