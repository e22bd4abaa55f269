"""Both clients against real services: equal answers, refusals that are waited out, typed errors."""

import inspect
import random
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from bentos.audit.checkpoints import PUBLIC_KEY_FILE
from bentos.audit.receipts import check_receipt
from bentos.catalogue import MedicationQuery
from bentos.client.failure import CallFailed
from bentos.client.items import Item
from bentos.client.rest import RestClient
from bentos.client.retries import Retries
from bentos.client.rpc import GrpcClient
from bentos.feedback import Feedback
from bentos.journal import Journal
from bentos.privacy.desk import PrivacyDesk
from bentos.runtime.answer import Answer, PillMetadata
from bentos.settings import Settings
from bentos.signing import read_public_key
from tests.bentos.client.places import the_only_place_taken
from tests.bentos.conftest import tiny_home
from tests.bentos.processes import free_port, launched
from tests.builders import jpeg, tiny_catalogue, tiny_picture

MEDICATION = tiny_catalogue()[1]
FRONT = jpeg(tiny_picture(MEDICATION))
BACK = jpeg(tiny_picture(MEDICATION, side="back"))
TYPED = PillMetadata(imprint="A2 TEST", color="RED", size_mm=10)
HEAVY = {"bentoml", "cv2", "fastapi", "numpy", "onnxruntime", "PIL", "sqlalchemy", "starlette"}
Client = RestClient | GrpcClient


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, bundle: Path) -> Iterator[Settings]:
    """A service that holds one request at once."""
    home = tiny_home(tmp_path_factory.mktemp("served") / "home", bundle=bundle)
    settings = Settings(home=home, port=free_port(), grpc_port=free_port(), packed_home=home / "none", max_in_flight=1)
    with launched(settings):
        yield settings


def client_of(protocol: str, served: Settings, **policy) -> Client:
    retries = Retries(**policy)
    if protocol == "REST":
        return RestClient(f"http://127.0.0.1:{served.port}", retries=retries)
    return GrpcClient(f"127.0.0.1:{served.grpc_port}", retries=retries)


@pytest.fixture(scope="module")
def rest(served: Settings) -> Iterator[RestClient]:
    with client_of("REST", served) as client:
        yield client


@pytest.fixture(scope="module")
def grpc(served: Settings) -> Iterator[GrpcClient]:
    with client_of("gRPC", served) as client:
        yield client


def content(outcome: Answer | CallFailed) -> dict | str:
    """What must be equal over both protocols."""
    if isinstance(outcome, CallFailed):
        return outcome.code
    return outcome.model_dump(exclude={"request_id", "timings_ms", "receipt"})


@pytest.mark.parametrize("back", [None, BACK], ids=["front", "both"])
@pytest.mark.parametrize("metadata", [None, TYPED], ids=["bare", "typed"])
def test_both_protocols_give_equal_answers(
    rest: RestClient, grpc: GrpcClient, back: bytes | None, metadata: PillMetadata | None
) -> None:
    over_rest, over_grpc = (client.identify(FRONT, back=back, metadata=metadata) for client in (rest, grpc))
    assert content(over_rest) == content(over_grpc)
    assert over_rest.pills[0].alternatives[0].medication_id == MEDICATION.medication_id


def test_many_items_keep_their_order_with_an_error_beside_answers(rest: RestClient, grpc: GrpcClient) -> None:
    items = [Item(FRONT), Item(b"no picture"), Item(BACK), Item(FRONT, BACK, TYPED)]
    over_rest, over_grpc = (list(map(content, client.identify_many(items))) for client in (rest, grpc))
    assert over_rest == over_grpc
    assert over_rest[1] == "unsupported_format"
    assert [over_rest[0], over_rest[3]] == [content(rest.identify(*one)) for one in [(FRONT,)]] + [
        content(rest.identify(FRONT, back=BACK, metadata=TYPED))
    ]


@pytest.mark.parametrize("protocol", ["REST", "gRPC"])
def test_no_items_need_no_call_and_too_many_are_refused(served: Settings, protocol: str) -> None:
    with client_of(protocol, served) as client:
        assert client.identify_many([]) == ()
        with pytest.raises(CallFailed, match="too_many_items"):
            client.identify_many([Item(FRONT)] * (served.max_batch_items + 1))


def test_a_stream_answers_every_item_under_its_name(grpc: GrpcClient) -> None:
    items = [(str(number), Item(FRONT)) for number in range(5)] + [("bad", Item(b"no picture"))]
    found = dict(grpc.identify_stream(iter(items)))
    assert found.keys() == {name for name, _ in items}
    assert content(found["bad"]) == "unsupported_format"
    assert content(found["0"]) == content(grpc.identify(FRONT))


def test_every_answer_has_a_receipt_of_its_own_entry_over_every_call(
    rest: RestClient, grpc: GrpcClient, served: Settings
) -> None:
    items = [Item(FRONT), Item(BACK)]
    streamed = dict(grpc.identify_stream(iter([("0", items[0]), ("1", items[1])]))).values()
    single = [client.identify(FRONT) for client in (rest, grpc)]
    found = [*single, *rest.identify_many(items), *grpc.identify_many(items), *streamed]
    key = read_public_key(served.keys_dir / PUBLIC_KEY_FILE)
    promises = [check_receipt(answer.receipt, key=key, answer=answer) for answer in found]
    journal = Journal(served.journal_url)
    stored = {link.entry_id: (link.entry_hash, link.recogniser, link.gallery) for link in journal.links()}
    journal.close()
    facts = [(answer.receipt.recogniser, answer.receipt.gallery) for answer in found]
    signed = {said.entry_id: (said.entry_hash, *of) for said, of in zip(promises, facts, strict=True)}
    assert len(signed) == len(found)
    assert signed.items() <= stored.items()


def test_every_call_says_whom_it_is_about(served: Settings, rest: RestClient, grpc: GrpcClient) -> None:
    about, desk = "one of the subjects", PrivacyDesk(served)
    answers = [client.identify(FRONT, subject=about) for client in (rest, grpc)]
    answers += [answer for client in (rest, grpc) for answer in client.identify_many([Item(FRONT)], subject=about)]
    answers += [answer for _, answer in grpc.identify_stream([("a", Item(FRONT))], subject=about)]
    journal, pseudonym = Journal(served.journal_url), desk.subjects.key(about).pseudonym
    assert [journal.of_request(answer.request_id).subject_ref for answer in answers] == [pseudonym] * 5
    assert journal.of_request(rest.identify(FRONT).request_id).subject_ref is None
    journal.close()
    desk.close()


def test_model_status_is_the_same_over_both(rest: RestClient, grpc: GrpcClient) -> None:
    assert rest.model_status() == grpc.model_status()
    assert rest.model_status().variants[0].loaded.gallery.num_medications == len(tiny_catalogue())


def test_a_medication_is_found_and_an_answer_judged(rest: RestClient) -> None:
    page = rest.search(MedicationQuery(imprint="A2", color="RED"))
    assert page.medications[0].medication_id == MEDICATION.medication_id
    answer = rest.identify(FRONT)
    said = Feedback(
        request_id=uuid.UUID(answer.request_id), medication_id=MEDICATION.medication_id, known_from="package"
    )
    assert rest.give_feedback(said).request_id == answer.request_id


@pytest.mark.parametrize("protocol", ["REST", "gRPC"])
def test_a_refused_call_waits_as_the_service_says_and_is_answered(served: Settings, protocol: str) -> None:
    with the_only_place_taken(served) as slow:
        slept: list[float] = []

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            slow.close()
            time.sleep(0.2)

        with client_of(protocol, served, sleep=sleep, max_attempts=20) as client:
            answer = client.identify(FRONT, deadline_s=60)
    assert answer.pills
    assert min(slept) >= 1.0  # what the service asks for, beside the jitter


@pytest.mark.parametrize("protocol", ["REST", "gRPC"])
def test_where_the_wait_would_pass_the_deadline_the_refusal_is_said_at_once(served: Settings, protocol: str) -> None:
    policy = {"base_s": 1000, "cap_s": 1000, "rng": random.Random(1)}  # the first wait is 134 s
    with the_only_place_taken(served), client_of(protocol, served, **policy) as client:
        with pytest.raises(CallFailed) as caught:
            client.identify(FRONT, deadline_s=20)
        assert (caught.value.code, caught.value.retry_after_s, caught.value.again) == ("busy", 1.0, True)


@pytest.mark.parametrize("protocol", ["REST", "gRPC"])
def test_an_error_has_the_services_code_a_sentence_and_the_request_id(served: Settings, protocol: str) -> None:
    with client_of(protocol, served) as client, pytest.raises(CallFailed) as caught:
        client.identify(b"no picture")
    failure = caught.value
    assert (failure.code, failure.sentence) == ("unsupported_format", "The file is not a JPEG, PNG or HEIC picture.")
    assert str(uuid.UUID(failure.request_id)) == failure.request_id
    assert not failure.again


@pytest.mark.parametrize("method", ["identify", "identify_many", "model_status", "close"])
def test_both_clients_are_called_alike(method: str) -> None:
    assert inspect.signature(getattr(RestClient, method)) == inspect.signature(getattr(GrpcClient, method))


def test_a_client_loads_nothing_of_the_server() -> None:
    code = "import sys, bentos.client.rest, bentos.client.rpc; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not HEAVY & set(loaded)
