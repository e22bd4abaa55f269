"""The catalogue, the model and feedback over REST."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from bentos.journal import Journal
from bentos.runtime.decode import decode
from bentos.runtime.enrol import write_gallery
from bentos.runtime.gallery import Gallery
from bentos.settings import Settings
from tests.bentos.conftest import release
from tests.bentos.rest_client import FRONT, MEDICATION, app_of, client_of, is_problem
from tests.builders import tiny_catalogue

KEY = MEDICATION.medication_id


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    app = app_of(settings)
    yield client_of(app)
    app.state.answering.close()


def ids(client: TestClient, **query: object) -> list[str]:
    response = client.get("/api/v1/medications", params=query)
    assert response.status_code == 200, response.text
    return [item["medication_id"] for item in response.json()["medications"]]


@pytest.mark.parametrize(
    "query",
    [
        {"imprint": "A2"},
        {"imprint": "a2 test"},
        {"imprint": "AZ"},
        {"color": "red"},
        {"name": "DRUG2"},
        {"name": "drog2 10"},
        {"name": KEY},
        {"imprint": "A2", "color": "RED", "shape": "round", "name": "drug2"},
    ],
)
def test_a_medication_is_found_by_what_is_known_of_it(client: TestClient, query: dict) -> None:
    assert ids(client, **query)[0] == KEY


def test_all_that_is_given_must_fit(client: TestClient) -> None:
    assert ids(client, imprint="A2", color="BLUE") == []
    assert ids(client, color="GREEN", shape="OVAL") == [tiny_catalogue()[3].medication_id]
    assert ids(client, name="morphine") == []
    assert ids(client, imprint="ZZ 999 XX") == []


def test_pages_are_in_one_order_and_miss_nothing(client: TestClient) -> None:
    everything = [item.medication_id for item in tiny_catalogue()]
    pages, offset = [], 0
    while offset is not None:
        page = client.get("/api/v1/medications", params={"offset": offset, "limit": 3}).json()
        pages += [item["medication_id"] for item in page["medications"]]
        assert page["total"] == 4
        offset = page["next_offset"]
    assert pages == sorted(everything)
    assert ids(client, offset=9) == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"color": "mauve-ish"}, "bad_metadata"),
        ({"shape": "blob"}, "bad_metadata"),
        ({"limit": 0}, "bad_request"),
        ({"limit": 101}, "bad_request"),
        ({"offset": -1}, "bad_request"),
        ({"offset": 10**30}, "bad_request"),
        ({"imprint": "A" * 201}, "bad_request"),
        ({"patient": "Ann"}, "bad_request"),
    ],
)
def test_a_search_that_cannot_be_done_is_refused(client: TestClient, query: dict, code: str) -> None:
    is_problem(client.get("/api/v1/medications", params=query), status=422, code=code)


def test_a_medication_has_its_facts(client: TestClient) -> None:
    record = client.get(f"/api/v1/medications/{KEY}").json()
    assert record["facts"]["ndc11"] == MEDICATION.ndc11
    assert record["clinical_drug"] == MEDICATION.clinical_drug
    assert record["same_appearance"] == []
    is_problem(client.get("/api/v1/medications/00000-0000-00.1"), status=404, code="unknown_medication")


def test_a_medication_has_reference_pictures(client: TestClient) -> None:
    links = client.get(f"/api/v1/medications/{KEY}").json()["pictures"]
    assert [(link["side"], link["source"]) for link in links] == [("front", "tests"), ("back", "tests")]
    front, back = [client.get(link["href"]) for link in links]
    assert front.headers["content-type"] == "image/jpeg"
    assert decode(front.content).width <= 200
    assert front.content != back.content
    assert front.headers["etag"] != back.headers["etag"]
    is_problem(client.get(f"/api/v1/medications/{KEY}/pictures/unknown"), status=404, code="no_picture")
    is_problem(client.get(f"/api/v1/medications/{KEY}/pictures/top"), status=422, code="bad_request")
    is_problem(client.get("/api/v1/medications/x/pictures/front"), status=404, code="unknown_medication")


def test_a_gallery_from_before_the_pictures_says_that_it_has_none(home: Path, settings: Settings) -> None:
    old = Gallery.load(home / "gallery")
    write_gallery(
        home / "old",
        recogniser=old.spec.recogniser,
        medications=old.spec.medications,
        views=old.spec.views,
        prototypes=old.prototypes,
        features=old.features,
        name="old",
        now="2025-01-01T00:00:00+00:00",
    )
    release(home, version="2", gallery="old")
    app = app_of(settings)
    client = client_of(app)
    assert client.get(f"/api/v1/medications/{KEY}").json()["pictures"] == []
    is_problem(client.get(f"/api/v1/medications/{KEY}/pictures/front"), status=404, code="no_picture")
    app.state.answering.close()


def test_the_model_says_what_answers(client: TestClient, settings: Settings) -> None:
    status = client.get("/api/v1/model").json()
    (variant,) = status["variants"]
    assert (status["status"], status["version"], variant["variant"], variant["state"]) == (
        *("ready", "1"),
        *("champion", "serving"),
    )
    assert [member["name"] for member in variant["loaded"]["members"]] == ["fast", "accurate"]
    assert all(len(member["sha256"]) == 64 for member in variant["loaded"]["members"])
    assert variant["loaded"]["gallery"]["num_medications"] == 4
    assert variant["loaded"]["calibration_domain"] == "tests"


def answered(client: TestClient) -> dict:
    return client.post("/api/v1/predict", files={"image": FRONT}).json()


def give(client: TestClient, **said: object):
    return client.post("/api/v1/feedback", json={"known_from": "package", **said})


def test_feedback_is_an_entry_of_its_own_that_refers_to_the_request(client: TestClient, settings: Settings) -> None:
    request_id = answered(client)["request_id"]
    receipt = give(client, request_id=request_id, medication_id=KEY, notes=["poor_picture"])
    assert receipt.status_code == 201
    journal = Journal(settings.journal_url)
    (entry,) = journal.entries(action="feedback")
    (prediction,) = journal.entries(action="predict")
    assert entry.entry_id == receipt.json()["entry_id"]
    assert entry.payload["request_id"] == request_id
    assert entry.payload["answered_entry"] == prediction.entry_id
    assert entry.payload["medication_id"] == KEY
    assert (entry.recogniser, entry.gallery) == (prediction.recogniser, prediction.gallery)


def test_feedback_says_whether_an_identified_drug_was_right(client: TestClient) -> None:
    answer = answered(client)
    named = answer["pills"][0]["medication"]
    right = give(client, request_id=answer["request_id"], medication_id=KEY).json()["agrees"]
    wrong = give(client, request_id=answer["request_id"], not_in_catalogue=True).json()["agrees"]
    assert (right, wrong) == ((named["medication_id"] == KEY, False) if named else (None, None))


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({"request_id": str(uuid.uuid4()), "not_in_catalogue": True}, 404, "unknown_request"),
        ({"medication_id": "00000-0000-00.1"}, 404, "unknown_medication"),
        ({"medication_id": KEY, "pill": 7}, 422, "bad_request"),
        ({"medication_id": KEY, "not_in_catalogue": True}, 422, "bad_request"),
        ({}, 422, "bad_request"),
        ({"medication_id": KEY, "notes": ["Ann took it at noon"]}, 422, "bad_request"),
        ({"medication_id": KEY, "comment": "Ann"}, 422, "bad_request"),
        ({"medication_id": KEY, "request_id": "ann"}, 422, "bad_request"),
    ],
)
def test_feedback_that_cannot_be_used_is_refused_and_not_journalled(
    client: TestClient, settings: Settings, said: dict, status: int, code: str
) -> None:
    known = {"request_id": answered(client)["request_id"]}
    is_problem(give(client, **{**known, **said}), status=status, code=code)
    assert Journal(settings.journal_url).entries(action="feedback") == []


def test_feedback_bodies_are_bounded_and_json(client: TestClient) -> None:
    form = client.post("/api/v1/feedback", data={"a": "b"})
    is_problem(form, status=415, code="not_json")
    long = client.post("/api/v1/feedback", content=b" " * 70_000, headers={"Content-Type": "application/json"})
    is_problem(long, status=413, code="body_too_large")
    for body in (b"{", b"[]", b"NaN", b"\xff\xfe"):
        bad = client.post("/api/v1/feedback", content=body, headers={"Content-Type": "application/json"})
        is_problem(bad, status=422, code="bad_request")


def test_a_wrong_method_is_told_all_the_right_ones(client: TestClient) -> None:
    response = client.put("/api/v1/batches/00000000-0000-0000-0000-000000000000")
    is_problem(response, status=405, code="method_not_allowed")
    assert response.headers["allow"] == "DELETE, GET"
