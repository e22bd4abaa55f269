"""Large jobs over a real service: killed in the middle, started again; people's requests go first."""

import csv
import io
import os
import signal
import time
from pathlib import Path

import httpx
import psutil
import pytest

from bentos.audit.checkpoints import PUBLIC_KEY_FILE
from bentos.audit.receipts import check_receipt
from bentos.audit.verify import verify_trail
from bentos.journal import Journal
from bentos.runtime.answer import Receipt
from bentos.settings import Settings
from bentos.signing import read_public_key
from tests.bentos.archives import zipped
from tests.bentos.conftest import tiny_home
from tests.bentos.processes import free_port, running
from tests.builders import jpeg, tiny_catalogue, tiny_picture

FRONT = jpeg(tiny_picture(tiny_catalogue()[1]))
NUM_ITEMS = 150
URL = "/api/v1/batches"


@pytest.fixture
def settings(tmp_path: Path, bundle: Path) -> Settings:
    home = tiny_home(tmp_path / "home", bundle=bundle)
    return Settings(home=home, port=free_port(), packed_home=home / "none", poll_s=0.1, job_lease_s=2, threads=1)


def post(client: httpx.Client, num_items: int = NUM_ITEMS) -> str:
    archive = zipped({f"{i:03d}.jpg": FRONT for i in range(num_items)})
    response = client.post(URL, content=archive, headers={"Content-Type": "application/zip"})
    assert response.status_code == 202, response.text
    return response.json()["batch_id"]


def wait_for(client: httpx.Client, batch_id: str, *, num_answered: int, timeout_s: float = 60) -> dict:
    deadline = time.monotonic() + timeout_s
    while (status := client.get(f"{URL}/{batch_id}").json())["num_answered"] < num_answered:
        assert time.monotonic() < deadline, status
        time.sleep(0.02)
    return status


def finished(client: httpx.Client, batch_id: str) -> list[dict]:
    wait_for(client, batch_id, num_answered=NUM_ITEMS)
    deadline = time.monotonic() + 20
    while client.get(f"{URL}/{batch_id}").json()["state"] != "finished":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return list(csv.DictReader(io.StringIO(client.get(f"{URL}/{batch_id}/results?format=csv").text)))


def test_a_job_survives_the_death_of_its_service_and_nothing_is_lost_or_done_twice(settings: Settings) -> None:
    with running(settings) as client:
        batch_id = post(client)
        wait_for(client, batch_id, num_answered=5)
        for process in psutil.Process(_supervisor(settings)).children(recursive=True):
            process.send_signal(signal.SIGKILL)
    done_before = _num_predictions(settings)
    assert 5 <= done_before < NUM_ITEMS
    with running(settings) as client:
        rows = finished(client, batch_id)
    assert [row["item"] for row in rows] == [str(i) for i in range(NUM_ITEMS)]
    assert {row["outcome"] for row in rows} == {"answered"}
    key = read_public_key(settings.keys_dir / PUBLIC_KEY_FILE)
    promises = [check_receipt(Receipt.model_validate_json(row["receipt"]), key=key) for row in rows]
    assert [said.request_id for said in promises] == [row["request_id"] for row in rows]
    honoured = {said.entry_id: said.entry_hash for said in promises}
    assert verify_trail(Journal(settings.journal_url).links(), receipts=honoured).finding is None
    entries = Journal(settings.journal_url).entries(action="predict")
    assert {row["request_id"] for row in rows} == {entry.payload["request_id"] for entry in entries}
    assert NUM_ITEMS <= len(entries) <= NUM_ITEMS + 1
    assert not list((settings.home / "batches" / batch_id).glob("pictures*"))


def test_a_job_goes_on_at_once_after_an_orderly_stop(settings: Settings) -> None:
    patient = settings.model_copy(update={"job_lease_s": 600.0})
    with running(patient) as client:
        batch_id = post(client)
        wait_for(client, batch_id, num_answered=3)
    with running(patient) as client:
        assert len(finished(client, batch_id)) == NUM_ITEMS
    assert len(Journal(settings.journal_url).entries(action="predict")) <= NUM_ITEMS + 1


def test_people_are_answered_while_a_job_runs(settings: Settings) -> None:
    with running(settings) as client:
        batch_id = post(client)
        wait_for(client, batch_id, num_answered=1)
        for _ in range(10):
            assert client.post("/api/v1/predict", files={"image": FRONT}).status_code == 200
        assert len(finished(client, batch_id)) == NUM_ITEMS


def _num_predictions(settings: Settings) -> int:
    return len(Journal(settings.journal_url).entries(action="predict"))


def _supervisor(settings: Settings) -> int:
    """The process that was launched with this home and is our child."""
    mine = psutil.Process(os.getpid()).children()
    return next(p.pid for p in mine if p.environ().get("RXVISION_HOME") == str(settings.home.resolve()))
