"""What the clients say where there is no service, or one that does not answer."""

import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from bentos.client.failure import CallFailed
from bentos.client.rest import RestClient
from bentos.client.retries import Retries
from bentos.client.rpc import GrpcClient
from bentos.feedback import Feedback
from tests.bentos.processes import free_port

CLIENTS = {"REST": lambda port, retries: RestClient(f"http://127.0.0.1:{port}", retries=retries)} | {
    "gRPC": lambda port, retries: GrpcClient(f"127.0.0.1:{port}", retries=retries)
}
SAID = Feedback(request_id=uuid.UUID(int=1), not_in_catalogue=True, known_from="package")


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[tuple[int, list[int]]]:
    """A TCP server that does `serve` with each connection: its port, and an entry for each connection."""
    met: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, address = server.accept()
                except OSError:
                    return
                met.append(address[1])
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1], met
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def silent(connection: socket.socket) -> None:
    with connection:
        while connection.recv(65536):
            pass


def trickling(connection: socket.socket) -> None:
    """Forty bytes of an answer, one in a twentieth of a second."""
    with connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n")
        for _ in range(40):
            connection.sendall(b" ")
            time.sleep(0.05)


def hanging_up(connection: socket.socket) -> None:
    with connection:
        connection.recv(65536)


def answering(head: bytes, body: bytes) -> Callable[[socket.socket], None]:
    def serve(connection: socket.socket) -> None:
        with connection:
            connection.recv(65536)
            length = f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
            connection.sendall(b"HTTP/1.1 " + head + b"\r\n" + length + body)

    return serve


def failure_of(call: Callable[[], object]) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        call()
    return caught.value


@pytest.mark.parametrize("protocol", CLIENTS)
def test_where_nobody_listens_it_tries_again_and_says_so(protocol: str) -> None:
    slept: list[float] = []
    with CLIENTS[protocol](free_port(), Retries(sleep=slept.append, max_attempts=3)) as client:
        failure = failure_of(lambda: client.identify(b"front", deadline_s=20))
    assert (failure.code, len(slept)) == ("unreachable", 2)
    assert uuid.UUID(failure.request_id)


@pytest.mark.parametrize(
    ("protocol", "serve"),
    [("REST", silent), ("gRPC", silent), ("REST", trickling)],
    ids=["REST silent", "gRPC silent", "REST trickling"],
)
def test_the_deadline_holds(protocol: str, serve: Callable[[socket.socket], None]) -> None:
    with listening(serve) as (port, _), CLIENTS[protocol](port, Retries()) as client:
        began = time.monotonic()
        failure = failure_of(lambda: client.model_status(deadline_s=0.4))
        assert time.monotonic() - began < 1.5
    assert failure.code == "deadline_passed"


def test_after_a_broken_connection_only_what_reads_is_repeated() -> None:
    retries = Retries(max_attempts=3, base_s=0.001)
    with listening(hanging_up) as (port, met), CLIENTS["REST"](port, retries) as client:
        assert failure_of(client.model_status).code == "connection_lost"
        assert len(met) == 3
        assert failure_of(lambda: client.give_feedback(SAID)).code == "connection_lost"
        assert len(met) == 4


@pytest.mark.parametrize(
    ("head", "body", "code"),
    [
        (b"502 Bad Gateway", b"<html>", "http_502"),
        (b"302 Found", b"", "http_302"),
        (b"200 OK", b"<html>", "unreadable"),
        (b"200 OK", b'{"status": "ready"}', "unreadable"),
        (b"429 Too Many Requests\r\nRetry-After: 1000", b"slow down", "http_429"),
    ],
)
def test_what_is_not_from_the_service_is_an_error_with_a_name(head: bytes, body: bytes, code: str) -> None:
    with listening(answering(head, body)) as (port, met), CLIENTS["REST"](port, Retries()) as client:
        assert failure_of(client.model_status).code == code
        assert len(met) == 1


def test_what_a_newer_service_adds_is_left_out() -> None:
    body = b'{"status": "ready", "version": "7", "origin": "release", "refused_release": null, "variants": [], "x": 1}'
    with listening(answering(b"200 OK", body)) as (port, _), CLIENTS["REST"](port, Retries()) as client:
        assert client.model_status().version == "7"
