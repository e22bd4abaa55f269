"""Answers that were given before: kept in the process, or in Redis where one is configured; never a picture.

An answer is found again by an HMAC of everything that it depends on, and is encrypted under a key made from the same
one and bound to its name: who can read Redis learns nothing, and who can write into it cannot make up an answer.
"""

import hashlib
import hmac
import threading
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

import pybreaker
import redis
from cachetools import TTLCache
from pydantic import BaseModel, ConfigDict, ValidationError

from bentos.metrics import Metrics
from bentos.privacy.envelope import derived, seal, unseal
from bentos.release import Ref
from bentos.runtime.answer import Answer, PillMetadata
from bentos.runtime.contract import canonical_json
from bentos.runtime.errors import ContractError
from bentos.settings import Settings

_FAILURES: Final = 3
_RESET_S: Final = 10.0
_TIMEOUT_S: Final = 0.05


class Kept(BaseModel):
    """An answer, and what the journal keeps of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    answer: Answer
    payload: dict[str, Any]


class Store(Protocol):
    """Bytes by name, forgotten after a while."""

    def get(self, name: str) -> bytes | None:
        """What was put under a name, if it is still there."""

    def put(self, name: str, value: bytes) -> None:
        """Keep a value."""

    def close(self) -> None:
        """Give connections back."""


class LocalStore:
    """The last values used, in this process."""

    def __init__(self, *, max_entries: int, ttl_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Hold at most `max_entries` values, none longer than `ttl_s`."""
        self._lock = threading.Lock()
        self._values: TTLCache[str, bytes] = TTLCache(max_entries, ttl_s, timer=clock)

    def get(self, name: str) -> bytes | None:
        """What was put under a name, if it is still there."""
        with self._lock:
            return self._values.get(name)

    def put(self, name: str, value: bytes) -> None:
        """Keep a value; the one not used for longest goes."""
        with self._lock:
            self._values[name] = value

    def close(self) -> None:
        """Nothing to give back."""


class RedisStore:
    """Values in Redis, behind a circuit breaker: while it is open, no request waits for Redis."""

    def __init__(self, url: str, *, ttl_s: float) -> None:
        """Connects at the first use."""
        self._redis = redis.Redis.from_url(
            url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S, retry=None, health_check_interval=0
        )
        self._ttl_ms = max(1, round(1e3 * ttl_s))
        self._breaker = pybreaker.CircuitBreaker(fail_max=_FAILURES, reset_timeout=_RESET_S)

    def get(self, name: str) -> bytes | None:
        """What was put under a name; raises `redis.RedisError` or `pybreaker.CircuitBreakerError`."""
        return self._breaker.call(self._redis.get, f"rxvision:answer:{name}")

    def put(self, name: str, value: bytes) -> None:
        """Keep a value; raises `redis.RedisError` or `pybreaker.CircuitBreakerError`."""
        self._breaker.call(self._redis.set, f"rxvision:answer:{name}", value, px=self._ttl_ms)

    def close(self) -> None:
        """Give the connections back."""
        self._redis.close()


class AnswerCache:
    """Looks answers up and keeps them; a store that fails is as good as an empty one. Safe across threads."""

    def __init__(self, store: Store, *, key: bytes, metrics: Metrics) -> None:
        """Seal and name with `key`."""
        self._store = store
        self._key = key
        self._sealing = derived(key, purpose="cache")
        self._metrics = metrics

    def name(self, pictures_hmac: str, *, metadata: PillMetadata | None, ref: Ref) -> str:
        """The name of the answer to a question: an HMAC in hex, so that it tells nothing of the picture.

        `pictures_hmac` is the one that the journal knows the pictures by (`journal.input_hmac`).
        """
        typed = (metadata or PillMetadata()).model_dump(mode="json")
        facts = canonical_json([_SCHEMA, pictures_hmac, typed, ref.recogniser, ref.gallery])
        return hmac.new(self._key, b"answer\0" + facts, hashlib.sha256).hexdigest()

    def get(self, name: str) -> Kept | None:
        """The answer of that name, if it is kept and as it was when it was sealed."""
        sealed = self._tried(lambda: self._store.get(name))
        if sealed is None:
            return None
        try:
            value = unseal(sealed, key=self._sealing, about={"answer": name})
        except ContractError:
            self._count("forged")
            return None
        try:
            kept = Kept.model_validate_json(value)
        except ValidationError:
            self._count("error")
            return None
        self._count("hit")
        return kept

    def put(self, name: str, kept: Kept) -> None:
        """Keep an answer."""
        value = kept.model_dump_json().encode()
        sealed = seal(value, key=self._sealing, about={"answer": name})
        self._tried(lambda: self._store.put(name, sealed), quiet=True)

    def close(self) -> None:
        """Give the store's connections back."""
        self._store.close()

    def _tried(self, ask: Callable[[], bytes | None], *, quiet: bool = False) -> bytes | None:
        try:
            found = ask()
        except pybreaker.CircuitBreakerError:
            self._count("skipped")
            return None
        except redis.RedisError:
            self._count("error")
            return None
        if found is None and not quiet:
            self._count("miss")
        return found

    def _count(self, outcome: str) -> None:
        self._metrics.cache.labels(outcome).inc()


def open_cache(settings: Settings, *, key: bytes, metrics: Metrics) -> AnswerCache | None:
    """The cache that the settings ask for; None where they ask for none."""
    if settings.redis_url:
        return AnswerCache(RedisStore(settings.redis_url, ttl_s=settings.cache_ttl_s), key=key, metrics=metrics)
    if not settings.cache_entries:
        return None
    local = LocalStore(max_entries=settings.cache_entries, ttl_s=settings.cache_ttl_s)
    return AnswerCache(local, key=key, metrics=metrics)


# An answer of another form, of an older service, is never found.
_SCHEMA: Final = hashlib.sha256(canonical_json(Kept.model_json_schema())).hexdigest()
