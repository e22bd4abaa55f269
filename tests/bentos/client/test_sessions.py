"""One session meets one variant of a running experiment, whatever it calls and over whichever protocol."""

from pathlib import Path

from bentos.client.items import Item
from bentos.client.rest import RestClient
from bentos.client.rpc import GrpcClient
from bentos.settings import Settings
from tests.bentos.conftest import tiny_home
from tests.bentos.processes import free_port, launched
from tests.bentos.rollout.making import release_of
from tests.builders import jpeg, tiny_bundle, tiny_catalogue, tiny_picture

FRONT = jpeg(tiny_picture(tiny_catalogue()[1]))


def variants_met(rest: RestClient, grpc: GrpcClient, session: str) -> set[str]:
    """Who answered one session's calls of every kind."""
    answers = [client.identify(FRONT, session=session) for client in (rest, grpc)]
    for client in (rest, grpc):
        answers += client.identify_many([Item(FRONT), Item(FRONT)], session=session)
    answers += [answer for _, answer in grpc.identify_stream([("a", Item(FRONT))], session=session)]
    assert len(answers) == 7
    return {answer.release.variant for answer in answers}


def test_a_session_is_answered_by_one_variant_over_every_call(tmp_path: Path, bundle: Path) -> None:
    home = tiny_home(tmp_path / "home", bundle=bundle)
    tiny_bundle(home / "2", name="2")
    release_of(home, challenger="2", challenger_share=0.5)
    settings = Settings(home=home, port=free_port(), grpc_port=free_port(), packed_home=home / "none")
    with (
        launched(settings),
        RestClient(f"http://127.0.0.1:{settings.port}") as rest,
        GrpcClient(f"127.0.0.1:{settings.grpc_port}") as grpc,
    ):
        met = [variants_met(rest, grpc, f"counter-{number}") for number in range(8)]
    assert {len(variants) for variants in met} == {1}
    assert set.union(*met) == {"champion", "challenger"}
