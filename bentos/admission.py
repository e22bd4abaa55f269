"""Who may come in: one bounded queue for both protocols, and what it can promise to answer in time.

An answer that would come later than the latency budget is refused at once: a queue that is longer than the callers'
patience works for nobody (Nichols and Jacobson, "Controlling Queue Delay", ACM Queue 2012).

Who is refused is told when to come back, one after another at twice the rate of answers: a thousand callers who all
come back after a second would cost more in refusals than there is left for answers.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from bentos.faults import ServiceFault
from bentos.metrics import Metrics
from bentos.runtime.answer import Effort
from bentos.settings import Settings

_WEIGHT: Final = 0.1
_RETURNING_PER_ANSWER: Final = 2.0
_LONGEST_AWAY_S: Final = 30.0


class Admission:
    """Counts requests held and answers being worked on; estimates how long the next one would take."""

    def __init__(self, settings: Settings, *, metrics: Metrics, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is known of how long an answer takes before the first `worked`."""
        self._settings = settings
        self._metrics = metrics
        self._lock = threading.Lock()
        self._held = 0
        self._working = 0
        self._answer_s = 0.0
        self._clock = clock
        self._last_return_s = -math.inf

    @property
    def num_held(self) -> int:
        """Requests of people that this process holds now."""
        return self._held

    @contextmanager
    def place(self, *, limit_s: float = math.inf) -> Iterator[None]:
        """Hold a place for one request whose caller waits `limit_s` at most.

        Raises:
            ServiceFault: busy; the body should not even be read.
        """
        if self._held >= self._settings.max_in_flight:
            raise self._busy("The service has as many requests as it can hold")
        self.promise(limit_s=limit_s)
        self._held += 1
        self._metrics.in_flight.inc()
        try:
            yield
        finally:
            self._held -= 1
            self._metrics.in_flight.dec()

    def promise(self, *, limit_s: float = math.inf) -> None:
        """Pass if an answer begun now comes within the budget, and at once where a thread is free.

        Raises:
            ServiceFault: busy, with the time after which it may be worth to come back.
        """
        wait_s = self.wait_s()
        if wait_s > 0 and wait_s + self._answer_s > min(limit_s, self._settings.latency_budget_s):
            raise self._busy("An answer would take longer than may be waited for")

    def effort(self) -> Effort:
        """`fast` while the queue costs more than its share of the budget."""
        return "fast" if self.wait_s() > self._settings.degrade_share * self._settings.latency_budget_s else "full"

    def wait_s(self) -> float:
        """How long the next answer would wait for a thread."""
        ahead = self._working - self._settings.threads + 1
        return max(ahead, 0) * self._answer_s / self._settings.threads

    def begun(self) -> None:
        """One more answer waits for a thread, or has one."""
        with self._lock:
            self._working += 1

    def ended(self) -> None:
        """One answer less, whatever became of it; from any thread."""
        with self._lock:
            self._working -= 1

    def worked(self, seconds: float) -> None:
        """An answer took a thread for so long; from any thread. The mean forgets, as pictures and load change."""
        with self._lock:
            self._answer_s += (_WEIGHT if self._answer_s else 1.0) * (seconds - self._answer_s)
        self._metrics.expected_s.set(self._answer_s)

    def _busy(self, why: str) -> ServiceFault:
        wait_s = max(1, math.ceil(self.wait_s()), math.ceil(self._away_s()))
        return ServiceFault("busy", f"{why}; try again in {wait_s} s.", retry_after_s=wait_s)

    def _away_s(self) -> float:
        """The next free turn to come back, in seconds from now."""
        now = self._clock()
        apart_s = self._answer_s / (self._settings.threads * _RETURNING_PER_ANSWER)
        with self._lock:
            self._last_return_s = min(max(self._last_return_s, now) + apart_s, now + _LONGEST_AWAY_S)
            return self._last_return_s - now
