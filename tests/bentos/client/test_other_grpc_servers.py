"""What the gRPC client makes of servers that answer as ours never would."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import pytest

from bentos.client.failure import CallFailed
from bentos.client.items import Item
from bentos.client.retries import Retries
from bentos.client.rpc import GrpcClient
from bentos.proto.rxvision.v1 import medication_identification_pb2 as pb
from bentos.proto.rxvision.v1 import medication_identification_pb2_grpc as rpc

QUICK = Retries(max_attempts=3, base_s=0.001)


class Odd(rpc.MedicationIdentificationServicer):
    """Answers with words that no client knows, and refuses to tell its status."""

    def __init__(self, *, status: grpc.StatusCode, trailing: tuple[tuple[str, str], ...] = ()) -> None:
        self.status, self.trailing, self.num_asked = status, trailing, 0

    def PredictMedication(self, request, context):
        return pb.PredictMedicationResponse(pills=[pb.Pill(status="novel")])

    def PredictStream(self, requests, context):
        for sent in requests:
            yield pb.PredictStreamResponse(item_id=sent.item_id, answer=self.PredictMedication(sent.item, context))

    def GetModelStatus(self, request, context):
        self.num_asked += 1
        context.set_trailing_metadata(self.trailing)
        context.abort(self.status, "No.")


@contextmanager
def client_of(odd: Odd) -> Iterator[GrpcClient]:
    server = grpc.server(ThreadPoolExecutor(2))
    rpc.add_MedicationIdentificationServicer_to_server(odd, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with GrpcClient(f"127.0.0.1:{port}", retries=QUICK) as client:
            yield client
    finally:
        server.stop(0).wait()


def test_an_answer_in_unknown_words_is_a_failure_with_a_name() -> None:
    with client_of(Odd(status=grpc.StatusCode.INTERNAL)) as client:
        with pytest.raises(CallFailed, match="unreadable"):
            client.identify(b"front")
        ((name, failure),) = client.identify_stream([("a", Item(b"front"))])
    assert (name, failure.code) == ("a", "unreadable")


@pytest.mark.parametrize(
    ("status", "trailing", "num_asked", "code"),
    [
        ("UNAVAILABLE", (), 3, "unreachable"),
        ("UNAVAILABLE", (("grpc-retry-pushback-ms", "-1"),), 1, "unreachable"),
        ("RESOURCE_EXHAUSTED", (("rxvision-code", "busy"),), 3, "busy"),
        ("RESOURCE_EXHAUSTED", (), 1, "resource_exhausted"),
        ("PERMISSION_DENIED", (), 1, "permission_denied"),
    ],
)
def test_only_what_may_help_is_tried_again(status: str, trailing: tuple, num_asked: int, code: str) -> None:
    odd = Odd(status=grpc.StatusCode[status], trailing=trailing)
    with client_of(odd) as client, pytest.raises(CallFailed) as caught:
        client.model_status(deadline_s=20)
    assert (caught.value.code, odd.num_asked) == (code, num_asked)
