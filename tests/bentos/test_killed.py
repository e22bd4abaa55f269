"""A worker killed with SIGKILL under load: the others go on, it comes back, the journal is whole. Real processes."""

import os
import signal
import sqlite3
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from bentos.client.failure import CallFailed
from bentos.client.rpc import GrpcClient
from bentos.journal import Journal
from bentos.settings import Settings
from tests.bentos.conftest import tiny_home
from tests.bentos.processes import free_port, launched, wait_for
from tests.builders import jpeg, tiny_catalogue, tiny_picture

FRONT = jpeg(tiny_picture(tiny_catalogue()[1]))
CLIENTS = 4


class Load:
    """Clients of both protocols that ask without a pause; who loses the connection asks again."""

    def __init__(self, settings: Settings) -> None:
        self.url, self.address = (f"127.0.0.1:{port}" for port in (settings.port, settings.grpc_port))
        self.answered: list[str] = []
        self.broken: list[str] = []
        self.refused: list[object] = []
        self._done = threading.Event()

    def over_rest(self) -> None:
        with httpx.Client(base_url=f"http://{self.url}", timeout=30) as client:
            while not self._done.is_set():
                request_id = str(uuid.uuid4())
                try:
                    reply = client.post("/api/v1/predict", files={"image": FRONT}, headers={"X-Request-ID": request_id})
                except httpx.TransportError as error:
                    self.broken.append(repr(error))
                    continue
                (self.answered if reply.status_code == 200 else self.refused).append(reply.headers["x-request-id"])

    def over_grpc(self) -> None:
        """The client's own retries stand in for an app's."""
        while not self._done.is_set():
            with GrpcClient(self.address) as client:
                try:
                    self.answered.append(client.identify(FRONT, deadline_s=30).request_id)
                except CallFailed as failed:
                    self.refused.append(failed)

    @contextmanager
    def running(self) -> Iterator[None]:
        asking = [threading.Thread(target=ask) for ask in (self.over_rest, self.over_grpc) * (CLIENTS // 2)]
        for thread in asking:
            thread.start()
        try:
            yield
        finally:
            self._done.set()
            for thread in asking:
                thread.join()


def workers(supervisor: int) -> set[int]:
    """The processes that answer; a killed one is its supervisor's zombie for a while."""
    alive = [c for c in psutil.Process(supervisor).children(recursive=True) if c.status() != psutil.STATUS_ZOMBIE]
    return {child.pid for child in alive if "_bentoml_impl.worker.service" in child.cmdline()}


def says(probe: httpx.Client, line: str) -> bool:
    """Whether the service's metrics hold a line; asked over the connection that is left."""
    try:
        return line in probe.get("/metrics").text
    except httpx.TransportError:
        return False


@pytest.fixture
def settings(tmp_path: Path, bundle: Path) -> Settings:
    home = tiny_home(tmp_path / "home", bundle=bundle)
    patient = {"latency_budget_s": 60, "cache_entries": 0, "packed_home": home / "none"}
    return Settings(home=home, port=free_port(), grpc_port=free_port(), workers=2, **patient)


def test_a_killed_worker_takes_its_own_requests_and_nothing_else(settings: Settings) -> None:
    load = Load(settings)
    with launched(settings) as process, httpx.Client(base_url=f"http://{load.url}", timeout=30) as probe:
        wait_for(lambda: says(probe, "rxvision_ready 2.0"))
        killed, kept = sorted(workers(process.pid))
        with load.running():
            wait_for(lambda: len(load.answered) > 20)
            os.kill(killed, signal.SIGKILL)
            seen = len(load.answered)
            wait_for(lambda: len(load.answered) > seen + 20)
            wait_for(lambda: len(workers(process.pid) - {killed}) == 2)
            wait_for(lambda: says(probe, "rxvision_ready 2.0"))
        wait_for(lambda: says(probe, "rxvision_in_flight 0.0"))
        assert kept in workers(process.pid)
    assert (load.refused, len(load.broken) <= CLIENTS) == ([], True)
    assert_whole(settings, answered=load.answered)


def assert_whole(settings: Settings, *, answered: list[str]) -> None:
    """The journal's file is sound, and holds an entry of every answer that somebody got."""
    with closing(sqlite3.connect(settings.home / "journal.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    entries = Journal(settings.journal_url).entries(action="predict")
    assert set(answered) <= {entry.payload["request_id"] for entry in entries if entry.outcome == "answered"}
    assert all(entry.payload["pills"] for entry in entries if entry.outcome == "answered")
    assert len(entries) <= len(answered) + 2 * CLIENTS  # those that were under way
