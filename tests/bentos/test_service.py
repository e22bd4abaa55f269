"""The real BentoML service over real HTTP: answers, bad input, release swaps, stopping."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx

from bentos.journal import Journal
from bentos.serve import wait_until_ready
from bentos.settings import Settings
from bentos.upload import MAX_BODY_BYTES
from tests.bentos.conftest import change_a_byte, release, tiny_home
from tests.bentos.pictures import unusable, usable
from tests.bentos.processes import free_port, launched, resident_mib, running, wait_for
from tests.builders import jpeg, tiny_catalogue, tiny_picture

FRONT = jpeg(tiny_picture(tiny_catalogue()[1]))
FORBIDDEN = ("torch", "torchvision", "timm", "dagster", "mlflow", "feast", "evidently", "great_expectations")
OURS_ABOVE = ("pipelines", "assets", "training", "monitoring", "feature_repo", "data")


def predict(client: httpx.Client, *pictures: bytes, metadata: dict | None = None) -> httpx.Response:
    files = dict(zip(("image", "image_back"), pictures, strict=False))
    return client.post("/api/v1/predict", files=files, data={"metadata": json.dumps(metadata)} if metadata else {})


def test_it_answers_and_journals_and_counts(client: httpx.Client, served: Settings) -> None:
    answer = predict(client, FRONT, metadata={"imprint": "A2", "color": "RED"}).json()
    assert answer["pills"][0]["alternatives"][0]["medication_id"] == tiny_catalogue()[1].medication_id
    last = Journal(served.journal_url).entries(action="predict")[-1]
    assert last.payload["request_id"] == answer["request_id"]
    assert 'rxvision_requests_total{route="/api/v1/predict",status="200"}' in client.get("/metrics").text


def test_the_log_has_a_line_for_each_request_and_nothing_that_a_caller_sent(
    client: httpx.Client, served: Settings
) -> None:
    sent = {"files": {"image": ("ann.jpg", FRONT)}, "data": {"metadata": '{"imprint": "ANN 1960"}'}}
    reply = client.post("/api/v1/predict?name=ann", headers={"X-Session-Key": "ann@home"}, **sent)
    log = log_with(served, reply.json()["request_id"])
    (line,) = (line for line in log.splitlines() if reply.json()["request_id"] in line)
    assert "/api/v1/predict 200 " in line
    assert not [text for text in ("ANN 1960", "ann@home", "ann.jpg", "name=ann") if text in log]


def test_every_address_says_what_it_is(client: httpx.Client) -> None:
    statuses = {path: client.get(path).status_code for path in ("/health", "/ready", "/livez", "/readyz", "/metrics")}
    assert set(statuses.values()) == {200}
    for path, status in (("/", 404), ("/nothing/here", 404), ("/api/v1/predict", 405)):
        response = client.get(path)
        assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")


def test_bad_input_gets_an_answer_or_a_4xx_within_seconds_and_bounded_memory(
    client: httpx.Client, served: Settings
) -> None:
    for name, data in usable().items():
        assert predict(client, data).status_code == 200, name
    for name, (data, codes) in unusable().items():
        began = time.monotonic()
        response = predict(client, data)
        assert 400 <= response.status_code < 500, name
        assert response.json()["code"] in codes, name
        assert time.monotonic() - began < 5, name
    assert resident_mib(served.home) < 1024
    assert predict(client, FRONT).status_code == 200


def test_a_body_over_the_limit_is_refused_announced_or_not(client: httpx.Client) -> None:
    huge = bytes(MAX_BODY_BYTES + 1)
    assert predict(client, huge).json()["code"] == "body_too_large"
    head = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
    pieces = (head, *(bytes(2**20) for _ in range(MAX_BODY_BYTES // 2**20 + 2)))
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    response = client.post("/api/v1/predict", content=iter(pieces), headers=headers)
    assert response.json()["code"] == "body_too_large"


def test_a_body_that_never_ends_is_given_up(client: httpx.Client, served: Settings) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as slow:
        slow.sendall(
            b"POST /api/v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
        )
        reply = _everything(slow)
    assert reply.startswith(b"HTTP/1.1 408")
    assert b'"code":"slow_body"' in reply


def test_releases_are_swapped_under_load_without_a_failed_request(client: httpx.Client, served: Settings) -> None:
    seen: list[tuple[int, str]] = []
    done = threading.Event()

    def load() -> None:
        with httpx.Client(base_url=client.base_url, timeout=30) as own:
            while not done.is_set():
                response = predict(own, FRONT)
                seen.append((response.status_code, response.json()["release"]["version"]))

    workers = [threading.Thread(target=load) for _ in range(3)]
    for worker in workers:
        worker.start()
    for version in ("2", "3"):
        release(served.home, version=version)
        wait_for(lambda version=version: client.get("/ready").json()["version"] == version)
        wait_for(lambda version=version: (200, version) in seen)
    done.set()
    for worker in workers:
        worker.join()
    assert {status for status, _ in seen} == {200}


def test_a_tampered_release_changes_nothing_and_shows(client: httpx.Client, served: Settings) -> None:
    release(served.home, version="4")
    wait_for(lambda: client.get("/ready").json()["version"] == "4")
    served.release_path.write_text(served.release_path.read_text().replace('"version": "4"', '"version": "5"'))
    wait_for(lambda: client.get("/health").json()["refused_release"])
    assert predict(client, FRONT).json()["release"]["version"] == "4"
    assert Journal(served.journal_url).entries(action="load_release")[-1].outcome == "refused"


def test_a_recogniser_with_one_changed_byte_is_never_served(tmp_path: Path, bundle: Path) -> None:
    home = tiny_home(tmp_path / "home", bundle=bundle)
    change_a_byte(next((home / "recogniser").glob("*.onnx")))
    settings = Settings(home=home, port=free_port(), packed_home=home / "none")
    with running(settings, until="/health") as client:
        assert client.get("/readyz").status_code == 503
        assert predict(client, FRONT).json()["code"] == "no_release"
        assert "was changed" in client.get("/health").json()["refused_release"]


def test_a_request_in_flight_is_answered_before_the_service_stops(tmp_path: Path, bundle: Path) -> None:
    settings = Settings(home=tiny_home(tmp_path / "home", bundle=bundle), port=free_port())
    url = f"http://127.0.0.1:{settings.port}/api/v1/predict"
    draft = httpx.Client().build_request("POST", url, files={"image": FRONT})
    body = draft.read()
    head = "".join(f"{name}: {value}\r\n" for name, value in draft.headers.items())
    with launched(settings) as process, socket.create_connection(("127.0.0.1", settings.port), timeout=20) as late:
        late.sendall(f"POST /api/v1/predict HTTP/1.1\r\n{head}\r\n".encode() + body[:-10])
        time.sleep(0.3)
        process.terminate()
        time.sleep(0.5)
        late.sendall(body[-10:])
        assert _everything(late).startswith(b"HTTP/1.1 200")
        process.wait(20)
    assert [entry.outcome for entry in Journal(settings.journal_url).entries(action="predict")] == ["answered"]


def test_the_command_serves_and_two_workers_share_journal_and_metrics(tmp_path: Path, bundle: Path) -> None:
    home, port = tiny_home(tmp_path / "home", bundle=bundle), free_port()
    settings = Settings(home=home, port=port)
    own = {**os.environ, "RXVISION_HOME": str(home), "RXVISION_WORKERS": "2"}
    rxvision = str(Path(sys.executable).parent / "rxvision")
    process = subprocess.Popen([rxvision, "serve", "--port", str(port)], env=own)
    try:
        wait_until_ready(settings, process)
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: "rxvision_ready 2.0" in httpx.get(f"{url}/metrics").text)
        for _ in range(8):
            assert httpx.post(f"{url}/api/v1/predict", files={"image": FRONT}, timeout=30).status_code == 200
        counted = 'rxvision_requests_total{route="/api/v1/predict",status="200"} 8.0'
        wait_for(lambda: counted in httpx.get(f"{url}/metrics").text)
    finally:
        process.terminate()
        process.wait(20)
    entries = Journal(settings.journal_url).entries()
    assert [entry.action for entry in entries].count("load_release") == 2
    assert [entry.action for entry in entries].count("predict") == 8


def test_the_service_imports_nothing_that_trains_or_orchestrates(tmp_path: Path) -> None:
    probe = (
        "import json, sys\nimport bentos.service, bentos.cli, bentos.show, bentos.build\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert "onnxruntime" in loaded
    assert not loaded & {*FORBIDDEN, *OURS_ABOVE}


def _everything(connection: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


def log_with(served: Settings, request_id: str) -> str:
    """The service's log once it holds the request: its line is written when the answer has left."""
    deadline = time.monotonic() + 20
    while request_id not in (log := (served.home / "service.log").read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return log
