"""A large job is its caller's: nobody else sees, reads or deletes it, but who looks after all of them."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from bentos.batches.store import JobStore
from bentos.journal import Journal
from tests.bentos.access.forge import token
from tests.bentos.access.guarded import bearer, guarded_settings
from tests.bentos.archives import zipped
from tests.bentos.batches.jobs import URL, ZIP, work
from tests.bentos.rest_client import FRONT, app_of, client_of


def of(name: str, *more_roles: str) -> dict[str, str]:
    """A caller's header, signed now: a token lives shorter than a long run of tests."""
    return bearer(token(sub=name, roles=["caller", *more_roles]))


@pytest.fixture
def client(tmp_path: Path, bundle: Path) -> Iterator[TestClient]:
    app = app_of(guarded_settings(tmp_path / "home", bundle=bundle))
    with client_of(app) as client:
        yield client
    app.state.answering.close()


def test_a_job_is_seen_and_deleted_by_its_caller_and_nobody_else(client: TestClient) -> None:
    ann, bob, keeper = of("ann"), of("bob"), of("kim", "admin")
    href = f"{URL}/{client.post(URL, content=zipped({'a.jpg': FRONT}), headers=ZIP | ann).json()['batch_id']}"
    for path in (href, f"{href}/results"):
        assert client.get(path, headers=bob).json()["code"] == "unknown_batch"
    assert client.delete(href, headers=bob).status_code == 404
    assert client.get(href, headers=ann).json()["state"] == "waiting"
    assert client.get(href, headers=keeper).json()["state"] == "waiting"
    assert client.delete(href, headers=ann).status_code == 204
    assert client.get(href, headers=ann).status_code == 404
    tried = Journal(client.app._app.state.answering.settings.journal_url).entries(action="access_denied")
    assert {entry.payload["why"] for entry in tried} == {"owner"}
    assert sorted(entry.payload["method"].partition(" ")[0] for entry in tried) == ["DELETE", "GET", "GET"]


def test_what_a_job_asked_stands_in_the_journal_under_its_caller(client: TestClient) -> None:
    worker = client.app._app.state.batches
    client.post(URL, content=zipped({"a.jpg": FRONT}), headers=ZIP | of("ann"))
    work(worker)
    journal = Journal(worker.settings.journal_url)
    created, finished = journal.entries(action="batch")
    (answered,) = journal.entries(action="predict")
    assert created.actor == answered.actor
    assert created.actor.startswith("token:")
    assert (finished.outcome, finished.actor) == ("finished", "service")


def test_jobs_of_an_older_service_are_nobodys(tmp_path: Path) -> None:
    JobStore(tmp_path).close()
    with sqlite3.connect(tmp_path / "batches.db") as connection:
        connection.execute("ALTER TABLE jobs DROP COLUMN actor")
        connection.execute(
            "INSERT INTO jobs (job_id, state, source, num_items, created_at, expires_at) "
            "VALUES ('old', 'waiting', 'upload', 1, 0, 9)"
        )
    store = JobStore(tmp_path)
    assert store.get("old").actor == "anonymous"
    store.close()
