"""Takes the only place of a service that holds one request at once, and gives it back."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from bentos.settings import Settings

_BUSY = re.compile(r'^rxvision_refusals_total\{code="busy"\} ([0-9.e+]+)$', re.MULTILINE)


@contextmanager
def the_only_place_taken(served: Settings) -> Iterator[socket.socket]:
    """An upload over REST that has begun and does not end; closing the socket gives the place back."""
    while True:  # on a busy machine the slow upload may time out before anybody is refused for it: then once more
        with slow_upload(served) as slow:
            if somebody_was_refused(served):
                yield slow
                return


@contextmanager
def slow_upload(served: Settings) -> Iterator[socket.socket]:
    """A connection over which a request has begun."""
    with socket.create_connection(("127.0.0.1", served.port)) as slow:
        head = "POST /api/v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n"
        slow.sendall(f"{head}Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n".encode())
        yield slow


def somebody_was_refused(served: Settings, *, tries: int = 20) -> bool:
    """Whether one of some requests found no place."""
    before = num_refused(served)
    for _ in range(tries):
        httpx.post(f"http://127.0.0.1:{served.port}/api/v1/predict", files={"image": b"no picture"})
        if num_refused(served) > before:
            return True
    return False


@contextmanager
def given_back_after_a_refusal(served: Settings) -> Iterator[None]:
    """The only place is taken until somebody was refused, who may come back then."""
    with the_only_place_taken(served) as slow:
        before = num_refused(served)

        def wait() -> None:
            deadline = time.monotonic() + 60
            while num_refused(served) == before and time.monotonic() < deadline:
                time.sleep(0.05)
            slow.close()

        waiting = threading.Thread(target=wait)
        waiting.start()
        yield
        waiting.join()
        assert num_refused(served) > before


def num_refused(served: Settings) -> float:
    """How many requests the service has refused for want of a place."""
    found = _BUSY.search(httpx.get(f"http://127.0.0.1:{served.port}/metrics").text)
    return float(found[1]) if found else 0.0
