"""Callers against a small real server: answers, refusals with and without a time, connections that break."""

import asyncio
import itertools
from contextlib import asynccontextmanager

from benchmarks.http_caller import HttpCaller, multipart
from benchmarks.load import HOST, Heard, hear

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
BUSY = b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
UNEXPLAINED = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
BROKEN = b""


@asynccontextmanager
async def server(*replies: bytes):
    """Replies to every request with the next one, over and over; an empty reply closes the connection."""
    turn = itertools.cycle(replies)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _head(reader):
            await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
            reply = next(turn)
            writer.write(reply)
            if reply in (BROKEN, BUSY):
                break
        writer.close()

    running = await asyncio.start_server(serve, HOST, 0)
    async with running:
        yield running.sockets[0].getsockname()[1]


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


def heard(*replies: bytes, seconds: float = 0.15, clients: int = 2) -> Heard:
    async def ask() -> Heard:
        async with server(*replies) as port:
            callers = [HttpCaller(port, form=multipart("/x")) for _ in range(clients)]
            found = await hear(callers, seconds=seconds, pictures=itertools.repeat(b"jpeg"))
            for caller in callers:
                await caller.close()
            return found

    return asyncio.run(ask())


def test_answers_are_counted_whole_or_in_chunks() -> None:
    facts = heard(OK, CHUNKED).facts()
    assert facts["answers"] > 2
    assert (facts["refused"], facts["failed"]) == (0, {})
    assert facts["p50_s"] <= facts["p95_s"] <= facts["max_s"]


def test_who_is_refused_comes_back_no_sooner_than_told() -> None:
    facts = heard(BUSY, seconds=0.4, clients=1).facts()
    assert (facts["answers"], facts["refused"], facts["failed"]) == (0, 1, {})
    assert facts["p50_s"] is None


def test_a_refusal_without_a_time_and_a_broken_connection_are_failures() -> None:
    assert heard(UNEXPLAINED, clients=1).facts()["failed"]["503"] > 0
    assert heard(BROKEN, clients=1).facts()["failed"]["IncompleteReadError"] > 0
