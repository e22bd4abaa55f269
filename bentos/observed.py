"""The layer around every request: its id, its count and one line of log, without the caller's address."""

import logging
import time
import uuid
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bentos.metrics import Metrics
from bentos.problems import REQUEST_ID_HEADER
from bentos.unread import Unread

_log = logging.getLogger(__name__)
UNMATCHED: Final = "unmatched"


class Observed:
    """ASGI middleware. The request id is the caller's only where it is a UUID: no personal data comes in by it."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        """Wrap `app`."""
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with `request.state.request_id`, and the answer back with its header."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = request_id_of(Headers(scope=scope).get(REQUEST_ID_HEADER, ""))
        scope.setdefault("state", {})["request_id"] = request_id
        began, status, body = time.perf_counter(), 500, Unread(scope, receive)

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = request_id
                if status >= HTTPStatus.BAD_REQUEST:
                    await body.drain()
            await send(message)

        try:
            await self._app(scope, body, send_with_id)
        finally:
            self._note(scope, status=status, seconds=time.perf_counter() - began, request_id=request_id)

    def _note(self, scope: Scope, *, status: int, seconds: float, request_id: str) -> None:
        route = getattr(scope.get("route"), "path", "") or UNMATCHED
        self._metrics.requested(route=route, status=status, seconds=seconds)
        _log.info("%s %d %.0f ms %s", route, status, 1e3 * seconds, request_id)


def request_id_of(sent: str) -> str:
    """The caller's id where it is a UUID, else a new one."""
    try:
        return str(uuid.UUID(sent))
    except ValueError:
        return str(uuid.uuid4())
