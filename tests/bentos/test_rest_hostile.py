"""What attackers and broken clients send to a real service: a clear 4xx in seconds, and it goes on answering."""

import json
import socket
import time

import httpx
import pytest

from bentos.access.hardening import always
from bentos.settings import Settings
from tests.bentos.archives import zipped
from tests.bentos.pictures import huge_png
from tests.bentos.processes import resident_mib
from tests.builders import jpeg, tiny_catalogue, tiny_picture

FRONT = jpeg(tiny_picture(tiny_catalogue()[1]))
HEAD = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
FORM = {"Content-Type": "multipart/form-data; boundary=b"}
JSON = {"Content-Type": "application/json"}
ZIP = {"Content-Type": "application/zip"}
DEEP = b"[" * 60_000
NO_BATCH = "/api/v1/batches/00000000-0000-0000-0000-000000000000"


def form(client: httpx.Client, path: str, metadata: str, *, picture: bytes = FRONT) -> httpx.Response:
    return client.post(path, files={"image": picture}, data={"metadata": metadata})


def everything(connection: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


def requests_that_are_refused() -> dict[str, dict]:
    """Name -> arguments of a request, each refused with a problem document."""
    predict, batch, feedback, jobs = (f"/api/v1/{name}" for name in ("predict", "predict/batch", "feedback", "batches"))
    parts = HEAD * 5_000 + b"\r\n--b--\r\n"
    return {
        "no boundary": {"url": predict, "content": b"x", "headers": {"Content-Type": "multipart/form-data"}},
        "endless boundary": {"url": predict, "content": b"x", "headers": {
            "Content-Type": "multipart/form-data; boundary=" + "b" * 20_000}},
        "thousands of parts": {"url": predict, "content": parts, "headers": FORM},
        "thousands of items": {"url": batch, "content": parts, "headers": FORM},
        "a packed body": {"url": predict, "content": b"\x1f\x8b" + bytes(100), "headers": {
            **FORM, "Content-Encoding": "gzip"}},
        "text for a picture": {"url": predict, "data": {"image": "http://127.0.0.1/a.jpg"}},
        "json for a form": {"url": predict, "json": {"image": "x"}},
        "a form for json": {"url": feedback, "data": {"a": "b"}},
        "text for an archive": {"url": jobs, "content": b"x", "headers": {"Content-Type": "text/plain"}},
        "nothing": {"url": predict},
        "deep json": {"url": feedback, "content": DEEP, "headers": JSON},
        "deep source": {"url": jobs, "content": b'{"source":' + DEEP, "headers": JSON},
        "long json": {"url": feedback, "content": b" " * 10**6, "headers": JSON},
        "unknown fields": {"url": feedback, "json": {"request_id": "x", "admin": True}},
        "a bomb in a batch": {"url": predict, "files": {"image": huge_png(30_000)}},
        "an archive of a bomb": {"url": jobs, "content": zipped({"a.png": bytes(25 * 2**20)}), "headers": ZIP},
        "a long session": {"url": predict, "files": {"image": FRONT}, "headers": {"X-Session-Key": "s" * 5_000}},
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(requests_that_are_refused()))
def test_a_hostile_request_is_refused_at_once(client: httpx.Client, name: str) -> None:
    sent = requests_that_are_refused()[name]
    began = time.monotonic()
    response = client.post(**sent)
    assert 400 <= response.status_code < 500, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "metadata",
    [
        json.dumps({"imprint": "A" * 10**6}),
        json.dumps({"imprint": "A" * 201}),
        '{"size_mm": NaN}',
        '{"size_mm": Infinity}',
        '{"size_mm": 1e999}',
        '{"size_mm": -1}',
        '{"size_mm": "wide"}',
        '{"imprint": "A", "patient": "Ann"}',
        '{"imprint": "\\ud800"}',
        DEEP.decode(),
        "\0",
        "null",
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/predict", "/api/v1/predict/batch"])
def test_metadata_out_of_bounds_is_refused(client: httpx.Client, path: str, metadata: str) -> None:
    batch = path.endswith("batch")
    response = form(client, path, f"[{metadata}]" if batch else metadata)
    if batch and response.status_code == 200:
        (item,) = response.json()["items"]
        assert (item["answer"] is None and item["problem"]["status"] == 422) or metadata == "null"
        return
    assert 400 <= response.status_code < 500, response.text
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("query", ["imprint", "name", "color", "shape", "unknown"])
def test_a_query_of_a_million_characters_is_refused(client: httpx.Client, served: Settings, query: str) -> None:
    assert client.get("/api/v1/medications", params={query: "A" * 3_000}).status_code == 422
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
        connection.sendall(
            b"GET /api/v1/medications?%s=%s HTTP/1.1\r\nHost: x\r\n\r\n" % (query.encode(), b"A" * 10**6)
        )
        assert everything(connection).startswith(b"HTTP/1.1 431")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("predict", b"multipart/form-data; boundary=b"),
        ("predict/batch", b"multipart/form-data; boundary=b"),
        ("feedback", b"application/json"),
        ("batches", b"application/json"),
        ("batches", b"application/zip"),
    ],
)
def test_a_body_that_trickles_is_given_up(served: Settings, client: httpx.Client, path: str, kind: bytes) -> None:
    head = b"POST /api/v1/%s HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\nContent-Type: %s\r\n\r\n-" % (
        path.encode(),
        kind,
    )
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as slow:
        slow.sendall(head)
        reply = everything(slow)
    assert reply.startswith(b"HTTP/1.1 408")
    assert b'"code":"slow_body"' in reply
    folders = [path for path in (served.home / "batches").iterdir() if path.is_dir()]
    assert folders == []


@pytest.mark.parametrize(
    ("sent", "reply"),
    [
        (b"", b""),
        (b"GET /health HTT", b'"code":"slow_head"'),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nA: b\r\n", b'"code":"slow_head"'),
        (b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /health HTTP/1.1\r\nHost", b'"code":"slow_head"'),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 2**20, b'"code":"head_too_large"'),
        (b"GET /health HTTP/1.1\r\n" + b"A: b\r\n" * 2**16, b'"code":"head_too_large"'),
    ],
    ids=["nothing", "a line", "headers", "a second request", "one long header", "many headers"],
)
def test_a_head_that_trickles_or_never_ends_is_given_up(
    served: Settings, client: httpx.Client, sent: bytes, reply: bytes
) -> None:
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as slow:
        slow.sendall(sent)
        assert reply in everything(slow)
    assert time.monotonic() - began < served.body_timeout_s + 3


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"GET /health HTT", 408),
        (b"POST /api/v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
         b"Content-Length: 9\r\n\r\n-", 408),
        (b"POST /api/v1/feedback HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
         b"Content-Length: 99999999\r\n\r\n", 413),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 2**17, 431),
        *((b"GET /%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % path, 200)
          for path in (b"livez", b"readyz", b"healthz", b"schema.json", b"metrics")),
        (b"GET /docs.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n"
         b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", 200),
    ],
    ids=["no HTTP", "HTTP/2", "slow head", "slow body", "large body", "large head", "livez", "readyz", "healthz",
         "schema", "metrics", "docs", "websocket"],
)  # fmt: skip
def test_what_the_server_and_its_framework_answer_carries_the_security_headers(
    served: Settings, client: httpx.Client, sent: bytes, status: int
) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
        connection.sendall(sent)
        head, _, body = everything(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d" % status)
    told = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:])
    assert {name.lower(): value.lower() for name, value in always("http")}.items() <= told.items()
    assert status < 400 or json.loads(body)["status"] == status


def test_a_head_that_comes_byte_by_byte_in_time_is_answered(served: Settings, client: httpx.Client) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as slow:
        for byte in b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n":
            slow.sendall(bytes([byte]))
            time.sleep(0.002)
        assert everything(slow).startswith(b"HTTP/1.1 200")


def test_it_still_answers_in_bounded_memory(client: httpx.Client, served: Settings) -> None:
    assert client.post("/api/v1/predict", files={"image": FRONT}).status_code == 200
    assert client.get(NO_BATCH).status_code == 404
    assert resident_mib(served.home) < 600
