"""One session meets one variant of a running experiment, whatever it calls and over whichever protocol."""

from pathlib import Path

import grpc

from bentos.client.items import Item
from bentos.client.rest import RestClient
from bentos.client.rpc import GrpcClient
from bentos.proto.rxvision.v1 import medication_identification_pb2 as pb
from bentos.proto.rxvision.v1.medication_identification_pb2_grpc import MedicationIdentificationStub
from bentos.rpc.parse import answer_of
from bentos.settings import Settings
from tests.bentos.conftest import tiny_home
from tests.bentos.processes import free_port, launched
from tests.bentos.rollout.making import release_of
from tests.builders import jpeg, tiny_bundle, tiny_catalogue, tiny_picture

FRONT = jpeg(tiny_picture(tiny_catalogue()[1]))


def variants_met(rest: RestClient, rpc: GrpcClient, session: str) -> set[str]:
    """Who answered one session's calls of every kind."""
    answers = [client.identify(FRONT, session=session) for client in (rest, rpc)]
    for client in (rest, rpc):
        answers += client.identify_many([Item(FRONT), Item(FRONT)], session=session)
    answers += [answer for _, answer in rpc.identify_stream([("a", Item(FRONT))], session=session)]
    assert len(answers) == 7
    return {answer.release.variant for answer in answers}


def variants_met_by_metadata(stub: MedicationIdentificationStub, session: str) -> set[str]:
    """Who answered calls that name their session as REST does, beside the message."""
    said = {"metadata": [("x-session-key", session)], "timeout": 30}
    one = pb.PredictMedicationRequest(image_data=FRONT)
    many = stub.PredictBatch(pb.PredictBatchRequest(items=[one, one]), **said).items
    stream = stub.PredictStream(iter([pb.PredictStreamRequest(item=one)]), **said)
    responses = [stub.PredictMedication(one, **said), *(item.answer for item in (*many, *stream))]
    assert len(responses) == 4
    return {answer_of(response).release.variant for response in responses}


def test_a_session_is_answered_by_one_variant_over_every_call(tmp_path: Path, bundle: Path) -> None:
    home = tiny_home(tmp_path / "home", bundle=bundle)
    tiny_bundle(home / "2", name="2")
    release_of(home, challenger="2", challenger_share=0.5)
    settings = Settings(home=home, port=free_port(), grpc_port=free_port(), packed_home=home / "none")
    with (
        launched(settings),
        RestClient(f"http://127.0.0.1:{settings.port}") as rest,
        GrpcClient(f"127.0.0.1:{settings.grpc_port}") as rpc,
        grpc.insecure_channel(f"127.0.0.1:{settings.grpc_port}") as channel,
    ):
        stub, sessions = MedicationIdentificationStub(channel), [f"counter-{number}" for number in range(8)]
        met = [variants_met(rest, rpc, session) | variants_met_by_metadata(stub, session) for session in sessions]
    assert {len(variants) for variants in met} == {1}
    assert set.union(*met) == {"champion", "challenger"}
