"""Photographs asked side by side: each once, in their order, timed only where nothing else ran."""

import threading
import time

from monitoring.spread import asked_of_all
from tests.monitoring.making import record


class Asked:
    """Answers photographs slowly and remembers how many were being answered when each began."""

    def __init__(self) -> None:
        self.began: list[tuple[str, int]] = []
        self._busy, self._lock = 0, threading.Lock()

    def __call__(self, row: dict) -> object:
        with self._lock:
            self._busy += 1
            self.began.append((row["photo_id"], self._busy))
        time.sleep(0.02)
        with self._lock:
            self._busy -= 1
        return record(photo=row["photo_id"])


ROWS = [{"photo_id": f"{number:02d}"} for number in range(12)]


def test_records_come_in_the_order_of_the_rows_and_each_photograph_is_asked_once() -> None:
    asked, told = Asked(), []
    found = asked_of_all(ROWS, asked, timed={"03", "10"}, on_progress=lambda done, total: told.append((done, total)))
    assert [one.photo for one in found] == [row["photo_id"] for row in ROWS]
    assert sorted(name for name, _ in asked.began) == [row["photo_id"] for row in ROWS]
    assert told == [(done, 12) for done in range(1, 13)]


def test_only_photographs_asked_alone_keep_their_timings() -> None:
    asked = Asked()
    found = asked_of_all(ROWS, asked, timed={"03", "10"}, on_progress=lambda done, total: None)
    assert {one.photo for one in found if one.timings_ms} == {"03", "10"}
    assert asked.began[:2] == [("03", 1), ("10", 1)]
    assert max(busy for _, busy in asked.began[2:]) == 2
