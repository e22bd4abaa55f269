"""Who is let in: as many as there are places, and nobody who would wait longer than the budget."""

from pathlib import Path

import pytest

from bentos.admission import Admission
from bentos.faults import ServiceFault
from bentos.metrics import metrics
from bentos.settings import Settings


def admission(**overrides: object) -> Admission:
    facts = {"threads": 2, "max_in_flight": 4, "latency_budget_s": 1.0, "degrade_share": 0.5, **overrides}
    return Admission(Settings(home=Path("none"), **facts), metrics=metrics())


def with_queue(length: int, *, answer_s: float, **overrides: object) -> Admission:
    made = admission(**overrides)
    made.worked(answer_s)
    for _ in range(length):
        made.begun()
    return made


def test_places_are_given_back() -> None:
    made = admission(max_in_flight=1)
    with made.place():
        assert made.num_held == 1
        with pytest.raises(ServiceFault, match="busy"):
            made.place().__enter__()
    with made.place():
        pass
    assert made.num_held == 0


@pytest.mark.parametrize(
    ("length", "answer_s", "wait_s"), [(0, 0.4, 0.0), (1, 0.4, 0.0), (2, 0.4, 0.2), (5, 0.4, 0.8), (5, 0.0, 0.0)]
)
def test_the_wait_is_what_lies_ahead_shared_by_the_threads(length: int, answer_s: float, wait_s: float) -> None:
    assert with_queue(length, answer_s=answer_s).wait_s() == pytest.approx(wait_s)


@pytest.mark.parametrize(("length", "let_in"), [(1, True), (3, True), (4, True), (5, False)])
def test_what_would_come_after_the_budget_is_refused(length: int, let_in: bool) -> None:
    made = with_queue(length, answer_s=0.4)
    if let_in:
        made.promise()
        return
    with pytest.raises(ServiceFault, match="busy"):
        made.promise()


def test_a_free_thread_is_used_however_slow_answers_are() -> None:
    with_queue(1, answer_s=30.0).promise(limit_s=0.1)


def test_a_caller_in_a_hurry_is_refused_sooner() -> None:
    made = with_queue(2, answer_s=0.4)
    made.promise()
    with pytest.raises(ServiceFault, match="busy"):
        made.promise(limit_s=0.5)


def test_a_refusal_says_when_to_come_back() -> None:
    with pytest.raises(ServiceFault) as caught:
        with_queue(21, answer_s=0.4).promise()
    assert caught.value.retry_after_s == 4
    with pytest.raises(ServiceFault) as caught:
        with_queue(5, answer_s=0.4).promise()
    assert caught.value.retry_after_s == 1


def test_a_crowd_is_told_to_come_back_little_by_little() -> None:
    now = [100.0]
    made = Admission(Settings(home=Path("none"), threads=1, max_in_flight=1), metrics=metrics(), clock=lambda: now[0])
    made.worked(0.1)  # ten answers a second, so twenty may come back each second
    with made.place():
        told = [refused_for(made) for _ in range(700)]
        assert told == sorted(told)
        assert [told.count(second) for second in (1, 2, 10, 29)] == [20, 20, 20, 20]
        assert told[-1] == 30
        now[0] += 60
        assert refused_for(made) == 1


def refused_for(made: Admission) -> float:
    with pytest.raises(ServiceFault) as caught:
        made.place().__enter__()
    return caught.value.retry_after_s


@pytest.mark.parametrize(("length", "effort"), [(0, "full"), (3, "full"), (4, "fast")])
def test_a_long_queue_is_answered_by_the_fast_member(length: int, effort: str) -> None:
    assert with_queue(length, answer_s=0.4).effort() == effort


def test_the_estimate_follows_what_answers_take_and_forgets() -> None:
    made = with_queue(2, answer_s=1.0)
    for _ in range(60):
        made.worked(0.1)
    assert made.wait_s() == pytest.approx(0.05, rel=0.05)
