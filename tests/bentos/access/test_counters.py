"""Counters that processes share: exact over all of them, rolling with time, and given up where they cannot be used."""

import asyncio
import contextlib
import fcntl
import multiprocessing
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from limits import RateLimitItemPerSecond
from limits.errors import StorageError
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from bentos.access.counters import WAIT_S, SharedCounters, over
from bentos.access.limits import Policy, RateLimits
from bentos.settings import Settings
from tests.bentos.access.forge import token
from tests.bentos.access.guarded import bearer, guarded_settings
from tests.bentos.rest_client import app_of, client_of

HOUR = (Policy("hour", 100, 3600),)


class Clock:
    """What time it is, as told."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def counted(counters: SharedCounters, key: str, *, limit: int = 5, times: int = 20) -> int:
    return sum(counters.acquire_sliding_window_entry(key, limit, 60) for _ in range(times))


def test_two_that_share_a_file_count_together(tmp_path: Path) -> None:
    one, other = (SharedCounters(tmp_path / "calls", now=Clock(600.0)) for _ in range(2))
    assert counted(one, "a", times=3) == 3
    assert counted(other, "a") == 2
    assert counted(one, "b") == 5
    assert one.get_sliding_window("a", 60)[::2] == other.get_sliding_window("a", 60)[::2] == (0, 5)


def test_the_last_window_counts_less_and_less(tmp_path: Path) -> None:
    clock = Clock(600.0)
    counters = SharedCounters(tmp_path / "calls", now=clock)
    assert counted(counters, "a", limit=10) == 10
    clock.now = 660.0
    assert counted(counters, "a", limit=10) == 0
    clock.now = 690.0
    assert counted(counters, "a", limit=10) == 5
    clock.now = 780.0
    assert counters.get_sliding_window("a", 60) == (0, 0.0, 0, 120.0)
    assert counted(counters, "a", limit=10) == 10


def test_a_caller_stands_where_he_would_in_one_process(tmp_path: Path) -> None:
    shared, alone = over(SharedCounters(tmp_path / "calls")), SlidingWindowCounterRateLimiter(MemoryStorage())
    item = RateLimitItemPerSecond(4, 3600)
    for _ in range(6):
        assert shared.hit(item, "a") == alone.hit(item, "a")
        here, there = shared.get_window_stats(item, "a"), alone.get_window_stats(item, "a")
        assert (here.remaining, here.reset_time) == (there.remaining, pytest.approx(there.reset_time, abs=1))


def test_many_callers_have_rows_of_their_own(tmp_path: Path) -> None:
    counters = SharedCounters(tmp_path / "calls", now=Clock(600.0))
    for number in range(2000):
        assert counters.acquire_sliding_window_entry(f"caller {number}", 1, 60)
    assert not any(counters.acquire_sliding_window_entry(f"caller {number}", 1, 60) for number in range(2000))
    assert (tmp_path / "calls").stat().st_mode & 0o777 == 0o600
    assert b"caller" not in (tmp_path / "calls").read_bytes()


def _work(path: Path, begin: float, let_in: "multiprocessing.Queue[int]") -> None:
    counters, num = SharedCounters(path, now=Clock(600.0)), 0
    time.sleep(max(0.0, begin - time.time()))
    for _ in range(60):
        with contextlib.suppress(StorageError):  # it waited too long for its turn, on a busy machine
            num += counters.acquire_sliding_window_entry("a", 100, 3600)
    let_in.put(num)


def test_processes_at_once_let_in_exactly_as_many_as_one_would(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    let_in, begin = context.Queue(), time.time() + 0.3
    workers = [context.Process(target=_work, args=(tmp_path / "calls", begin, let_in)) for _ in range(4)]
    for worker in workers:
        worker.start()
    total = sum(let_in.get(timeout=60) for _ in workers)
    for worker in workers:
        worker.join(20)
    assert total == 100


async def _calls(limits: RateLimits, number: int) -> list[bool]:
    return [(await limits.count("token:a", "predict")).retry_after_s is None for _ in range(number)]


@contextlib.contextmanager
def worker(settings: Settings) -> Iterator[TestClient]:
    """What one worker of a service has open, in this process."""
    app = app_of(settings)
    with client_of(app) as client:
        yield client
    app.state.answering.close()


def asked(client: TestClient) -> int:
    return client.get("/api/v1/model", headers=bearer(token())).status_code


def test_workers_of_a_home_share_one_limit_and_keep_it_over_a_restart(tmp_path: Path, bundle: Path) -> None:
    settings = guarded_settings(tmp_path / "home", bundle=bundle, rate_per_hour=7)
    with worker(settings) as one, worker(settings) as other:
        answers = [asked(client) for _ in range(6) for client in (one, other)]
    assert answers == [200] * 7 + [429] * 5
    with worker(settings) as later:
        assert asked(later) == 429


def test_a_file_that_cannot_be_used_refuses_nobody_and_lets_nobody_flood(tmp_path: Path) -> None:
    (tmp_path / "calls").mkdir()
    with pytest.raises(StorageError):
        SharedCounters(tmp_path / "calls").get_sliding_window("a", 60)
    assert sum(asyncio.run(_calls(RateLimits(HOUR, file=tmp_path / "calls"), 120))) == HOUR[0].calls


def test_a_worker_that_stands_still_while_it_counts_does_not_hold_the_others_up(tmp_path: Path) -> None:
    limits = RateLimits(HOUR, file=tmp_path / "calls")
    asyncio.run(_calls(limits, 1))
    with (tmp_path / "calls").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        began = time.monotonic()
        assert asyncio.run(_calls(limits, 100)) == [True] * 100
        assert time.monotonic() - began < 50 * WAIT_S
