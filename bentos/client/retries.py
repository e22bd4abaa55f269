"""Tries a call again where that is safe, at random moments, within one deadline for all attempts.

The wait is "full jitter": uniform between nothing and a limit that doubles (Brooker, "Exponential Backoff and Jitter",
AWS Architecture Blog 2015), so that refused callers do not come back together. What the service asks for is waited
for first, and the jitter after it.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from bentos.client.failure import CallFailed

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Retries:
    """How often and after how long a call is tried again; sleep, clock and chance are parameters."""

    max_attempts: int = 5
    base_s: float = 0.1
    cap_s: float = 5.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    rng: random.Random = field(default_factory=random.Random)

    def call(self, attempt: Callable[[float], _Result], *, deadline_s: float) -> _Result:
        """The result of `attempt`, which is given the seconds that are left.

        Raises:
            CallFailed: the last attempt's, where no other may follow or the wait for it would pass the deadline.
        """
        end, number = self.clock() + deadline_s, 1
        while True:
            try:
                return attempt(max(end - self.clock(), 0.001))
            except CallFailed as failure:
                wait_s = self._wait_s(failure, number)
                if not failure.again or number >= self.max_attempts or self.clock() + wait_s >= end:
                    raise
            self.sleep(wait_s)
            number += 1

    def _wait_s(self, failure: CallFailed, number: int) -> float:
        jitter_s = self.rng.uniform(0, min(self.cap_s, self.base_s * 2 ** (number - 1)))
        return (failure.retry_after_s or 0.0) + jitter_s
