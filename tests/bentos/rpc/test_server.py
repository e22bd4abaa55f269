"""The real service process over real gRPC, beside REST and beside the predictor itself."""

import json
import queue
import uuid
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

from bentos.journal import Journal
from bentos.proto.rxvision.v1 import medication_identification_pb2 as pb
from bentos.proto.rxvision.v1.medication_identification_pb2_grpc import MedicationIdentificationStub
from bentos.rpc.parse import answer_of
from bentos.runtime.answer import Answer, PillMetadata
from bentos.runtime.errors import InputError
from bentos.runtime.predictor import Predictor
from bentos.settings import Settings
from tests.bentos.conftest import tiny_home
from tests.bentos.pictures import unusable
from tests.bentos.processes import free_port, running
from tests.builders import jpeg, tiny_catalogue, tiny_picture

MEDICATION = tiny_catalogue()[1]
FRONT = jpeg(tiny_picture(MEDICATION))
BACK = jpeg(tiny_picture(MEDICATION, side="back"))
TYPED = {"imprint": "A2 TEST", "color": "WHITE", "shape": "ROUND", "size_mm": 8.0}
SERVICE = "rxvision.v1.MedicationIdentification"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, bundle: Path) -> Settings:
    home = tiny_home(tmp_path_factory.mktemp("served") / "home", bundle=bundle)
    return Settings(home=home, port=free_port(), grpc_port=free_port(), packed_home=home / "none")


@pytest.fixture(scope="module")
def rest(served: Settings) -> Iterator[httpx.Client]:
    with running(served) as client:
        yield client


@pytest.fixture(scope="module")
def channel(served: Settings, rest: httpx.Client) -> Iterator[grpc.Channel]:
    options = (("grpc.max_send_message_length", -1),)
    with grpc.insecure_channel(f"127.0.0.1:{served.grpc_port}", options=options) as channel:
        yield channel


@pytest.fixture(scope="module")
def stub(channel: grpc.Channel) -> MedicationIdentificationStub:
    return MedicationIdentificationStub(channel)


@pytest.fixture(scope="module")
def predictor(served: Settings) -> Predictor:
    return Predictor.from_bundle(served.home)


def request(*pictures: bytes, **typed: object) -> pb.PredictMedicationRequest:
    front, back = (*pictures, None)[:2]
    return pb.PredictMedicationRequest(image_data=front, back_image_data=back, metadata=pb.PillMetadata(**typed))


def failure(stub: MedicationIdentificationStub, asked: pb.PredictMedicationRequest, **options: object) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        stub.PredictMedication(asked, timeout=30, **options)
    return caught.value


def code_of(error: grpc.RpcError) -> str:
    return dict(error.trailing_metadata())["rxvision-code"]


def without_request(answer: Answer) -> dict:
    """What must be equal over every way; the release's version and variant are not known to a bare bundle."""
    facts = answer.model_dump(exclude={"request_id", "timings_ms", "receipt"})
    return facts | {"release": {name: facts["release"][name] for name in ("recogniser", "gallery")}}


@pytest.mark.parametrize("pictures", [(FRONT,), (FRONT, BACK)], ids=["front", "both"])
@pytest.mark.parametrize("typed", [{}, TYPED], ids=["bare", "typed"])
def test_rest_grpc_and_the_predictor_give_equal_answers(
    rest: httpx.Client, stub: MedicationIdentificationStub, predictor: Predictor, pictures: tuple, typed: dict
) -> None:
    files = dict(zip(("image", "image_back"), pictures, strict=False))
    posted = rest.post("/api/v1/predict", files=files, data={"metadata": json.dumps(typed)})
    over_rest = Answer.model_validate_json(posted.content)
    over_grpc = answer_of(stub.PredictMedication(request(*pictures, **typed), timeout=30))
    in_process = predictor.identify(pictures, metadata=PillMetadata(**typed))
    assert without_request(over_rest) == without_request(over_grpc) == without_request(in_process)
    assert over_rest.release == over_grpc.release


@pytest.mark.parametrize("name", sorted(unusable()))
def test_what_cannot_be_used_has_the_same_code_over_both_protocols(
    rest: httpx.Client, stub: MedicationIdentificationStub, predictor: Predictor, name: str
) -> None:
    data, _ = unusable()[name]
    problem = rest.post("/api/v1/predict", files={"image": data}).json()
    error = failure(stub, request(data))
    with pytest.raises(InputError) as caught:
        predictor.identify([data])
    assert problem["code"] == code_of(error) == caught.value.code
    assert (error.code(), error.details()) == (grpc.StatusCode.INVALID_ARGUMENT, problem["detail"])


def test_an_answer_is_journalled_and_counted_under_the_callers_id(
    rest: httpx.Client, stub: MedicationIdentificationStub, served: Settings
) -> None:
    mine = str(uuid.uuid4())
    response, call = stub.PredictMedication.with_call(request(FRONT), metadata=[("x-request-id", mine)], timeout=30)
    assert response.request_id == mine == dict(call.initial_metadata())["x-request-id"]
    last = Journal(served.journal_url).entries(action="predict")[-1]
    assert (last.payload["request_id"], last.outcome) == (mine, "answered")
    counted = f'rxvision_requests_total{{route="/{SERVICE}/PredictMedication",status="OK"}}'
    assert counted in rest.get("/metrics").text


def test_an_error_says_its_code_in_googles_details_too(stub: MedicationIdentificationStub) -> None:
    error = failure(stub, request(FRONT, color="mauve-ish"))
    info = error_details_pb2.ErrorInfo()
    assert rpc_status.from_call(error).details[0].Unpack(info)
    assert (info.domain, info.reason) == ("rxvision", "BAD_METADATA")
    assert info.metadata["request_id"] == dict(error.trailing_metadata())["x-request-id"]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (pb.PredictMedicationRequest(), "missing_image"),
        (pb.PredictMedicationRequest(image_data=FRONT, image_format="bmp"), "unsupported_format"),
        (request(FRONT, size_mm=float("nan")), "bad_metadata"),
        (request(FRONT, size_mm=-1), "bad_metadata"),
        (request(FRONT, imprint="8" * 1_000_000), "bad_metadata"),
        (request(bytes(42 * 2**20)), "body_too_large"),
    ],
    ids=["nothing", "format", "nan", "negative", "long", "large"],
)
def test_requests_that_cannot_be_used_are_invalid_arguments(
    stub: MedicationIdentificationStub, asked: pb.PredictMedicationRequest, code: str
) -> None:
    error = failure(stub, asked)
    assert (error.code(), code_of(error)) == (grpc.StatusCode.INVALID_ARGUMENT, code)


@pytest.mark.parametrize("where", ["message", "metadata"])
def test_a_session_key_is_bounded_wherever_it_stands(stub: MedicationIdentificationStub, where: str) -> None:
    asked, key = request(FRONT), "s" * 201
    if where == "message":
        asked.session_key = key
    error = failure(stub, asked, metadata=[("x-session-key", key)] if where == "metadata" else [])
    assert (error.code(), code_of(error)) == (grpc.StatusCode.INVALID_ARGUMENT, "bad_request")


def test_bytes_that_are_no_message_are_refused(channel: grpc.Channel) -> None:
    call = channel.unary_unary(f"/{SERVICE}/PredictMedication")
    with pytest.raises(grpc.RpcError) as caught:
        call(b"\xff\xff\xff", timeout=10)
    assert code_of(caught.value) == "malformed_message"


def test_the_model_says_what_it_is(rest: httpx.Client, stub: MedicationIdentificationStub) -> None:
    status = stub.GetModelStatus(pb.GetModelStatusRequest(), timeout=10)
    assert (status.version, status.variants[0].variant) == ("1", "champion")
    assert status.variants[0].loaded.gallery.num_medications == len(tiny_catalogue())


def test_a_batch_keeps_its_order_and_has_an_error_beside_each_answer(stub: MedicationIdentificationStub) -> None:
    sent = [request(FRONT), request(b"no picture"), pb.PredictMedicationRequest(), request(BACK, imprint="A2")]
    batch = stub.PredictBatch(pb.PredictBatchRequest(items=sent), timeout=60)
    assert [item.index for item in batch.items] == [0, 1, 2, 3]
    assert [item.WhichOneof("outcome") for item in batch.items] == ["answer", "problem", "problem", "answer"]
    assert [item.problem.code for item in batch.items[1:3]] == ["unsupported_format", "missing_image"]
    assert batch.items[1].problem.grpc_code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert batch.num_answered == 2
    alone = stub.PredictMedication(request(BACK, imprint="A2"), timeout=30)
    assert batch.items[3].answer.pills == alone.pills


@pytest.mark.parametrize(("count", "code"), [(0, "missing_image"), (33, "too_many_items")])
def test_a_batch_of_nothing_or_too_much_is_refused(stub: MedicationIdentificationStub, count: int, code: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stub.PredictBatch(pb.PredictBatchRequest(items=[request(FRONT)] * count), timeout=30)
    assert code_of(caught.value) == code


def test_a_stream_answers_every_item_under_its_id(stub: MedicationIdentificationStub, served: Settings) -> None:
    sent = {f"photo-{i}": request(FRONT if i % 3 else b"no picture", imprint=f"A{i}") for i in range(10)}
    items = (pb.PredictStreamRequest(item_id=item_id, item=item) for item_id, item in sent.items())
    answers = {response.item_id: response for response in stub.PredictStream(items, timeout=60)}
    assert answers.keys() == sent.keys()
    refused = {item_id for item_id, response in answers.items() if response.WhichOneof("outcome") == "problem"}
    assert refused == {"photo-0", "photo-3", "photo-6", "photo-9"}
    journalled = {entry.payload["request_id"] for entry in Journal(served.journal_url).entries(action="predict")}
    assert {response.request_id for response in answers.values()} <= journalled


def test_a_stream_answers_while_it_is_still_open(stub: MedicationIdentificationStub) -> None:
    waiting: queue.SimpleQueue = queue.SimpleQueue()
    responses = stub.PredictStream(iter(waiting.get, None), timeout=60)
    for item_id in ("first", "second"):
        waiting.put(pb.PredictStreamRequest(item_id=item_id, item=request(FRONT)))
        assert next(responses).item_id == item_id
    waiting.put(None)
    assert list(responses) == []


def test_health_and_reflection_are_there(channel: grpc.Channel) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    for name in ("", SERVICE):
        asked = health_pb2.HealthCheckRequest(service=name)
        assert health.Check(asked, timeout=10).status == health_pb2.HealthCheckResponse.SERVING
    reflected = ProtoReflectionDescriptorDatabase(channel)
    assert SERVICE in reflected.get_services()
    file = reflected.FindFileContainingSymbol(SERVICE)
    assert "PredictStream" in {method.name for method in file.service[0].method}
