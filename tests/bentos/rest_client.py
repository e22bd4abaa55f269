"""The REST application in process, as tests call it: a real journal, the tiny bundle's release."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import httpx
from fastapi import FastAPI
from fastapi.testclient import TestClient

from bentos.answering import Answering
from bentos.batches.worker import BatchWorker, open_jobs
from bentos.metrics import metrics
from bentos.observed import Observed
from bentos.privacy.journal_keys import open_journal
from bentos.rest import create_app
from bentos.settings import Settings
from tests.builders import jpeg, tiny_catalogue, tiny_picture

MEDICATION = tiny_catalogue()[1]
FRONT = jpeg(tiny_picture(MEDICATION))
BACK = jpeg(tiny_picture(MEDICATION, side="back"))


def answering(settings: Settings) -> Answering:
    """What answers, with the release loaded where there is one."""
    journal = open_journal(settings)
    made = Answering(settings, journal=journal, metrics=metrics(), now=lambda: datetime.now(UTC))
    made.watch.poll()
    return made


def app_of(settings: Settings) -> FastAPI:
    """The application of these settings; close its `state.answering`."""
    app = create_app()
    app.state.answering = answering(settings)
    app.state.batches = batch_worker(app.state.answering)
    return app


def batch_worker(places: Answering) -> BatchWorker:
    """A worker over the jobs of the settings' home; it does nothing before `run`."""
    return BatchWorker(places, store=open_jobs(places), now=lambda: datetime.now(UTC))


def client_of(app: FastAPI) -> TestClient:
    """A client that gets errors as answers, not as exceptions."""
    return TestClient(Observed(app, metrics=metrics()), raise_server_exceptions=False)


def post_batch(
    client: TestClient,
    fronts: Sequence[bytes],
    *,
    backs: Sequence[bytes] = (),
    of: Sequence[int] | None = None,
    metadata: object = None,
) -> httpx.Response:
    """Send items to predict/batch; `of` says which items the backs belong to."""
    files = [("image", ("a.jpg", data)) for data in fronts] + [("image_back", ("b.jpg", data)) for data in backs]
    texts = {"backs": of, "metadata": metadata}
    data = {
        name: text if isinstance(text, str) else json.dumps(text) for name, text in texts.items() if text is not None
    }
    return client.post("/api/v1/predict/batch", files=files, data=data)


def is_problem(response: httpx.Response, *, status: int, code: str) -> None:
    """Assert a whole problem document."""
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert (response.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert " " in problem["detail"]
    assert problem["request_id"] == response.headers["x-request-id"]
