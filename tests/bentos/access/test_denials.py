"""Denials: the first at once, repetitions counted, nothing lost when the service stops."""

from datetime import UTC, datetime, timedelta

import pytest

from bentos.access.denials import MAX_KINDS, Denials
from bentos.access.faults import bad_token, missing_scope
from bentos.faults import ServiceFault
from bentos.journal import Entry

START = datetime(2026, 1, 1, tzinfo=UTC)
ROUTE = "GET /api/v1/model"


class Book:
    """Entries as they are written, at a time that passes when told to."""

    def __init__(self) -> None:
        self.now, self.entries = START, []
        self.denials = Denials(self.append, now=lambda: self.now)

    def append(self, entry: Entry) -> int:
        self.entries.append(entry)
        return len(self.entries)

    def deny(self, *, why: str = "expired", actor: str | None = None, method: str = ROUTE, after_s: float = 0) -> None:
        self.now += timedelta(seconds=after_s)
        self.denials.note(bad_token(why, "The token has expired.", actor=actor), method=method, request_id="r-1")


@pytest.fixture
def book() -> Book:
    return Book()


def test_the_first_denial_is_written_at_once_with_who_why_and_what(book: Book) -> None:
    book.denials.note(missing_scope("rx:metrics", actor="token:ab"), method="GET /metrics", request_id="r-1")
    (entry,) = book.entries
    assert (entry.action, entry.outcome, entry.actor, entry.at) == ("access_denied", "denied", "token:ab", START)
    assert entry.payload == {
        "code": "insufficient_scope", "why": "scope", "method": "GET /metrics", "request_id": "r-1", "count": 1
    }  # fmt: skip


def test_repetitions_within_a_minute_are_one_count_after_it(book: Book) -> None:
    for _ in range(1000):
        book.deny(after_s=0.05)
    assert len(book.entries) == 1
    book.denials.flush()
    assert len(book.entries) == 1
    book.now = START + timedelta(seconds=61)
    book.denials.flush()
    first, counted = book.entries
    assert (first.payload["count"], counted.payload["count"]) == (1, 999)
    assert counted.payload["since"] == first.at.isoformat()
    assert counted.at == START + timedelta(seconds=50)


def test_a_kind_that_comes_again_later_is_written_again(book: Book) -> None:
    book.deny()
    book.deny(after_s=61)
    assert [entry.payload["count"] for entry in book.entries] == [1, 1]


def test_kinds_are_counted_apart(book: Book) -> None:
    book.deny()
    book.deny(why="signature")
    book.deny(actor="token:ab")
    book.deny(method="POST /api/v1/predict")
    assert len(book.entries) == 4
    assert [entry.actor for entry in book.entries] == ["unknown", "unknown", "token:ab", "unknown"]


def test_callers_without_number_write_a_bounded_number_of_entries(book: Book) -> None:
    for number in range(3 * MAX_KINDS):
        book.deny(actor=f"token:{number}")
    book.now += timedelta(seconds=61)
    book.denials.flush()
    assert len(book.entries) == MAX_KINDS + 2
    assert sum(entry.payload["count"] for entry in book.entries) == 3 * MAX_KINDS
    assert book.entries[-1].actor == "many"


def test_what_was_counted_is_written_when_the_service_stops(book: Book) -> None:
    book.deny()
    book.deny()
    book.denials.flush(all_of_them=True)
    assert [entry.payload["count"] for entry in book.entries] == [1, 1]


def test_a_denial_that_cannot_be_journalled_is_a_fault_of_its_own() -> None:
    def failing(entry: Entry) -> int:
        raise ServiceFault("journal_unavailable", "The journal cannot be written.")

    denials = Denials(failing, now=lambda: START)
    with pytest.raises(ServiceFault, match="journal_unavailable"):
        denials.note(bad_token("expired", "The token has expired."), method=ROUTE, request_id="r-1")
