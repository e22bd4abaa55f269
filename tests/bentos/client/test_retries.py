"""When a call is tried again, and how long it waits."""

import random
from dataclasses import dataclass, field

import pytest

from bentos.client.failure import CallFailed
from bentos.client.retries import Retries


@dataclass
class Time:
    """A clock that only sleeping moves."""

    now_s: float = 0.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds


def refused(*, again: bool = True, retry_after_s: float | None = None) -> CallFailed:
    return CallFailed("busy", "Full.", request_id="x", again=again, retry_after_s=retry_after_s)


def retries(time: Time, **overrides) -> Retries:
    return Retries(**{"sleep": time.sleep, "clock": lambda: time.now_s, "rng": random.Random(1), **overrides})


def attempts(*outcomes: CallFailed | str):
    """An attempt for each outcome in turn; the last one stays."""
    waiting = list(outcomes)

    def attempt(left_s: float) -> str:
        outcome = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(outcome, CallFailed):
            raise outcome
        return f"{outcome} with {left_s:.3f} s left"

    return attempt


def test_what_was_refused_is_asked_again_with_the_time_that_is_left() -> None:
    time = Time()
    result = retries(time).call(attempts(refused(), refused(), "answer"), deadline_s=10)
    assert len(time.slept) == 2
    assert result == f"answer with {10 - sum(time.slept):.3f} s left"


def test_what_may_not_be_repeated_is_not() -> None:
    time = Time()
    with pytest.raises(CallFailed):
        retries(time).call(attempts(refused(again=False), "answer"), deadline_s=10)
    assert time.slept == []


def test_waits_are_uniform_below_a_limit_that_doubles_up_to_a_cap() -> None:
    waits = []
    for seed in range(400):
        time = Time()
        policy = retries(time, rng=random.Random(seed), max_attempts=6, base_s=0.1, cap_s=0.5)
        with pytest.raises(CallFailed):
            policy.call(attempts(refused()), deadline_s=100)
        waits.append(time.slept)
    for number, limit_s in enumerate((0.1, 0.2, 0.4, 0.5, 0.5)):
        drawn = [slept[number] for slept in waits]
        assert 0 <= min(drawn) < 0.05 * limit_s
        assert 0.95 * limit_s < max(drawn) <= limit_s
        assert sum(drawn) / len(drawn) == pytest.approx(limit_s / 2, rel=0.1)


def test_what_the_service_asks_for_is_waited_for_before_the_jitter() -> None:
    time = Time()
    retries(time).call(attempts(refused(retry_after_s=2.0), "answer"), deadline_s=10)
    assert 2.0 <= time.slept[0] <= 2.1


def test_a_wait_that_would_pass_the_deadline_is_not_begun() -> None:
    time = Time()
    with pytest.raises(CallFailed, match="busy"):
        retries(time).call(attempts(refused(retry_after_s=3.0), "answer"), deadline_s=2.0)
    assert time.slept == []
