"""One guarded service for the tests of a module, and the same question to it over both protocols."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx

from bentos.proto.rxvision.v1 import medication_identification_pb2 as pb
from bentos.proto.rxvision.v1.medication_identification_pb2_grpc import MedicationIdentificationStub
from bentos.settings import Settings
from tests.bentos.access.forge import AUDIENCE, EC_KEY, ED_KEY, ISSUER, RSA_KEY, key_set
from tests.bentos.conftest import tiny_home
from tests.bentos.processes import free_port, running


@dataclass(frozen=True)
class Guarded:
    """A running service that demands credentials."""

    settings: Settings
    rest: httpx.Client
    channel: grpc.Channel

    @property
    def stub(self) -> MedicationIdentificationStub:
        """The gRPC methods."""
        return MedicationIdentificationStub(self.channel)

    def over_rest(self, headers: dict[str, str] | list[tuple[str, str]]) -> tuple[int, str]:
        """Status and code of a cheap question."""
        response = self.rest.get("/api/v1/model", headers=headers)
        return response.status_code, response.json().get("code", "")

    def over_grpc(self, metadata: dict[str, str] | list[tuple[str, str]]) -> tuple[str, str]:
        """Status and code of the same question."""
        error = self.grpc_error(metadata)
        return ("OK", "") if error is None else (error.code().name, dict(error.trailing_metadata())["rxvision-code"])

    def grpc_error(self, metadata: dict[str, str] | list[tuple[str, str]]) -> grpc.RpcError | None:
        """The same question's failure."""
        pairs = metadata.items() if isinstance(metadata, dict) else metadata
        sent = [(name.lower(), value) for name, value in pairs]
        try:
            self.stub.GetModelStatus(pb.GetModelStatusRequest(), metadata=sent, timeout=20)
        except grpc.RpcError as error:
            return error
        return None


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {token}".rstrip()}


def lower(headers: dict[str, str]) -> dict[str, str]:
    """Headers of REST as metadata of gRPC."""
    return {name.lower(): value for name, value in headers.items()}


def guarded_settings(home: Path, *, bundle: Path, **overrides: Any) -> Settings:
    """Settings of a home with a release, and an issuer whose keys lie in a file."""
    tiny_home(home, bundle=bundle)
    (home / "issuer.json").write_bytes(key_set(RSA_KEY, EC_KEY, ED_KEY))
    given = {
        "port": free_port(),
        "grpc_port": free_port(),
        "packed_home": home / "none",
        "poll_s": 0.1,
        "access_issuer": ISSUER,
        "access_audience": AUDIENCE,
        "access_jwks": str(home / "issuer.json"),
        "rate_per_minute": 0,
        "rate_per_hour": 0,
    }
    return Settings(home=home, **(given | overrides))


@contextmanager
def guarded(settings: Settings) -> Iterator[Guarded]:
    """The service while it runs."""
    with running(settings) as rest, grpc.insecure_channel(f"127.0.0.1:{settings.grpc_port}") as channel:
        yield Guarded(settings, rest, channel)
