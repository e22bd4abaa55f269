"""Settings, application and client for tests of large jobs in process."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from bentos.settings import Settings
from tests.bentos.rest_client import app_of, client_of


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    readable = tmp_path / "readable"
    readable.mkdir()
    return settings.model_copy(
        update={
            "job_sources": (str(readable), "memory://pills/open"),
            "job_max_items": 20,
            "job_max_unfinished": 3,
            "job_max_bytes": 2**20,
            "job_lease_s": 0.2,
        }
    )


@pytest.fixture
def app(settings: Settings) -> Iterator[FastAPI]:
    app = app_of(settings)
    yield app
    app.state.answering.close()


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    return client_of(app)
