"""Reads a request's body within limits of size and time; JSON bodies become our records."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from bentos.faults import ServiceFault

MAX_JSON_BYTES: Final = 2**16
_NAMED_BY_THE_CALLER: Final = frozenset({"extra_forbidden", "invalid_key"})
_Record = TypeVar("_Record", bound=BaseModel)
_Result = TypeVar("_Result")


async def limited(request: Request, *, limit: int) -> AsyncIterator[bytes]:
    """The body's chunks.

    Raises:
        ServiceFault: body_too_large, announced or found out.
    """
    announced = request.headers.get("content-length", "0")
    if announced.isdigit() and int(announced) > limit:
        raise _too_large(limit)
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > limit:
            raise _too_large(limit)
        yield chunk


async def in_time(work: Awaitable[_Result], *, timeout_s: float) -> _Result:
    """What `work` reads from the caller.

    Raises:
        ServiceFault: slow_body, it did not arrive in time.
    """
    try:
        return await asyncio.wait_for(work, timeout_s)
    except TimeoutError as error:
        raise ServiceFault("slow_body", f"The request's body did not arrive within {timeout_s:g} s.") from error


async def while_connected(request: Request, work: Awaitable[_Result]) -> _Result:
    """The result of `work`, which is cancelled where the caller leaves; after the body has been read.

    Raises:
        ClientDisconnect: the caller left first.
    """
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientDisconnect
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def json_record(request: Request, kind: type[_Record], *, timeout_s: float) -> _Record:
    """The JSON body as a record.

    Raises:
        ServiceFault: not_json, body_too_large, slow_body, bad_request.
    """
    if media_type(request) != "application/json":
        raise ServiceFault("not_json", "Send a JSON object as application/json.")
    body = await in_time(_whole(request), timeout_s=timeout_s)
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise ServiceFault("bad_request", f"The request cannot be used: {first_fault(error)}.") from error


def media_type(request: Request) -> str:
    """The body's media type without parameters, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def first_fault(error: ValidationError) -> str:
    """The first fault in words, without what was sent."""
    return in_words(error.errors(include_url=False, include_input=False, include_context=False)[0])


def in_words(fault: Mapping[str, Any]) -> str:
    """One of pydantic's faults; the name of a field that we do not know is the caller's, and is not repeated."""
    unknown = fault["type"] in _NAMED_BY_THE_CALLER
    where, what = (fault["loc"][:-1], "it has a field that is not known") if unknown else (fault["loc"], fault["msg"])
    return ": ".join(filter(None, [".".join(map(str, where)), what]))


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _whole(request: Request) -> bytes:
    return b"".join([chunk async for chunk in limited(request, limit=MAX_JSON_BYTES)])


def _too_large(limit: int) -> ServiceFault:
    return ServiceFault("body_too_large", f"The request is larger than {limit} bytes.")
