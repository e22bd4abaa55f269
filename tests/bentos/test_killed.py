"""Workers killed with SIGKILL under load: the others go on, they come back, the trail is whole. Real processes.

No answer that a caller got is without its entry, and every receipt that he got is honoured, in both databases.
"""

import os
import random
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
from sqlalchemy import make_url

from bentos.audit.checkpoints import AUDIT_DIR, CHECKPOINTS_FILE, PUBLIC_KEY_FILE, read_checkpoints
from bentos.audit.receipts import check_receipt
from bentos.audit.sealed import SEALED
from bentos.audit.verify import verify_trail
from bentos.client.failure import CallFailed
from bentos.client.rpc import GrpcClient
from bentos.privacy.journal_keys import open_journal
from bentos.runtime.answer import Answer, Receipt
from bentos.settings import Settings
from bentos.signing import read_public_key
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
        self.receipts: list[Receipt] = []
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
                if reply.status_code == 200:
                    self._note(Answer.model_validate_json(reply.content))
                else:
                    self.refused.append(reply.text)

    def over_grpc(self) -> None:
        """The client's own retries stand in for an app's."""
        while not self._done.is_set():
            with GrpcClient(self.address) as client:
                try:
                    self._note(client.identify(FRONT, deadline_s=30))
                except CallFailed as failed:
                    self.refused.append(failed)

    def _note(self, answer: Answer) -> None:
        self.answered.append(answer.request_id)
        self.receipts.append(answer.receipt)

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
    return {child.pid for child in psutil.Process(supervisor).children(recursive=True) if _answers(child)}


def _answers(process: psutil.Process) -> bool:
    try:
        return "_bentoml_impl.worker.service" in process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False


def says(probe: httpx.Client, line: str) -> bool:
    """Whether the service's metrics hold a line; asked over the connection that is left."""
    try:
        return line in probe.get("/metrics").text
    except httpx.TransportError:
        return False


@pytest.fixture
def settings(tmp_path: Path, bundle: Path, journal_url: str) -> Settings:
    home = tiny_home(tmp_path / "home", bundle=bundle)
    patient = {"latency_budget_s": 60, "cache_entries": 0, "packed_home": home / "none"}
    return Settings(home=home, port=free_port(), grpc_port=free_port(), workers=2, journal=journal_url, **patient)


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
    assert_whole(settings, load, num_killed=1)


@pytest.mark.soak
@pytest.mark.parametrize("sealed", [False, True], ids=["in clear", "sealed"])
def test_ten_thousand_answers_while_workers_are_killed_at_random(settings: Settings, sealed: bool) -> None:
    load, rng, num_killed = Load(settings), random.Random(0), 0
    cached = settings.model_copy(update={"cache_entries": 64, "encrypt_journal": sealed})
    with (
        launched(cached) as process,
        httpx.Client(base_url=f"http://{load.url}", timeout=30) as probe,
        load.running(),
    ):

        def both_answer() -> bool:
            return len(workers(process.pid)) == 2 and says(probe, "rxvision_ready 2.0")

        while len(load.answered) < 10_000 or num_killed <= 10:
            wait_for(both_answer, timeout_s=120)
            seen = len(load.answered) + rng.randrange(600)
            wait_for(lambda seen=seen: len(load.answered) > seen, timeout_s=300)
            killed = rng.choice(sorted(workers(process.pid)))
            os.kill(killed, signal.SIGKILL)
            wait_for(lambda killed=killed: killed not in workers(process.pid))
            num_killed += 1
        wait_for(both_answer, timeout_s=120)
    assert_whole(cached, load, num_killed=num_killed)
    assert load.refused == []
    assert num_killed > 10


def assert_whole(settings: Settings, load: Load, *, num_killed: int) -> None:
    """The trail holds, and has an entry of every answer that somebody got, where the receipt says."""
    if make_url(settings.journal_url).get_backend_name() == "sqlite":
        with closing(sqlite3.connect(make_url(settings.journal_url).database)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    key = read_public_key(settings.keys_dir / PUBLIC_KEY_FILE)
    promised = {said.entry_id: said.entry_hash for said in (check_receipt(one, key=key) for one in load.receipts)}
    assert len(promised) == len(load.answered)
    checkpoints = read_checkpoints(settings.home / AUDIT_DIR / CHECKPOINTS_FILE, key=key)
    journal = open_journal(settings)
    found = verify_trail(journal.links(), checkpoints=checkpoints, receipts=promised)
    assert all((link.actor == SEALED) == settings.encrypt_journal for link in journal.links())
    assert (found.finding, found.num_covered) == (None, found.num_entries)
    entries = journal.entries(action="predict")
    journal.close()
    named = {entry.entry_id: entry.payload["request_id"] for entry in entries if entry.outcome == "answered"}
    assert {one.entry_id: one.request_id for one in load.receipts}.items() <= named.items()
    assert all(entry.payload["pills"] for entry in entries if entry.outcome == "answered")
    assert len(entries) <= len(load.answered) + 2 * CLIENTS * num_killed  # those that were under way
