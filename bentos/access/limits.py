"""How often a caller may ask for one operation: counted over both protocols, per worker or in Redis for all of them.

The headers are those of draft-ietf-httpapi-ratelimit-headers-10. Where Redis does not answer, the worker counts for
itself: a lost Redis refuses nobody and lets nobody flood the service.
"""

import asyncio
import math
import time
from dataclasses import dataclass
from typing import Final

import pybreaker
from limits import RateLimitItem, RateLimitItemPerSecond
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter

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

    def __init__(self, policies: tuple[Policy, ...], *, redis_url: str | None = None) -> None:
        """Redis is connected to at the first call."""
        self._policies = tuple(policy for policy in policies if policy.calls)
        self._items = {policy.name: RateLimitItemPerSecond(policy.calls, policy.window_s, _PREFIX)
                       for policy in self._policies}  # fmt: skip
        self._local = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._shared = _redis(redis_url) if redis_url else None
        self._breaker = pybreaker.CircuitBreaker(fail_max=_FAILURES, reset_timeout=_RESET_S)

    async def count(self, actor: str, operation: str) -> Standing:
        """Count one call, and say where its caller stands."""
        if not self._items:
            return Standing({}, None)
        if self._shared is None:
            return self._counted(self._local, actor, operation)
        return await asyncio.to_thread(self._counted_for_all, self._shared, actor, operation)

    def _counted_for_all(self, shared: SlidingWindowCounterRateLimiter, actor: str, operation: str) -> Standing:
        try:
            return self._breaker.call(self._counted, shared, actor, operation)
        except (StorageError, pybreaker.CircuitBreakerError):
            return self._counted(self._local, actor, operation)

    def _counted(self, limiter: SlidingWindowCounterRateLimiter, actor: str, operation: str) -> Standing:
        refused = [name for name, item in self._items.items() if not limiter.hit(item, actor, operation)]
        lefts = {name: _left(limiter, item, actor, operation) for name, item in self._items.items()}
        policy = ", ".join(f'"{one.name}";q={one.calls};w={one.window_s}' for one in self._policies)
        standing = ", ".join(f'"{name}";r={left};t={wait_s}' for name, (left, wait_s) in lefts.items())
        return Standing(
            {"RateLimit-Policy": policy, "RateLimit": standing},
            max((float(lefts[name][1]) for name in refused), default=None),
        )


def _left(limiter: SlidingWindowCounterRateLimiter, item: RateLimitItem, *who: str) -> tuple[int, int]:
    """Calls that are left, and seconds until there is one more."""
    stats = limiter.get_window_stats(item, *who)
    return max(0, stats.remaining), max(1, math.ceil(stats.reset_time - time.time()))


def _redis(url: str) -> SlidingWindowCounterRateLimiter:
    storage = RedisStorage(
        url, wrap_exceptions=True, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S, retry=None
    )
    return SlidingWindowCounterRateLimiter(storage)
