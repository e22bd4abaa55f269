"""A stream's items are worked on some at once, and its sender is slowed down rather than refused."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bentos.faults import ServiceFault
from bentos.rpc.stream import as_done


async def numbers(count: int, *, read: list[int] | None = None) -> AsyncIterator[int]:
    for number in range(count):
        if read is not None:
            read.append(number)
        yield number


class FirstIsLast:
    """Gives the result of item 0 only after that of item `last`."""

    def __init__(self, *, last: int) -> None:
        self.last = last
        self.done = asyncio.Event()

    async def __call__(self, number: int, item: int) -> int:
        if item == 0:
            await self.done.wait()
        if item == self.last:
            self.done.set()
        return 10 * item


async def results(items: AsyncIterator[int], *, last: int, **overrides: object) -> list[int]:
    options = {"at_once": 2, "idle_s": 1.0, "stopping": asyncio.Event(), **overrides}
    return [result async for result in as_done(items, FirstIsLast(last=last), **options)]


async def rest_of(done: AsyncIterator[int], *, into: list[int]) -> None:
    while True:
        into.append(await anext(done))


def test_results_come_as_they_are_done() -> None:
    first, *others = asyncio.run(results(numbers(4), last=3))
    assert (first, sorted(others)) == (10, [0, 20, 30])


def test_no_more_is_read_than_is_worked_on() -> None:
    async def watched() -> None:
        read: list[int] = []
        done = as_done(numbers(50, read=read), FirstIsLast(last=50), at_once=3, idle_s=1.0, stopping=asyncio.Event())
        assert await anext(done) == 10
        assert len(read) <= 4
        await done.aclose()

    asyncio.run(watched())


def test_a_sender_who_falls_silent_is_given_up() -> None:
    async def silent() -> AsyncIterator[int]:
        yield 1
        await asyncio.sleep(5)

    with pytest.raises(ServiceFault, match="slow_body"):
        asyncio.run(results(silent(), last=0, idle_s=0.05))


def test_a_stop_lets_what_was_read_finish() -> None:
    async def endless() -> AsyncIterator[int]:
        yield 0
        yield 1
        await asyncio.sleep(5)

    async def stopped() -> list[int]:
        stopping, seen = asyncio.Event(), []
        done = as_done(endless(), FirstIsLast(last=1), at_once=3, idle_s=9.0, stopping=stopping)
        seen.append(await anext(done))
        stopping.set()
        with pytest.raises(ServiceFault, match="stopping"):
            await rest_of(done, into=seen)
        return seen

    assert sorted(asyncio.run(stopped())) == [0, 10]


def test_a_fault_of_one_item_ends_the_stream() -> None:
    async def broken(number: int, item: int) -> int:
        raise KeyError(item)

    async def run() -> None:
        async for _ in as_done(numbers(3), broken, at_once=2, idle_s=1.0, stopping=asyncio.Event()):
            raise AssertionError

    with pytest.raises(KeyError):
        asyncio.run(run())
