"""An HTTP/1.1 caller on a bare socket: a request that was put together before, and the head of its answer."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from benchmarks.load import HOST, Reply

_BOUNDARY: Final = b"benchmark-boundary"
_BROKEN: Final = (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)


def multipart(path: str, *, field: str = "image") -> Callable[[bytes], list[bytes]]:
    """Puts a picture into a POST of one file part."""
    lead = (
        b'--%b\r\nContent-Disposition: form-data; name="%b"; filename="p.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
        % (_BOUNDARY, field.encode())
    )
    tail = b"\r\n--%b--\r\n" % _BOUNDARY
    kind = b"multipart/form-data; boundary=" + _BOUNDARY
    return lambda picture: [_head(path, kind, len(lead) + len(picture) + len(tail)) + lead, picture, tail]


def plain(path: str) -> Callable[[bytes], list[bytes]]:
    """Puts a picture into a POST as the whole body."""
    return lambda picture: [_head(path, b"image/jpeg", len(picture)), picture]


def _head(path: str, kind: bytes, length: int) -> bytes:
    return b"POST %b HTTP/1.1\r\nHost: %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n" % (
        path.encode(), HOST.encode(), kind, length,
    )  # fmt: skip


class HttpCaller:
    """One kept-alive connection; opened again where the server closed it while nobody asked."""

    def __init__(self, port: int, *, form: Callable[[bytes], list[bytes]]) -> None:
        """Nothing is opened before the first question."""
        self._port = port
        self._form = form
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, picture: bytes) -> Reply:
        """Send one picture and read the whole answer."""
        began = time.perf_counter()
        try:
            status, headers = await self._exchanged(self._form(picture))
        except _BROKEN as error:
            await self.close()
            return Reply(type(error).__name__, time.perf_counter() - began)
        retry_s = headers.get(b"retry-after")
        return Reply(status, time.perf_counter() - began, None if retry_s is None else float(retry_s))

    async def close(self) -> None:
        """Give the connection back."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    async def _exchanged(self, parts: list[bytes]) -> tuple[str, dict[bytes, bytes]]:
        if self._writer is None or self._writer.is_closing() or self._reader.at_eof():
            self._reader, self._writer = await asyncio.open_connection(HOST, self._port, limit=2**20)
        self._writer.writelines(parts)
        head = await self._reader.readuntil(b"\r\n\r\n")
        first, *lines = head[:-4].split(b"\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        await self._read_body(headers)
        if headers.get(b"connection", b"").lower() == b"close":
            await self.close()
        return first.split(b" ", 2)[1].decode(), headers

    async def _read_body(self, headers: dict[bytes, bytes]) -> None:
        if b"content-length" in headers:
            await self._reader.readexactly(int(headers[b"content-length"]))
            return
        while size := int((await self._reader.readuntil(b"\r\n")).strip(), 16):
            await self._reader.readexactly(size + 2)
        await self._reader.readuntil(b"\r\n")
