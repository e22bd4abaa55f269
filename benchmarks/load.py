"""The callers: each sends one request at a time until the time is over, over HTTP/1.1 or gRPC, loopback only.

They share the cores with the server, so they are as plain as can be: requests are put together once, and of an answer
no more is looked at than its status and its length.
"""

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

HOST: Final = "127.0.0.1"
REFUSED: Final = frozenset({"429", "503", "RESOURCE_EXHAUSTED", "UNAVAILABLE"})
ANSWERED: Final = frozenset({"200", "OK"})
_PATIENCE_S: Final = 60.0
_MAX_WAIT_S: Final = 30.0


@dataclass(frozen=True)
class Reply:
    """What came back: `status` as the protocol says it, `retry_s` where the server named a time to come back."""

    status: str
    seconds: float
    retry_s: float | None = None


class Caller(Protocol):
    """One client's connection."""

    async def ask(self, picture: bytes) -> Reply: ...

    async def close(self) -> None: ...


@dataclass(frozen=True)
class Heard:
    """All that came back within `wall_s` seconds, and what became of the rest."""

    replies: tuple[Reply, ...]
    wall_s: float

    def answered_s(self) -> np.ndarray:
        """Seconds of those that were answered, (N,)."""
        return np.array([reply.seconds for reply in self.replies if reply.status in ANSWERED])

    def refused(self) -> list[Reply]:
        """Told to come back, with a time."""
        return [reply for reply in self.replies if reply.status in REFUSED and reply.retry_s is not None]

    def failed(self) -> dict[str, int]:
        """How often each other status came, connections that broke included."""
        explained = {id(reply) for reply in self.refused()}
        odd = [r.status for r in self.replies if r.status not in ANSWERED and id(r) not in explained]
        return {status: odd.count(status) for status in sorted(set(odd))}

    def facts(self) -> dict[str, object]:
        """Counts, rates and quantiles."""
        seconds = self.answered_s()
        return {
            "answers": len(seconds),
            "refused": len(self.refused()),
            "failed": self.failed(),
            "answers_per_s": len(seconds) / self.wall_s,
            "p50_s": float(np.quantile(seconds, 0.5)) if len(seconds) else None,
            "p95_s": float(np.quantile(seconds, 0.95)) if len(seconds) else None,
            "max_s": float(seconds.max()) if len(seconds) else None,
        }


async def hear(callers: Sequence[Caller], *, seconds: float, pictures: Iterator[bytes], seed: int = 0) -> Heard:
    """Let callers ask for so long; who is refused comes back when told, or a little later."""
    replies: list[Reply] = []
    rng = random.Random(seed)
    began = time.perf_counter()
    until = began + seconds
    await asyncio.gather(*(_keep_asking(caller, pictures, replies, until=until, rng=rng) for caller in callers))
    return Heard(tuple(replies), time.perf_counter() - began)


async def _keep_asking(
    caller: Caller, pictures: Iterator[bytes], replies: list[Reply], *, until: float, rng: random.Random
) -> None:
    while (left := until - time.perf_counter()) > 0:
        reply = await asyncio.wait_for(caller.ask(next(pictures)), left + _PATIENCE_S)
        replies.append(reply)
        if reply.status not in ANSWERED:
            wait_s = min((reply.retry_s or 0.1) * (1 + rng.random() / 2), _MAX_WAIT_S)
            await asyncio.sleep(min(wait_s, max(0.0, until - time.perf_counter())))
