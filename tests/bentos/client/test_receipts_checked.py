"""A caller with receipt, fetched checkpoints and key verifies away from the service; what was forged is refused."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from bentos.audit.checkpoints import AUDIT_DIR, CHECKPOINTS_FILE, PUBLIC_KEY_FILE, PURPOSE, checkpoint_of
from bentos.audit.proofs import parse_proof
from bentos.cli import app
from bentos.client.checkpoints import later, verify_receipt
from bentos.client.failure import CallFailed
from bentos.client.rest import RestClient
from bentos.client.retries import Retries
from bentos.client.rpc import GrpcClient
from bentos.journal import Journal
from bentos.runtime.answer import Answer
from bentos.runtime.contract import canonical_json
from bentos.runtime.errors import ContractError
from bentos.signing import read_public_key, sign
from tests.bentos.access.forge import token
from tests.bentos.access.guarded import Guarded, guarded, guarded_settings
from tests.builders import jpeg, tiny_catalogue, tiny_picture

FRONT = jpeg(tiny_picture(tiny_catalogue()[1]))
STRANGER = Ed25519PrivateKey.generate()
Client = RestClient | GrpcClient


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, bundle: Path) -> Iterator[Guarded]:
    with guarded(guarded_settings(tmp_path_factory.mktemp("checked") / "home", bundle=bundle)) as service:
        yield service


@pytest.fixture(scope="module", params=["REST", "gRPC"])
def client(request: pytest.FixtureRequest, service: Guarded) -> Iterator[Client]:
    with client_of(service, request.param, sub="ann") as client:
        yield client


def client_of(service: Guarded, protocol: str, *, sub: str) -> Client:
    shown, patient = token(sub=sub, roles=["caller"]), Retries(max_attempts=20)
    if protocol == "REST":
        return RestClient(service.settings.base_url, token=shown, retries=patient)
    return GrpcClient(f"127.0.0.1:{service.settings.grpc_port}", token=shown, retries=patient)


def covered(client: Client, *, seconds: float = 20) -> Answer:
    """An answer, whose entry is under a checkpoint by now."""
    answer, end = client.identify(FRONT, deadline_s=30), time.monotonic() + seconds
    while not any(checkpoint_of(line).size >= answer.receipt.entry_id for line in client.checkpoints()):
        assert time.monotonic() < end
        time.sleep(0.1)
    return answer


class Liar:
    """Gives other lines than the service did."""

    def __init__(self, *pages: tuple[bytes, ...]) -> None:
        self.pages = list(pages)

    def checkpoints(self, *, from_entry: int | None = None) -> tuple[bytes, ...]:
        return self.pages.pop(0)


def changed(line: bytes, **what: object) -> bytes:
    """A checkpoint that says something else, signed by somebody else."""
    payload = checkpoint_of(line).model_copy(update=what).model_dump(mode="json")
    return canonical_json(sign(payload, key=STRANGER, purpose=PURPOSE).model_dump())


def test_an_answer_is_verified_with_what_the_service_publishes(client: Client, service: Guarded) -> None:
    own = read_public_key(service.settings.keys_dir / PUBLIC_KEY_FILE)
    answer = covered(client)
    (service.settings.home / "audit.pub").write_bytes(client.audit_key())
    assert read_public_key(service.settings.home / "audit.pub") == own
    under = verify_receipt(answer, client=client, key=own)
    assert under.size - len(under.tags) < answer.receipt.entry_id <= under.size


def test_what_was_forged_is_refused(client: Client, service: Guarded) -> None:
    key = read_public_key(service.settings.keys_dir / PUBLIC_KEY_FILE)
    answer = covered(client)
    (line, *_) = client.checkpoints(from_entry=answer.receipt.entry_id)
    with pytest.raises(ContractError, match="signature of this audit-checkpoint"):
        verify_receipt(answer, client=Liar((changed(line, tags=("0" * 16,)),)), key=key)
    pill = answer.pills[0].model_copy(update={"confidence": 0.5})
    with pytest.raises(ContractError, match="not the one that was signed"):
        verify_receipt(answer.model_copy(update={"pills": (pill,)}), client=client, key=key)
    with pytest.raises(ContractError, match="signed with key"):
        verify_receipt(answer, client=client, key=STRANGER.public_key())


def test_a_proof_is_given_to_whom_the_answer_was_and_to_nobody_else(client: Client, service: Guarded) -> None:
    key = read_public_key(service.settings.keys_dir / PUBLIC_KEY_FILE)
    answer = client.identify(FRONT, deadline_s=30)
    proof = parse_proof(client.proof(answer.request_id, deadline_s=20), key=key)
    assert (proof.entry_id, proof.entry_hash) == (answer.receipt.entry_id, answer.receipt.entry_hash)
    with client_of(service, type(client).__name__[:4], sub="bob") as other, pytest.raises(CallFailed) as refused:
        other.proof(answer.request_id)
    with pytest.raises(CallFailed) as unknown:
        client.proof("00000000-0000-0000-0000-000000000000")
    assert unknown.value.code == refused.value.code == "unknown_request"
    with pytest.raises(CallFailed) as malformed:
        client.proof("no-uuid")
    assert malformed.value.code in ("unknown_request", "bad_request")
    denied = Journal(service.settings.journal_url).entries(action="access_denied")[-1]
    assert (denied.payload["code"], denied.payload["why"]) == ("unknown_request", "owner")


def test_bad_pages_are_refused_alike(service: Guarded) -> None:
    with client_of(service, "REST", sub="ann") as rest, client_of(service, "gRPC", sub="ann") as rpc:
        for wanted in ({"from_entry": -1}, {"limit": 101}, {"limit": -1}):
            codes = set()
            for client in (rest, rpc):
                with pytest.raises(CallFailed) as refused:
                    client.checkpoints(**wanted)
                codes.add(refused.value.code)
            assert codes == {"bad_request"}, wanted


def test_a_copy_goes_on_from_what_is_there_and_only_from_that(client: Client, service: Guarded) -> None:
    key = read_public_key(service.settings.keys_dir / PUBLIC_KEY_FILE)
    covered(client)
    kept = later(client, key=key, from_entry=1)
    covered(client)
    more = later(client, key=key, kept=kept)
    assert more
    copied = b"".join(line + b"\n" for line in [*kept, *more])
    assert (service.settings.home / AUDIT_DIR / CHECKPOINTS_FILE).read_bytes().startswith(copied)
    with pytest.raises(ContractError, match="lines are missing"):
        later(Liar(client.checkpoints()), key=key, kept=kept[:-1])
    with pytest.raises(ContractError, match="another or an older checkpoint"):
        later(Liar((kept[0],)), key=key, kept=[*kept, *more])


def ran(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["audit", *map(str, arguments)])
    return result.output if result.exit_code == 0 else f"refused: {result.exception}"


def test_the_command_line_needs_no_database(service: Guarded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a caller does it, on a machine of his own."""
    monkeypatch.setenv("RXVISION_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("RXVISION_TOKEN", token(sub="ann", roles=["caller"]))
    with client_of(service, "REST", sub="ann") as client:
        answer = covered(client)
        (tmp_path / "proof.json").write_text(client.proof(answer.request_id).model_dump_json())
    (tmp_path / "answer.json").write_text(answer.model_dump_json())
    (tmp_path / "forged.json").write_text(answer.model_dump_json().replace('"confidence":0.', '"confidence":0.1', 1))
    where = ("--checkpoints", tmp_path / "copy.jsonl", "--key", tmp_path / "audit.pub")
    said = ran("fetch", service.settings.base_url, *where)
    assert "hold it against one from elsewhere" in said
    shutil.rmtree(tmp_path / "elsewhere", ignore_errors=True)
    (tmp_path / "copy.jsonl").unlink()
    assert "checkpoints more" in ran("fetch", service.settings.base_url, *where, "--receipt", tmp_path / "answer.json")
    for kept in ("answer", "proof"):
        assert "stands under checkpoint" in ran("verify", "--receipt", tmp_path / f"{kept}.json", *where)
    assert "not the one that was signed" in ran("verify", "--receipt", tmp_path / "forged.json", *where)
    line, *rest = (tmp_path / "copy.jsonl").read_bytes().splitlines()
    (tmp_path / "copy.jsonl").write_bytes(b"\n".join([changed(line), *rest, b""]))
    assert "signature of this audit-checkpoint" in ran("verify", "--receipt", tmp_path / "answer.json", *where)
    assert not (tmp_path / "elsewhere").exists()
