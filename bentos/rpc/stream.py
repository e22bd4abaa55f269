"""Works on the items of a stream, some at once, and gives each result as soon as it is there."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from bentos.faults import ServiceFault

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


async def as_done(
    items: AsyncIterator[_Item],
    work: Callable[[int, _Item], Awaitable[_Result]],
    *,
    at_once: int,
    idle_s: float,
    stopping: asyncio.Event,
) -> AsyncIterator[_Result]:
    """Results in the order they are done. No item is read while `at_once` are worked on: the sender has to wait.

    Raises:
        ServiceFault: stopping, after the results of all items that were read; slow_body, nothing came for `idle_s`.
    """
    number, working, ended = 0, set[asyncio.Future](), False
    stop, reading = asyncio.create_task(stopping.wait()), _next(items)
    try:
        while reading or working:
            readable = {reading, stop} if reading and len(working) < at_once else set()
            done = await _any(working | readable, timeout_s=None if working else idle_s)
            for task in done & working:
                yield task.result()
            working -= done
            if reading in done:
                item = reading.result()
                ended, reading = item is None, None if item is None else _next(items)
                if item is not None:
                    working.add(asyncio.ensure_future(work(number, item)))
                    number += 1
            elif stop in done:
                reading.cancel()
                reading = None
    finally:
        for task in filter(None, (*working, reading, stop)):
            task.cancel()
    if not ended:
        raise ServiceFault("stopping", "The service is about to stop; send what has no answer yet again.")


def _next(items: AsyncIterator[_Item]) -> "asyncio.Future[_Item | None]":
    return asyncio.ensure_future(anext(items, None))


async def _any(tasks: set[asyncio.Future], *, timeout_s: float | None) -> set[asyncio.Future]:
    done, _ = await asyncio.wait(tasks, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    if not done:
        raise ServiceFault("slow_body", f"Nothing came within {timeout_s:g} s.")
    return done
