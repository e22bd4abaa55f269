"""The layer around every gRPC call: its place, its request id, its errors, its count and one line of log."""

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, aclosing, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError, Message

from bentos.access.caller import NOBODY, Caller, shown
from bentos.access.faults import AccessFault
from bentos.access.table import BY_METHOD, Operation
from bentos.answering import Answering
from bentos.bodies import in_time
from bentos.faults import ServiceFault
from bentos.metrics import Metrics
from bentos.observed import request_id_of
from bentos.problems import retry_after_s
from bentos.proto.rxvision.v1 import medication_identification_pb2 as pb
from bentos.rpc.errors import INTERNAL, status_code, trailing_metadata
from bentos.rpc.keys import API_KEY_KEY, AUTHORIZATION_KEY, REQUEST_ID_KEY, SESSION_KEY, SUBJECT_KEY
from bentos.runtime.errors import InputError
from bentos.upload import MAX_BODY_BYTES

_log = logging.getLogger(__name__)
SERVICE_NAME: Final = pb.DESCRIPTOR.services_by_name["MedicationIdentification"].full_name
PREFIX: Final = f"/{SERVICE_NAME}/"
_UNADMITTED: Final = frozenset({"GetModelStatus", "GetAuditKey", "PredictStream"})
_INTERNAL_SENTENCE: Final = "The service failed on this call; the fault was logged under the request id."
_Chunks = AsyncIterator[bytes]


@dataclass(frozen=True)
class Call:
    """What a method needs to know of its call: its id, the caller's session, how long he waits, whom it is about."""

    request_id: str
    session_key: str
    limit_s: float
    caller: Caller = NOBODY
    subject: str = field(default="", repr=False)


class Calls(grpc.aio.ServerInterceptor):
    """Gives every call of ours a place before its message is read, as REST does before the body.

    A unary method is registered as one that takes a stream, which is the same on the wire: gRPC otherwise reads the
    whole message before any code of ours runs, and a thousand waiting callers would fill the memory.
    """

    def __init__(self, answering: Answering, *, metrics: Metrics, max_bytes: dict[str, int]) -> None:
        """Wrap the methods; `max_bytes` limits the messages of single methods below the server's own limit."""
        self._answering = answering
        self._metrics = metrics
        self._max_bytes = max_bytes

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]],
        details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler:
        """Health and reflection pass; ours are wrapped; what the table of access does not name, there is not."""
        method = await continuation(details)
        operation = BY_METHOD.get(details.method)
        if method is None or operation is None or not details.method.startswith(PREFIX):
            return method if operation else None
        name = details.method.removeprefix(PREFIX)
        request_id, session_key = request_id_of(_sent(details, REQUEST_ID_KEY)), _sent(details, SESSION_KEY)

        async def unary(chunks: _Chunks, context: grpc.aio.ServicerContext) -> Message:
            call = Call(request_id, session_key, _seconds_left(context))
            work = self._entered(operation, details, call, lambda known: self._unary(method, name, chunks, call=known))
            return await self._observed(name, work, context, call=call)

        async def stream(chunks: _Chunks, context: grpc.aio.ServicerContext) -> None:
            call = Call(request_id, session_key, _seconds_left(context))
            work = self._entered(
                operation, details, call, lambda known: self._stream(method, chunks, context, call=known)
            )
            await self._observed(name, work, context, call=call)

        if method.request_streaming:
            return grpc.stream_stream_rpc_method_handler(stream, response_serializer=method.response_serializer)
        return grpc.stream_unary_rpc_method_handler(unary, response_serializer=method.response_serializer)

    async def _entered(
        self,
        operation: Operation,
        details: grpc.HandlerCallDetails,
        call: Call,
        work: Callable[[Call], Awaitable[Any]],
    ) -> Any:
        """The work of a call whose caller is let in, as REST's `guard` does."""
        sent = details.invocation_metadata or ()
        caller, _ = await self._answering.access.admit(
            operation,
            lambda: shown(_all(sent, AUTHORIZATION_KEY), _all(sent, API_KEY_KEY)),
            method=details.method,
            request_id=call.request_id,
        )
        return await work(replace(call, caller=caller, subject=_sent(details, SUBJECT_KEY)))

    async def _unary(self, method: grpc.RpcMethodHandler, name: str, chunks: _Chunks, *, call: Call) -> Message:
        with self._place(name, call):
            data = await in_time(_only(chunks), timeout_s=self._answering.settings.body_timeout_s)
            limit = self._max_bytes.get(name, MAX_BODY_BYTES)
            return await method.unary_unary(_parsed(method, data, limit=limit), call)

    async def _stream(
        self, method: grpc.RpcMethodHandler, chunks: _Chunks, context: grpc.aio.ServicerContext, *, call: Call
    ) -> None:
        messages = (self._message(method, data, call=call) async for data in chunks)
        async with aclosing(method.stream_stream(messages, call)) as responses:
            async for response in responses:
                await context.write(response)

    def _message(self, method: grpc.RpcMethodHandler, data: bytes, *, call: Call) -> Message:
        """The next message of a stream, which may outlive its caller's token."""
        self._answering.access.still(call.caller)
        return _parsed(method, data, limit=MAX_BODY_BYTES)

    def _place(self, name: str, call: Call) -> AbstractContextManager[None]:
        return nullcontext() if name in _UNADMITTED else self._answering.admitted(limit_s=call.limit_s)

    async def _observed(self, name: str, work: Awaitable[Any], context: grpc.aio.ServicerContext, *, call: Call) -> Any:
        """The work's result; its error as a gRPC status; counted either way, also where the caller went away."""
        began, status = time.perf_counter(), grpc.StatusCode.CANCELLED
        await context.send_initial_metadata(((REQUEST_ID_KEY, call.request_id),))
        try:
            (outcome,) = await asyncio.gather(work, return_exceptions=True)
            status = _status(outcome)
        finally:
            self._note(name, status, seconds=time.perf_counter() - began, request_id=call.request_id)
        if isinstance(outcome, BaseException):
            await self._abort(outcome, context, call=call)
        return outcome

    async def _abort(self, error: BaseException, context: grpc.aio.ServicerContext, *, call: Call) -> None:
        code, sentence, wait_s = INTERNAL, _INTERNAL_SENTENCE, None
        if isinstance(error, InputError | ServiceFault):
            code, sentence, wait_s = error.code, error.sentence, retry_after_s(error)
            self._answering.refused(code)
        else:
            _log.error("call %s failed", call.request_id, exc_info=error)
        trailing = trailing_metadata(code, sentence=sentence, request_id=call.request_id, retry_after_s=wait_s)
        if isinstance(error, AccessFault):
            trailing += tuple((name.lower(), value) for name, value in error.headers.items())
        await context.abort(status_code(code), sentence, trailing)

    def _note(self, name: str, status: grpc.StatusCode, *, seconds: float, request_id: str) -> None:
        self._metrics.requested(route=PREFIX + name, status=status.name, seconds=seconds)
        _log.info("%s%s %s %.0f ms %s", PREFIX, name, status.name, 1e3 * seconds, request_id)


def _status(outcome: Any) -> grpc.StatusCode:
    if not isinstance(outcome, BaseException):
        return grpc.StatusCode.OK
    return status_code(outcome.code if isinstance(outcome, InputError | ServiceFault) else INTERNAL)


def _sent(details: grpc.HandlerCallDetails, key: str) -> str:
    sent = dict(details.invocation_metadata or ()).get(key, "")
    return sent if isinstance(sent, str) else ""


def _all(sent: Sequence[tuple[str, str | bytes]], key: str) -> list[str]:
    return [value for name, value in sent if name == key and isinstance(value, str)]


async def _only(chunks: _Chunks) -> bytes:
    async for data in chunks:
        return data
    raise ServiceFault("malformed_message", "The call ended without a message.")


def _seconds_left(context: grpc.aio.ServicerContext) -> float:
    left = context.time_remaining()
    return math.inf if left is None else left


def _parsed(method: grpc.RpcMethodHandler, data: bytes, *, limit: int) -> Message:
    if len(data) > limit:
        raise ServiceFault("body_too_large", f"The request is larger than {limit} bytes.")
    try:
        return method.request_deserializer(data)
    except DecodeError as error:
        raise ServiceFault("malformed_message", "The message is not of the type that this method takes.") from error
