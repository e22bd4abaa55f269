"""One queue for both protocols, callers who leave, and a stop that loses no call: real processes."""

import queue
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import httpx
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from bentos.journal import Journal
from bentos.proto.rxvision.v1 import medication_identification_pb2 as pb
from bentos.proto.rxvision.v1.medication_identification_pb2_grpc import MedicationIdentificationStub
from bentos.settings import Settings
from tests.bentos.conftest import tiny_home
from tests.bentos.processes import free_port, launched, running, wait_for
from tests.builders import jpeg, tiny_catalogue, tiny_picture

FRONT = jpeg(tiny_picture(tiny_catalogue()[1]))
REQUEST = pb.PredictMedicationRequest(image_data=FRONT)


@pytest.fixture
def settings(tmp_path: Path, bundle: Path) -> Settings:
    home = tiny_home(tmp_path / "home", bundle=bundle)
    ports = {"port": free_port(), "grpc_port": free_port()}
    return Settings(home=home, packed_home=home / "none", latency_budget_s=60, cache_entries=0, **ports)


@contextmanager
def stub_of(settings: Settings) -> Iterator[MedicationIdentificationStub]:
    with grpc.insecure_channel(f"127.0.0.1:{settings.grpc_port}") as channel:
        yield MedicationIdentificationStub(channel)


@contextmanager
def held_place(settings: Settings) -> Iterator[None]:
    """A caller over REST who has begun to send a picture and does not go on."""
    with socket.create_connection(("127.0.0.1", settings.port), timeout=20) as slow:
        slow.sendall(
            b"POST /api/v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
        )
        yield


def num_held(rest: httpx.Client) -> float:
    (line,) = (line for line in rest.get("/metrics").text.splitlines() if line.startswith("rxvision_in_flight "))
    return float(line.split()[1])


def wait_for_held(rest: httpx.Client, count: int) -> None:
    wait_for(lambda: num_held(rest) == count)


def test_both_protocols_share_the_places_and_a_caller_who_leaves_gives_his_back(settings: Settings) -> None:
    with running(settings.model_copy(update={"max_in_flight": 1})) as rest, stub_of(settings) as stub:
        with held_place(settings):
            wait_for_held(rest, 1)
            response = rest.post("/api/v1/predict", files={"image": FRONT})
            assert (response.status_code, response.json()["code"], response.headers["retry-after"]) == (
                503,
                "busy",
                "1",
            )
            with pytest.raises(grpc.RpcError) as caught:
                stub.PredictMedication(REQUEST, timeout=20)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        trailing = dict(caught.value.trailing_metadata())
        assert (trailing["rxvision-code"], trailing["grpc-retry-pushback-ms"]) == ("busy", "1000")
        retry = error_details_pb2.RetryInfo()
        assert rpc_status.from_call(caught.value).details[1].Unpack(retry)
        assert retry.retry_delay.seconds == 1
        wait_for_held(rest, 0)
        for left in (stub.PredictMedication.future(REQUEST, timeout=0.01), stub.PredictMedication.future(REQUEST)):
            left.cancel()
        wait_for_held(rest, 0)
        assert stub.PredictMedication(REQUEST, timeout=20).request_id


def test_calls_that_have_begun_are_answered_before_the_service_stops(settings: Settings) -> None:
    with launched(settings) as process, stub_of(settings) as stub:
        calls = [stub.PredictMedication.future(REQUEST, timeout=60) for _ in range(8)]
        calls[0].result()
        process.terminate()
        ids = {call.result().request_id for call in calls}
        process.wait(30)
    entries = Journal(settings.journal_url).entries(action="predict")
    assert {(entry.payload["request_id"], entry.outcome) for entry in entries} == {(id_, "answered") for id_ in ids}
    assert len(ids) == 8


def test_a_stream_gets_the_answers_to_what_was_read_and_is_told_why_it_ends(settings: Settings) -> None:
    waiting: queue.SimpleQueue = queue.SimpleQueue()
    with launched(settings) as process, stub_of(settings) as stub:
        responses = stub.PredictStream(iter(waiting.get, None), timeout=60)
        for item_id in ("one", "two", "three"):
            waiting.put(pb.PredictStreamRequest(item_id=item_id, item=REQUEST))
        seen = [next(responses).item_id]
        process.terminate()
        with pytest.raises(grpc.RpcError) as caught:
            drain(responses, into=seen)
        process.wait(30)
    waiting.put(None)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert dict(caught.value.trailing_metadata())["rxvision-code"] == "stopping"
    assert {"one", "two"} <= set(seen)


def test_who_hangs_up_over_rest_while_he_is_answered_gives_his_place_back(settings: Settings) -> None:
    """As over gRPC: what waits behind somebody else's answer is not begun for a caller who has left."""
    draft = httpx.Client().build_request("POST", "http://x/api/v1/predict", files={"image": FRONT})
    head = "".join(f"{name}: {value}\r\n" for name, value in draft.headers.items())
    sent = f"POST /api/v1/predict HTTP/1.1\r\n{head}\r\n".encode() + draft.read()
    with running(settings.model_copy(update={"threads": 1, "max_in_flight": 64})) as rest:
        callers = [socket.create_connection(("127.0.0.1", settings.port), timeout=20) for _ in range(24)]
        for caller in callers:
            caller.sendall(sent)
        wait_for(lambda: num_held(rest) > 16)
        for caller in callers:
            caller.close()
        wait_for_held(rest, 0)
        assert rest.post("/api/v1/predict", files={"image": FRONT}).status_code == 200
    outcomes = [entry.outcome for entry in Journal(settings.journal_url).entries(action="predict")]
    assert outcomes.count("answered") < 12, outcomes


def drain(responses: Iterator[pb.PredictStreamResponse], *, into: list[str]) -> None:
    while True:
        into.append(next(responses).item_id)
