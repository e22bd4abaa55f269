"""Denials in the journal: the first of each kind at once, those of the same kind within a minute as one count.

So a flood of bad requests writes a few entries a minute, and none of them is lost to audit. A kind is who it was as far
as that was proved, the refusal's code and reason, and the method. What one killed worker had counted but not yet
written, at most a minute of repetitions, is lost.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bentos.access.faults import AccessFault
from bentos.journal import Entry

ACTION: Final = "access_denied"
UNKNOWN: Final = "unknown"
WINDOW: Final = timedelta(minutes=1)
MAX_KINDS: Final = 256


@dataclass(frozen=True)
class Kind:
    """Denials that are counted together."""

    actor: str
    code: str
    why: str
    method: str


@dataclass
class _Window:
    began: datetime
    last: datetime
    repeated: int = 0


class Denials:
    """Writes denials through `append`, which blocks and raises journal_unavailable; safe across threads."""

    def __init__(self, append: Callable[[Entry], int], *, now: Callable[[], datetime]) -> None:
        """Nothing is held yet."""
        self._append = append
        self._now = now
        self._lock = threading.Lock()
        self._windows: dict[Kind, _Window] = {}

    def note(self, fault: AccessFault, *, method: str, request_id: str) -> None:
        """Journal a denial, or count it beside one that was.

        Raises:
            ServiceFault: journal_unavailable.
        """
        kind, now = Kind(fault.actor or UNKNOWN, fault.code, fault.why, method), self._now()
        self.flush()
        with self._lock:
            if kind not in self._windows and len(self._windows) >= MAX_KINDS:
                kind = Kind("many", fault.code, "many", "many")
            if (window := self._windows.get(kind)) is not None:
                window.repeated, window.last = window.repeated + 1, now
                return
            self._windows[kind] = _Window(began=now, last=now)
        self._append(_entry(kind, at=now, request_id=request_id, count=1))

    def flush(self, *, all_of_them: bool = False) -> None:
        """Write the counts of the minutes that are over; of all that began, where the service stops."""
        now = self._now()
        with self._lock:
            over = {kind: w for kind, w in self._windows.items() if all_of_them or now - w.began >= WINDOW}
            for kind in over:
                del self._windows[kind]
        for kind, window in over.items():
            if window.repeated:
                self._append(_entry(kind, at=window.last, count=window.repeated, since=window.began.isoformat()))


def _entry(kind: Kind, *, at: datetime, **facts: str | int) -> Entry:
    payload = {"code": kind.code, "why": kind.why, "method": kind.method, **facts}
    return Entry(at=at, actor=kind.actor, action=ACTION, outcome="denied", payload=payload)
