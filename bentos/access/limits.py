"""How often a caller may ask for one operation: counted over both protocols and all workers.

The counters are in Redis, for several machines, else in a file of the home, for the workers of one. Where Redis does
not answer, the file counts; where that cannot be used, each worker for itself: what is lost refuses nobody and lets
nobody flood the service. The headers are those of draft-ietf-httpapi-ratelimit-headers-10.
"""

import asyncio
import logging
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pybreaker
from limits import RateLimitItem, RateLimitItemPerSecond
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from bentos.access.counters import SharedCounters, over

_log = logging.getLogger(__name__)
_TIMEOUT_S: Final = 0.05
_FAILURES: Final = 3
_RESET_S: Final = 10.0
_PREFIX: Final = "rxvision"


@dataclass(frozen=True)
class Policy:
    """So many calls in so many seconds; 0 calls: no limit."""

    name: str
    calls: int
    window_s: int


@dataclass(frozen=True)
class Standing:
    """Where a caller stands after a call; `retry_after_s` is None where the call is within every limit."""

    headers: dict[str, str]
    retry_after_s: float | None


class RateLimits:
    """Counts calls by caller and operation, in sliding windows."""

    def __init__(self, policies: tuple[Policy, ...], *, redis_url: str | None = None, file: Path | None = None) -> None:
        """Redis is connected to, and the file made, at the first call."""
        self._policies = tuple(policy for policy in policies if policy.calls)
        self._items = {policy.name: RateLimitItemPerSecond(policy.calls, policy.window_s, _PREFIX)
                       for policy in self._policies}  # fmt: skip
        self._alone = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._asks_network = redis_url is not None
        self._shared = [_Shared(_redis(redis_url))] if redis_url else []
        self._shared += [_Shared(over(SharedCounters(file)))] if file else []

    async def count(self, actor: str, operation: str) -> Standing:
        """Count one call, and say where its caller stands."""
        if not self._items:
            return Standing({}, None)
        if self._asks_network:
            return await asyncio.to_thread(self._counted_by_first, actor, operation)
        return self._counted_by_first(actor, operation)

    def _counted_by_first(self, actor: str, operation: str) -> Standing:
        """By the first counters that can be used."""
        for store in self._shared:
            try:
                return store.breaker.call(self._counted, store.limiter, actor, operation)
            except (StorageError, pybreaker.CircuitBreakerError):
                continue
        return self._counted(self._alone, actor, operation)

    def _counted(self, limiter: SlidingWindowCounterRateLimiter, actor: str, operation: str) -> Standing:
        refused = [name for name, item in self._items.items() if not limiter.hit(item, actor, operation)]
        lefts = {name: _left(limiter, item, actor, operation) for name, item in self._items.items()}
        policy = ", ".join(f'"{one.name}";q={one.calls};w={one.window_s}' for one in self._policies)
        standing = ", ".join(f'"{name}";r={left};t={wait_s}' for name, (left, wait_s) in lefts.items())
        return Standing(
            {"RateLimit-Policy": policy, "RateLimit": standing},
            max((float(lefts[name][1]) for name in refused), default=None),
        )


class _Shared:
    """Counters of several processes; after some failures they are left alone for a while."""

    def __init__(self, limiter: SlidingWindowCounterRateLimiter) -> None:
        self.limiter = limiter
        self.breaker = pybreaker.CircuitBreaker(fail_max=_FAILURES, reset_timeout=_RESET_S, listeners=[_Said()])


class _Said(pybreaker.CircuitBreakerListener):
    """Says in the log that counters cannot be used, once for each time."""

    def state_change(self, cb: pybreaker.CircuitBreaker, old_state: object, new_state: object) -> None:
        if cb.current_state == pybreaker.STATE_OPEN:
            _log.error("shared counters of calls cannot be used; others count")


def _left(limiter: SlidingWindowCounterRateLimiter, item: RateLimitItem, *who: str) -> tuple[int, int]:
    """Calls that are left, and seconds until there is one more."""
    stats = limiter.get_window_stats(item, *who)
    return max(0, stats.remaining), max(1, math.ceil(stats.reset_time - time.time()))


def _redis(url: str) -> SlidingWindowCounterRateLimiter:
    storage = RedisStorage(
        url, wrap_exceptions=True, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S, retry=None
    )
    return SlidingWindowCounterRateLimiter(storage)
