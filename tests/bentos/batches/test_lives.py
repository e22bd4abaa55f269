"""The lives of large jobs: deletion, expiry, leases, workers that end, people who go first."""

import time

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from bentos.journal import Journal
from bentos.settings import Settings
from tests.bentos.batches.jobs import FILES, URL, post_zip, table, work
from tests.bentos.rest_client import FRONT, batch_worker, is_problem


def test_a_job_is_deleted_with_all_it_has(client: TestClient, settings: Settings, app: FastAPI) -> None:
    job = post_zip(client, FILES)
    assert client.delete(f"{URL}/{job['batch_id']}").status_code == 204
    is_problem(client.get(f"{URL}/{job['batch_id']}"), status=404, code="unknown_batch")
    is_problem(client.delete(f"{URL}/{job['batch_id']}"), status=404, code="unknown_batch")
    assert not (settings.home / "batches" / job["batch_id"]).exists()
    assert [entry.outcome for entry in Journal(settings.journal_url).entries(action="batch")] == ["created", "deleted"]


def test_a_job_expires(client: TestClient, app: FastAPI, settings: Settings) -> None:
    app.state.batches.settings = settings.model_copy(update={"job_keep_h": 1e-9})
    job = post_zip(client, FILES)
    time.sleep(0.01)
    work(app.state.batches)
    is_problem(client.get(f"{URL}/{job['batch_id']}"), status=404, code="unknown_batch")


def test_a_worker_that_was_stopped_or_killed_is_followed_by_another(client: TestClient, app: FastAPI) -> None:
    job = post_zip(client, {f"{i}.jpg": FRONT for i in range(6)})
    store, first = app.state.batches.store, "a worker that was killed"
    held = store.claim(first, now=time.time(), lease_s=0.3)
    item = store.next_item(held.job_id, owner=first, now=time.time(), lease_s=0.3)
    assert store.claim("another", now=time.time(), lease_s=9) is None
    began = time.monotonic()
    work(batch_worker(app.state.answering))
    assert time.monotonic() - began > 0.25
    assert [row["item"] for row in table(client, job["batch_id"])] == list(range(6))
    assert item.number == 0


def test_an_item_that_ends_its_worker_is_given_up_at_the_third_time(client: TestClient, app: FastAPI) -> None:
    job = post_zip(client, {"a.jpg": FRONT, "b.jpg": FRONT})
    store = app.state.batches.store
    for time_s in (10.0, 20.0, 30.0):
        store.claim(f"killed at {time_s}", now=time_s, lease_s=1)
        store.next_item(job["batch_id"], owner=f"killed at {time_s}", now=time_s, lease_s=1)
    work(app.state.batches)
    assert [row["problem_code"] for row in table(client, job["batch_id"])] == ["abandoned", None]


def test_an_archive_that_is_gone_fails_the_job_and_not_the_worker(
    client: TestClient, app: FastAPI, settings: Settings
) -> None:
    lost, kept = post_zip(client, FILES), post_zip(client, FILES)
    (settings.home / "batches" / lost["batch_id"] / "pictures.zip").unlink()
    work(app.state.batches)
    states = {key: client.get(f"{URL}/{key}").json() for key in (lost["batch_id"], kept["batch_id"])}
    assert [(state["state"], state["problem"]) for state in states.values()] == [
        ("failed", "bad_archive"),
        ("finished", None),
    ]


def test_a_batch_waits_for_people_but_not_for_ever(client: TestClient, app: FastAPI, settings: Settings) -> None:
    worker = app.state.batches
    worker.settings = settings.model_copy(update={"job_patience_s": 0.3})
    job = post_zip(client, {"a.jpg": FRONT, "b.jpg": FRONT})
    with app.state.answering.admitted():
        began = time.monotonic()
        work(worker)
        assert time.monotonic() - began >= 0.6
        assert app.state.answering.num_held == 1
    assert [row["outcome"] for row in table(client, job["batch_id"])] == ["answered", "answered"]


@pytest.mark.parametrize("path", ["ann", "00000000-0000-0000-0000-000000000000"])
def test_a_job_that_never_was_is_not_found(client: TestClient, path: str) -> None:
    for response in (client.get(f"{URL}/{path}"), client.get(f"{URL}/{path}/results"), client.delete(f"{URL}/{path}")):
        assert response.status_code in (404, 422)
        is_problem(response, status=response.status_code, code=response.json()["code"])


def test_a_worker_that_ended_shows_in_the_health(client: TestClient, app: FastAPI) -> None:
    assert client.get("/health").json()["status"] == "ok"
    app.state.batches.alive = False
    response = client.get("/health")
    assert (response.status_code, response.json()["status"]) == (503, "batch worker ended")
