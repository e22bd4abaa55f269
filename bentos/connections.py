"""Bounds what a connection may send before its request begins: the web server itself waits for a head without end.

A head that trickles (slow loris) or never ends would hold a connection, and memory, for as long as its sender likes.
Bodies have their own limits (bentos/bodies.py). What the server itself answers, and BentoML around our application,
carries the same headers as our answers do.
"""

import asyncio
import uuid
from http import HTTPStatus
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bentos.access.hardening import Sheltered, always
from bentos.problems import MEDIA_TYPE, REQUEST_ID_HEADER, STATUS, describe

MAX_HEAD_BYTES: Final = 2**16
_LAST_S: Final = 1.0


class BoundedHead(HttpToolsProtocol):
    """One connection; uvicorn makes it where `bounded` is registered as its protocol."""

    head_timeout_s: float
    _waiting: asyncio.TimerHandle | None = None
    _num_bytes = 0
    _refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first request's head may take `head_timeout_s` from here."""
        super().connection_made(transport)
        self.app = Sheltered(self.app)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._begun()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, and refuse a head that is longer than `MAX_HEAD_BYTES`."""
        if self._refused:
            return
        waited = self._waiting
        super().data_received(data)
        if self._waiting is None or self._waiting is not waited:
            return
        self._num_bytes += len(data)
        if self._num_bytes > MAX_HEAD_BYTES:
            self._refuse("head_too_large", f"The request's head is larger than {MAX_HEAD_BYTES} bytes.")

    def on_message_begin(self) -> None:
        """A further request's head has as long, from its first byte; uvicorn ends connections that are idle."""
        super().on_message_begin()
        if self._waiting is None:
            self._expect()
        self._num_bytes += 1

    def on_headers_complete(self) -> None:
        """What follows is the body's business."""
        self._begun()
        super().on_headers_complete()

    def _should_upgrade(self) -> bool:
        """Nothing here speaks WebSocket: such a request is answered as if it had not asked for it."""
        return False

    def send_400_response(self, msg: str) -> None:
        """Of uvicorn, to what is no HTTP request; its own has neither headers nor form of ours."""
        self._refuse("malformed_request", "This is no HTTP request that can be read.")

    def _expect(self) -> None:
        self._num_bytes = 0
        self._waiting = self.loop.call_later(self.head_timeout_s, self._late)

    def _begun(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _late(self) -> None:
        if not self._num_bytes:
            self.transport.close()  # nothing was asked
            return
        self._refuse("slow_head", f"The request's head did not arrive within {self.head_timeout_s:g} s.")

    def _refuse(self, code: str, sentence: str) -> None:
        self._begun()
        self._refused = True
        if self.transport.is_closing():
            return
        status, request_id = HTTPStatus(STATUS[code]), str(uuid.uuid4())
        body = describe(code, sentence=sentence, request_id=request_id, status=status).model_dump_json().encode()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {MEDIA_TYPE}\r\nContent-Length: {len(body)}\r\n"
            f"{REQUEST_ID_HEADER}: {request_id}\r\nConnection: close\r\n"
        )
        more = "".join(f"{name}: {value}\r\n" for name, value in always(self.scheme or ""))
        self.transport.write(f"{head}{more}\r\n".encode("ascii") + body)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(_LAST_S, self.transport.close)  # closed at once, what is still on its way resets it


def bounded(timeout_s: float) -> type[BoundedHead]:
    """The protocol with its limit, as uvicorn takes it."""
    return type("BoundedHeadIn", (BoundedHead,), {"head_timeout_s": timeout_s})
