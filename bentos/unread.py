"""Takes in what a refused caller still sends, so that he gets to read why he was refused.

A server that answers and closes while the body is on its way resets the connection, and the answer is lost with it
(RFC 9112, section 9.6). What is taken in is thrown away, and bounded in size and time.
"""

import asyncio
import contextlib
from typing import Final

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

_MAX_BYTES: Final = 2**26
_MAX_S: Final = 2.0


class Unread:
    """An ASGI `receive` that knows whether the body has ended."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        """Wrap `receive`."""
        headers = Headers(scope=scope)
        announced = headers.get("content-length", "0")
        sent = "transfer-encoding" in headers or announced != "0"
        self._receive = receive
        self._ended = not sent
        self._worth_it = "expect" not in headers and announced.isdigit() and int(announced) <= _MAX_BYTES

    async def __call__(self) -> Message:
        """The next message."""
        message = await self._receive()
        self._ended = self._ended or not message.get("more_body", False)
        return message

    async def drain(self) -> None:
        """Throw away the rest of the body, unless it is too long or does not come."""
        received = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_MAX_S):
                while self._worth_it and not self._ended and received < _MAX_BYTES:
                    received += len((await self()).get("body", b""))
