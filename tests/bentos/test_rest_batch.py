"""Many pictures in one request: order kept, an error beside an answer, each item in the journal."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from bentos.journal import Journal
from bentos.rest import MAX_BATCHES
from bentos.settings import Settings
from tests.bentos.pictures import unusable
from tests.bentos.rest_client import BACK, FRONT, app_of, client_of, is_problem, post_batch
from tests.builders import jpeg, tiny_catalogue, tiny_picture

FRONTS = [jpeg(tiny_picture(item)) for item in tiny_catalogue()]


@pytest.fixture
def app(settings: Settings) -> Iterator[FastAPI]:
    app = app_of(settings.model_copy(update={"max_batch_items": 6, "max_batch_bytes": 2**21}))
    yield app
    app.state.answering.close()


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    return client_of(app)


def test_items_come_back_in_the_order_they_were_sent(client: TestClient) -> None:
    typed = [{"imprint": item.imprint_text} for item in tiny_catalogue()]
    answer = post_batch(client, FRONTS, metadata=typed).json()
    assert [item["index"] for item in answer["items"]] == [0, 1, 2, 3]
    first = [item["answer"]["pills"][0]["alternatives"][0]["medication_id"] for item in answer["items"]]
    assert first == [item.medication_id for item in tiny_catalogue()]
    assert answer["num_answered"] == 4


def test_a_bad_item_does_not_spoil_the_others(client: TestClient) -> None:
    broken = unusable()["text_named_jpg"][0]
    metadata = [None, None, {"color": "mauve-ish"}, {"name": "Ann"}]
    items = post_batch(client, [FRONT, broken, FRONT, FRONT], metadata=metadata).json()["items"]
    codes = [item["problem"] and item["problem"]["code"] for item in items]
    assert codes == [None, "unsupported_format", "bad_metadata", "bad_metadata"]
    assert [item["answer"] is None for item in items] == [False, True, True, True]
    assert items[1]["problem"]["status"] == 415
    assert items[1]["problem"]["request_id"] == items[1]["request_id"]


def test_each_item_is_journalled_under_the_id_that_it_is_answered_with(client: TestClient, settings: Settings) -> None:
    answer = post_batch(client, [FRONT, b"no picture", FRONT]).json()
    entries = Journal(settings.journal_url).entries(action="predict")
    assert {entry.payload["request_id"] for entry in entries} == {item["request_id"] for item in answer["items"]}
    assert sorted(entry.outcome for entry in entries) == ["answered", "answered", "refused"]
    assert len({*(item["request_id"] for item in answer["items"]), answer["request_id"]}) == 4


def test_backs_belong_to_the_items_that_are_named(client: TestClient, settings: Settings) -> None:
    assert post_batch(client, [FRONT] * 3, backs=[BACK], of=[2]).json()["num_answered"] == 3
    by_request = {entry.payload["request_id"]: entry.payload["num_pictures"] for entry in _entries(settings)}
    assert sorted(by_request.values()) == [1, 1, 2]
    assert post_batch(client, [FRONT] * 2, backs=[BACK, BACK]).json()["num_answered"] == 2
    assert [entry.payload["num_pictures"] for entry in _entries(settings)][3:] == [2, 2]


@pytest.mark.parametrize(
    "sent",
    [
        {"of": [3]},
        {"of": [-1]},
        {"of": []},
        {"of": "{"},
        {"of": ["0"]},
        {"metadata": [None]},
        {"metadata": "NaN"},
        {"metadata": {"imprint": "A"}},
        {"metadata": ["A"]},
    ],
)
def test_indices_and_metadata_that_do_not_fit_are_refused_whole(client: TestClient, sent: dict) -> None:
    is_problem(post_batch(client, [FRONT] * 3, backs=[BACK], **sent), status=422, code="bad_metadata")


def test_a_batch_is_bounded_in_items_and_bytes(client: TestClient) -> None:
    is_problem(post_batch(client, [FRONT] * 7), status=413, code="too_many_items")
    is_problem(post_batch(client, [bytes(2**21)]), status=413, code="body_too_large")
    assert post_batch(client, [FRONT] * 100).status_code in (400, 413)


def test_a_request_that_is_no_batch_is_refused(client: TestClient) -> None:
    is_problem(client.post("/api/v1/predict/batch", json={}), status=415, code="not_multipart")
    is_problem(post_batch(client, [], backs=[BACK]), status=400, code="missing_image")
    is_problem(client.post("/api/v1/predict/batch", files={"picture": FRONT}), status=400, code="unexpected_field")
    is_problem(client.post("/api/v1/predict/batch", files={"x": b""}, data={"image": "text"}), status=400,
               code="unexpected_field")  # fmt: skip


def test_few_batches_are_read_at_once_and_people_are_answered_beside_them(client: TestClient, app: FastAPI) -> None:
    app.state.num_batches = MAX_BATCHES
    refused = post_batch(client, [FRONT])
    is_problem(refused, status=503, code="busy")
    assert refused.headers["retry-after"]
    assert client.post("/api/v1/predict", files={"image": FRONT}).status_code == 200
    app.state.num_batches = 0
    assert post_batch(client, [FRONT]).status_code == 200
    assert app.state.num_batches == 0


def _entries(settings: Settings) -> list:
    return Journal(settings.journal_url).entries(action="predict")
