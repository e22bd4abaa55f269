"""TLS on real connections over the loopback, for both protocols, with and without certificates of the callers."""

import socket
import ssl
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from typer.testing import CliRunner

from bentos.access.tls import check_tls
from bentos.cli import app
from bentos.client.failure import CallFailed
from bentos.client.rest import RestClient
from bentos.client.retries import Retries
from bentos.client.rpc import GrpcClient
from bentos.faults import ServiceFault
from bentos.settings import Settings
from tests.bentos.access.certificates import Authority, Pair
from tests.bentos.conftest import tiny_home
from tests.bentos.processes import free_port, launched

ONCE = Retries(max_attempts=1)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls") / "ours", name="ours")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls") / "strangers", name="strangers")


def tls_settings(home: Path, *, bundle: Path, pair: Pair, **overrides: Any) -> Settings:
    tiny_home(home, bundle=bundle)
    given = {"tls_certificate": pair.certificate, "tls_key": pair.key, "access": "local", **overrides}
    return Settings(home=home, port=free_port(), grpc_port=free_port(), packed_home=home / "none", **given)


def context(trusted: Authority, own: Pair | None = None) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=str(trusted.certificate))
    if own is not None:
        made.load_cert_chain(own.certificate, own.key)
    return made


def outdated() -> ssl.SSLContext:
    """A client that speaks TLS 1.1 at most, and whatever ciphers that had."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    made.set_ciphers("ALL:@SECLEVEL=0")
    made.minimum_version, made.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    return made


def credentials(trusted: Authority, own: Pair | None = None) -> grpc.ChannelCredentials:
    pair = (None, None) if own is None else (own.key.read_bytes(), own.certificate.read_bytes())
    return grpc.ssl_channel_credentials(trusted.certificate.read_bytes(), *pair)


def local_token(home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("RXVISION_HOME", str(home))
    done = CliRunner().invoke(app, ["token", "--role", "clinician"])
    assert done.exit_code == 0, done.output
    return done.output.strip()


def asked_over_rest(settings: Settings, made: ssl.SSLContext, token: str) -> str:
    with RestClient(settings.base_url, token=token, retries=ONCE, http=httpx.Client(verify=made)) as client:
        return client.model_status(deadline_s=10).version


def asked_over_grpc(settings: Settings, made: grpc.ChannelCredentials | None, token: str) -> str:
    address = f"127.0.0.1:{settings.grpc_port}"
    with GrpcClient(address, token=token, retries=ONCE, credentials=made) as client:
        return client.model_status(deadline_s=3).version


def test_a_local_token_over_tls_on_both_protocols(
    tmp_path: Path, bundle: Path, authority: Authority, stranger: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tls_settings(tmp_path / "tls", bundle=bundle, pair=authority.pair("server"))
    with launched(settings):
        token = local_token(settings.home, monkeypatch)
        assert asked_over_rest(settings, context(authority), token) == "1"
        assert asked_over_grpc(settings, credentials(authority), token) == "1"
        response = httpx.get(f"{settings.base_url}/health", verify=context(authority))
        assert response.headers["Strict-Transport-Security"].startswith("max-age=31536000")
        for failing in (
            lambda: asked_over_rest(settings, context(stranger), token),
            lambda: asked_over_grpc(settings, credentials(stranger), token),
            lambda: asked_over_grpc(settings, None, token),
            lambda: asked_over_rest(settings, context(authority), ""),
            lambda: asked_over_grpc(settings, credentials(authority), ""),
        ):
            with pytest.raises(CallFailed):
                failing()
        for address in (settings.port, settings.grpc_port):
            with pytest.raises(ssl.SSLError), socket.create_connection(("127.0.0.1", address)) as plain:
                outdated().wrap_socket(plain)
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"http://127.0.0.1:{settings.port}/health")


def test_callers_without_a_certificate_of_the_authority_get_no_connection_and_with_one_nothing_more(
    tmp_path: Path, bundle: Path, authority: Authority, stranger: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair, mine, theirs = authority.pair("server"), authority.pair("caller"), stranger.pair("caller")
    settings = tls_settings(tmp_path / "mtls", bundle=bundle, pair=pair, tls_client_ca=authority.certificate)
    with launched(settings):
        token = local_token(settings.home, monkeypatch)
        assert asked_over_rest(settings, context(authority, mine), token) == "1"
        assert asked_over_grpc(settings, credentials(authority, mine), token) == "1"
        with pytest.raises(CallFailed, match="no_credentials"):
            asked_over_rest(settings, context(authority, mine), "")
        with pytest.raises(CallFailed, match="no_credentials"):
            asked_over_grpc(settings, credentials(authority, mine), "")
        for own in (None, theirs):
            with pytest.raises(CallFailed):
                asked_over_rest(settings, context(authority, own), token)
            with pytest.raises(CallFailed):
                asked_over_grpc(settings, credentials(authority, own), token)


def test_files_that_do_not_fit_are_found_before_anything_listens(tmp_path: Path, authority: Authority) -> None:
    one, other = authority.pair("one"), authority.pair("other")
    for given in (
        {"tls_certificate": one.certificate},
        {"tls_key": one.key},
        {"tls_client_ca": authority.certificate},
        {"tls_certificate": one.certificate, "tls_key": other.key},
        {"tls_certificate": one.certificate, "tls_key": tmp_path / "none"},
        {"tls_certificate": one.key, "tls_key": one.key},
        {"tls_certificate": one.certificate, "tls_key": one.key, "tls_client_ca": one.key},
    ):
        with pytest.raises(ServiceFault, match="tls_misconfigured"):
            check_tls(Settings(**given))
    check_tls(Settings())
    check_tls(Settings(tls_certificate=one.certificate, tls_key=one.key, tls_client_ca=authority.certificate))
