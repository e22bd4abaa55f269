"""REST in process: the answer's envelope, the journal behind it, and a problem document for everything else."""

import hashlib
import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from bentos.answering import Answering
from bentos.journal import Journal, Recorded
from bentos.metrics import metrics
from bentos.observed import Observed
from bentos.rest import create_app
from bentos.runtime.answer import Answer
from bentos.runtime.predictor import Observation, Predictor
from bentos.settings import Settings
from tests.bentos.pictures import unusable, usable
from tests.builders import jpeg as jpeg_of
from tests.builders import tiny_catalogue, tiny_picture

MEDICATION = tiny_catalogue()[1]
FRONT = jpeg_of(tiny_picture(MEDICATION))
BACK = jpeg_of(tiny_picture(MEDICATION, side="back"))


def answering(settings: Settings) -> Answering:
    journal = Journal(settings.journal_url)
    return Answering(settings, journal=journal, metrics=metrics(), now=lambda: datetime.now(UTC))


@pytest.fixture
def app(settings: Settings) -> Iterator[FastAPI]:
    app = create_app()
    places = app.state.answering = answering(settings)
    places.watch.poll()
    yield app
    places.close()


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    return client_of(app)


def client_of(app: FastAPI) -> TestClient:
    return TestClient(Observed(app, metrics=metrics()), raise_server_exceptions=False)


def predict(client: TestClient, *pictures: bytes, metadata: dict | str | None = None) -> httpx.Response:
    files = dict(zip(("image", "image_back"), pictures, strict=False))
    text = metadata if isinstance(metadata, str | None) else json.dumps(metadata)
    return client.post("/api/v1/predict", files=files, data={} if text is None else {"metadata": text})


def predictions(settings: Settings) -> list[Recorded]:
    return Journal(settings.journal_url).entries(action="predict")


def is_problem(response: httpx.Response, *, status: int, code: str) -> None:
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert (response.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert " " in problem["detail"]
    assert problem["request_id"] == response.headers["x-request-id"]


def test_a_photograph_is_answered_in_the_envelope(client: TestClient, settings: Settings) -> None:
    response = predict(client, FRONT)
    assert response.status_code == 200
    answer = Answer.model_validate_json(response.content)
    assert answer.request_id == response.headers["x-request-id"]
    assert answer.release.variant == "champion"
    assert len(answer.pills) == 1


def test_front_back_and_typed_facts_lead_to_the_medication(client: TestClient) -> None:
    typed = {"imprint": "A2 TEST", "color": "red", "shape": "round", "size_mm": 10.0}
    (pill,) = predict(client, FRONT, BACK, metadata=typed).json()["pills"]
    assert pill["alternatives"][0]["medication_id"] == MEDICATION.medication_id


def test_every_answer_is_in_the_journal_when_it_arrives(client: TestClient, settings: Settings) -> None:
    answer = predict(client, FRONT, BACK, metadata={"imprint": "SECRET 12"}).json()
    (entry,) = predictions(settings)
    assert (entry.actor, entry.subject_ref, entry.outcome) == ("anonymous", None, "answered")
    assert (entry.recogniser, entry.gallery) == (answer["release"]["recogniser"], answer["release"]["gallery"])
    assert entry.payload["request_id"] == answer["request_id"]
    assert entry.payload["typed"] == ["imprint"]
    (pill,) = entry.payload["pills"]
    assert pill["status"] == answer["pills"][0]["status"]
    assert pill["cues"].keys() == answer["pills"][0]["explanation"]["cues"].keys()
    assert len(pill["statistics"]) == 2
    assert "sharpness" in pill["statistics"][0]


def test_the_journal_holds_neither_picture_nor_typed_text_nor_plain_hash(
    client: TestClient, settings: Settings
) -> None:
    predict(client, FRONT, metadata={"imprint": "SECRET 12"})
    client.post("/api/v1/predict", files={"image": ("ann-miller.jpg", FRONT)}, headers={"X-Request-ID": "ann miller"})
    stored = b"".join(path.read_bytes() for path in settings.home.glob("journal.db*")).lower()
    for trace in (b"secret", b"ann", FRONT[200:260], hashlib.sha256(FRONT).hexdigest().encode()):
        assert trace.lower() not in stored
    first, second = predictions(settings)
    assert first.input_hmac == second.input_hmac


def test_an_answer_that_cannot_be_journalled_is_not_given(client: TestClient, settings: Settings) -> None:
    with sqlite3.connect(settings.home / "journal.db") as connection:
        connection.execute(
            "CREATE TRIGGER full BEFORE INSERT ON journal WHEN NEW.action = 'predict' "
            "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
    response = predict(client, FRONT)
    is_problem(response, status=503, code="journal_unavailable")
    assert response.headers["retry-after"] == "1"


def test_a_request_id_is_the_callers_only_where_it_is_a_uuid(client: TestClient) -> None:
    mine = "0f3c2f0e-6a3c-4a55-9d39-0d2a6f6f9a11"
    assert client.get("/health", headers={"X-Request-ID": mine}).headers["x-request-id"] == mine
    assert client.get("/health", headers={"X-Request-ID": "patient-7"}).headers["x-request-id"] != "patient-7"


@pytest.mark.parametrize("name", sorted(usable()))
def test_an_odd_but_usable_picture_is_answered(client: TestClient, name: str) -> None:
    response = predict(client, usable()[name])
    assert response.status_code == 200, response.text
    assert response.json()["pills"]


def test_a_photograph_without_a_pill_asks_for_another_one(client: TestClient) -> None:
    (pill,) = predict(client, usable()["no_pill"]).json()["pills"]
    assert pill["status"] in ("retake", "unknown")
    assert pill["medication"] is None


@pytest.mark.parametrize("name", sorted(unusable()))
@pytest.mark.parametrize("part", ["image", "image_back"])
def test_a_picture_that_cannot_be_used_gets_a_code_and_a_sentence(
    client: TestClient, settings: Settings, name: str, part: str
) -> None:
    data, codes = unusable()[name]
    response = predict(client, *((data,) if part == "image" else (FRONT, data)))
    code = response.json()["code"]
    assert code in codes
    assert 400 <= response.status_code < 500
    is_problem(response, status=response.status_code, code=code)
    (entry,) = predictions(settings)
    assert (entry.outcome, entry.payload["code"]) == ("refused", code)


@pytest.mark.parametrize(
    "metadata", ["{", "[]", {"color": "mauve-ish"}, {"shape": "blob"}, {"size_mm": -2}, {"name": "Ann"}]
)
def test_metadata_that_cannot_be_used_gets_a_code_and_a_sentence(client: TestClient, metadata: dict | str) -> None:
    is_problem(predict(client, FRONT, metadata=metadata), status=422, code="bad_metadata")


def test_requests_that_are_no_prediction_get_problem_documents_too(client: TestClient) -> None:
    is_problem(client.post("/api/v1/predict", json={}), status=415, code="not_multipart")
    is_problem(client.get("/api/v1/predict"), status=405, code="method_not_allowed")
    is_problem(client.get("/api/v2/predict"), status=404, code="not_found")


def test_health_and_readiness_say_what_serves(client: TestClient, settings: Settings) -> None:
    assert client.get("/health").json() == {"status": "ok", "refused_release": None}
    ready = client.get("/ready").json()
    assert (ready["status"], ready["version"], ready["from"]) == ("ready", "1", "release")


def test_before_the_first_release_the_service_is_alive_but_not_ready(tmp_path: Path) -> None:
    app = create_app()
    app.state.answering = answering(Settings(home=tmp_path / "empty", packed_home=tmp_path / "none"))
    app.state.answering.watch.poll()
    client = client_of(app)
    assert client.get("/health").status_code == 200
    is_problem(client.get("/ready"), status=503, code="no_release")
    is_problem(predict(client, FRONT), status=503, code="no_release")


def test_a_full_service_turns_a_request_away_at_once(client: TestClient, app: FastAPI) -> None:
    places = app.state.answering
    held = [places.admitted() for _ in range(places.settings.max_in_flight)]
    for place in held:
        place.__enter__()
    is_problem(predict(client, FRONT), status=503, code="busy")
    held.pop().__exit__(None, None, None)
    assert predict(client, FRONT).status_code == 200


class SlowPredictor(Predictor):
    """The tiny bundle's predictor on a machine that is far too slow."""

    def observe(self, pictures: Sequence[bytes]) -> Observation:
        time.sleep(0.4)
        return super().observe(pictures)


def test_an_answer_that_takes_too_long_is_given_up_and_journalled_as_such(settings: Settings) -> None:
    app = create_app()
    app.state.answering = answering(settings.model_copy(update={"answer_timeout_s": 0.1}))
    watch = app.state.answering.watch
    watch.poll()
    real = watch.current.predictor
    slow = replace(watch.current, predictor=SlowPredictor(real.recogniser, real.gallery))
    watch.variants = replace(watch.variants, champion=slow)
    is_problem(predict(client_of(app), FRONT), status=504, code="answer_timeout")
    app.state.answering.close()
    assert [entry.outcome for entry in predictions(settings)] == ["too_late"]


def test_a_fault_of_ours_is_a_problem_document_without_its_innards(
    client: TestClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.delattr(app.state, "answering")
        response = predict(client, FRONT)
    is_problem(response, status=500, code="internal")
    assert "answering" not in response.text


def test_loads_and_refusals_of_releases_are_in_the_journal(
    client: TestClient, app: FastAPI, settings: Settings
) -> None:
    settings.release_path.write_text("{}")
    app.state.answering.watch.poll()
    loaded, refused = Journal(settings.journal_url).entries(action="load_release")
    assert (loaded.actor, loaded.outcome, loaded.payload["version"]) == ("service", "loaded", "1")
    assert refused.outcome == "refused"
    assert "not a signed envelope" in client.get("/health").json()["refused_release"]


def test_the_interface_describes_itself(client: TestClient) -> None:
    described = client.get("/openapi.json").json()["paths"]["/api/v1/predict"]["post"]
    parts = described["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
    assert parts.keys() == {"image", "image_back", "metadata"}
    assert "application/problem+json" in described["responses"]["415"]["content"]


def test_metrics_count_answers_by_route_and_never_by_a_callers_path(client: TestClient) -> None:
    predict(client, FRONT)
    client.get("/some/secret/path")
    text = client.get("/metrics").text
    assert 'rxvision_requests_total{route="/api/v1/predict",status="200"}' in text
    assert 'rxvision_requests_total{route="unmatched",status="404"}' in text
    assert "secret" not in text
    assert "rxvision_pills_total{" in text
