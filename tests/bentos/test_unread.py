"""A refused caller gets to read the refusal although his body was still on its way."""

import asyncio
from collections.abc import Iterable

import pytest
from starlette.types import Message

from bentos.unread import Unread


def unread(chunks: Iterable[bytes], **headers: str) -> tuple[Unread, list[bytes]]:
    """A body in chunks that never ends by itself after them; `read` tells which were taken."""
    waiting, read = list(chunks), []

    async def receive() -> Message:
        if not waiting:
            await asyncio.sleep(60)
        chunk = waiting.pop(0)
        read.append(chunk)
        return {"type": "http.request", "body": chunk, "more_body": chunk != b"end"}

    scope = {"type": "http", "headers": [(name.replace("_", "-").encode(), v.encode()) for name, v in headers.items()]}
    return Unread(scope, receive), read


def test_the_rest_of_a_body_is_taken_in_up_to_its_end() -> None:
    body, read = unread([b"one", b"two", b"end", b"of the next request"], content_length="9")
    asyncio.run(body())
    asyncio.run(body.drain())
    assert read == [b"one", b"two", b"end"]


@pytest.mark.parametrize(
    "headers",
    [{}, {"content_length": "0"}, {"content_length": str(2**30)}, {"content_length": "9", "expect": "100-continue"}],
    ids=["none", "empty", "huge", "asks-first"],
)
def test_what_is_not_there_or_too_much_is_not_waited_for(headers: dict) -> None:
    body, read = unread([b"one"], **headers)
    asyncio.run(body.drain())
    assert read == []


def test_a_body_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bentos.unread._MAX_S", 0.05)
    body, read = unread([b"one"], transfer_encoding="chunked")
    asyncio.run(body.drain())
    assert read == [b"one"]
