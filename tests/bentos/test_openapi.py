"""The description of the interface: valid, complete about errors, and true to what is sent."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from openapi_spec_validator import OpenAPIV31SpecValidator

from bentos.runtime.answer import PillMetadata
from bentos.settings import Settings
from tests.bentos.rest_client import app_of, client_of


@pytest.fixture
def document(settings: Settings) -> Iterator[dict[str, Any]]:
    app = app_of(settings)
    client: TestClient = client_of(app)
    yield client.get("/openapi.json").json()
    app.state.answering.close()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def test_the_description_is_valid(document: dict[str, Any]) -> None:
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_every_address_is_described(document: dict[str, Any]) -> None:
    assert {name for name, _ in operations(document)} >= {
        "post /api/v1/predict",
        "post /api/v1/predict/batch",
        "post /api/v1/batches",
        "get /api/v1/batches/{batch_id}",
        "delete /api/v1/batches/{batch_id}",
        "get /api/v1/batches/{batch_id}/results",
        "get /api/v1/medications",
        "get /api/v1/medications/{medication_id}",
        "get /api/v1/medications/{medication_id}/pictures/{side}",
        "post /api/v1/feedback",
        "get /api/v1/model",
    }


def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(names)) == len(names)


def test_every_error_is_a_problem_document_and_says_when_to_try_again(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for status, response in operation["responses"].items():
            assert "X-Request-ID" in response["headers"], name
            if status >= "400":
                assert list(response["content"]) == ["application/problem+json"], (name, status)
            assert (status in ("429", "503")) == ("Retry-After" in response["headers"]), (name, status)


def test_pictures_may_be_heic(document: dict[str, Any]) -> None:
    form = document["paths"]["/api/v1/predict"]["post"]["requestBody"]["content"]["multipart/form-data"]
    assert "image/heic" in form["encoding"]["image"]["contentType"]
    assert form["schema"]["required"] == ["image"]


def test_metadata_is_described_field_by_field(document: dict[str, Any]) -> None:
    assert document["components"]["schemas"]["PillMetadata"]["properties"].keys() == PillMetadata.model_fields.keys()
