"""A home with its privacy desk and journal, and the planted words that must appear nowhere."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from bentos.journal import Journal
from bentos.privacy.desk import PrivacyDesk
from bentos.settings import Settings
from tests.bentos.rest_client import app_of, client_of

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
SUBJECT = "MRN-4711-ann.miller"


@pytest.fixture
def desk(settings: Settings) -> Iterator[PrivacyDesk]:
    desk = PrivacyDesk(settings)
    yield desk
    desk.close()


@pytest.fixture
def journal(settings: Settings) -> Iterator[Journal]:
    journal = Journal(settings.journal_url)
    yield journal
    journal.close()


@pytest.fixture
def app(settings: Settings) -> Iterator[FastAPI]:
    app = app_of(settings)
    yield app
    app.state.answering.close()


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    return client_of(app)
