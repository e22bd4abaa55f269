"""The issuer's keys: fetched over real HTTP, kept, rotated, aged out; and what is no key of use."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed448, rsa
from jwt.algorithms import OKPAlgorithm, RSAAlgorithm

from bentos.access.jwks import MAX_BYTES, KeyCache, KeySetUnreadable, read_keys, source_of
from bentos.faults import ServiceFault
from tests.bentos.access.forge import EC_KEY, ED_KEY, RSA_KEY, jwk, key_set, private_key, token
from tests.bentos.access.guarded import bearer, guarded_settings
from tests.bentos.rest_client import app_of, client_of


class Provider:
    """What an identity provider answers, and how often it was asked."""

    def __init__(self) -> None:
        self.body, self.status, self.num_asked, self.headers = key_set(EC_KEY), 200, 0, {}


@contextmanager
def serving(provider: Provider) -> Iterator[str]:
    """The address of a real server that answers as the provider says."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.num_asked += 1
            self.send_response(provider.status)
            for name, value in provider.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(provider.body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/keys"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(provider: Provider, clock: Clock) -> Iterator[KeyCache]:
    with serving(provider) as url:
        yield KeyCache(source_of(url), ttl_s=300, max_age_s=3600, cooldown_s=10, clock=clock)


def algorithms(cache: KeyCache, key_id: str) -> list[str]:
    return list(asyncio.run(cache.find(key_id)))


def test_keys_are_fetched_once_and_kept(cache: KeyCache, provider: Provider) -> None:
    assert [algorithms(cache, EC_KEY) for _ in range(3)] == [["ES256"]] * 3
    assert provider.num_asked == 1


def test_a_new_key_is_found_by_one_fetch_and_made_up_ones_cause_no_more(
    cache: KeyCache, provider: Provider, clock: Clock
) -> None:
    algorithms(cache, EC_KEY)
    provider.body = key_set(EC_KEY, ED_KEY)
    clock.now += 11
    assert algorithms(cache, ED_KEY) == ["EdDSA"]
    assert [algorithms(cache, f"made-up-{number}") for number in range(50)] == [[]] * 50
    assert provider.num_asked == 2
    clock.now += 11
    algorithms(cache, "made-up")
    assert provider.num_asked == 3


def test_a_withdrawn_key_is_gone_after_its_time(cache: KeyCache, provider: Provider, clock: Clock) -> None:
    assert algorithms(cache, EC_KEY)
    provider.body = key_set(ED_KEY)
    clock.now += 299
    assert algorithms(cache, EC_KEY)
    clock.now += 2
    assert not algorithms(cache, EC_KEY)


def test_keys_in_hand_are_good_for_a_while_where_the_provider_is_away(
    cache: KeyCache, provider: Provider, clock: Clock
) -> None:
    assert algorithms(cache, EC_KEY)
    provider.status = 503
    clock.now += 3599
    assert algorithms(cache, EC_KEY)
    assert provider.num_asked == 2
    clock.now += 2
    with pytest.raises(ServiceFault, match="keys_unavailable"):
        algorithms(cache, EC_KEY)
    provider.status = 200
    clock.now += 11
    assert algorithms(cache, EC_KEY)


def test_without_any_keys_nobody_is_let_in_and_the_provider_is_not_flooded(cache: KeyCache, provider: Provider) -> None:
    provider.status = 500
    for _ in range(5):
        with pytest.raises(ServiceFault, match="keys_unavailable"):
            algorithms(cache, EC_KEY)
    assert provider.num_asked == 1


def test_many_at_once_wait_for_one_fetch(cache: KeyCache, provider: Provider) -> None:
    async def all_at_once() -> list[dict]:
        return await asyncio.gather(*(cache.find(EC_KEY) for _ in range(20)))

    assert all(asyncio.run(all_at_once()))
    assert provider.num_asked == 1


@pytest.mark.parametrize(
    ("body", "status", "headers"),
    [
        (b"not json", 200, {}),
        (b"[]", 200, {}),
        (b'{"keys": {}}', 200, {}),
        (b"[" * 100_000, 200, {}),
        (b" " * (MAX_BYTES + 1), 200, {}),
        (b"", 302, {"Location": "/elsewhere"}),
    ],
)
def test_what_is_no_key_set_replaces_none(
    cache: KeyCache, provider: Provider, clock: Clock, body: bytes, status: int, headers: dict[str, str]
) -> None:
    assert algorithms(cache, EC_KEY)
    provider.body, provider.status, provider.headers = body, status, headers
    clock.now += 301
    assert algorithms(cache, EC_KEY)
    assert provider.num_asked == 2


def with_secret() -> dict[str, Any]:
    return {**jwk(ED_KEY), "d": OKPAlgorithm.to_jwk(private_key(ED_KEY), as_dict=True)["d"]}


def short_rsa() -> dict[str, Any]:
    public = rsa.generate_private_key(65537, 1024).public_key()
    return {**RSAAlgorithm.to_jwk(public, as_dict=True), "kid": "short"}


def other_curve() -> dict[str, Any]:
    public = ed448.Ed448PrivateKey.generate().public_key()
    return {**OKPAlgorithm.to_jwk(public, as_dict=True), "kid": "ed448"}


@pytest.mark.parametrize(
    "member",
    [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "shared", "alg": "HS256"},
        with_secret(),
        short_rsa(),
        other_curve(),
        jwk(EC_KEY, use="enc"),
        jwk(RSA_KEY, alg="RSA-OAEP"),
        jwk(RSA_KEY, alg="HS256"),
        jwk(EC_KEY, kid=None),
        jwk(EC_KEY, x="AAAA"),
        "no object",
        {},
    ],
)
def test_keys_that_are_not_for_this_are_left_out(member: Any) -> None:
    keys = read_keys(json.dumps({"keys": [member, jwk(ED_KEY, kid="good")]}).encode())
    assert list(keys) == ["good"]


def test_two_keys_of_one_id_are_told_apart_by_their_algorithm() -> None:
    keys = read_keys(json.dumps({"keys": [jwk(EC_KEY, kid="same"), jwk(ED_KEY, kid="same")]}).encode())
    assert sorted(keys["same"]) == ["ES256", "EdDSA"]


def test_keys_come_from_a_file_too(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(key_set(EC_KEY))
    assert source_of(str(path))() == source_of(path.as_uri())() == key_set(EC_KEY)
    with pytest.raises(KeySetUnreadable, match="No such file"):
        source_of(str(tmp_path / "none"))()


@pytest.mark.parametrize("place", ["http://login.example/keys", "ftp://login.example/keys", "data:,{}"])
def test_keys_are_not_fetched_in_plain_text_from_elsewhere(place: str) -> None:
    with pytest.raises(ServiceFault, match="access_misconfigured"):
        source_of(place)
    assert source_of("http://login.example/keys", allow_http=True)
    assert source_of("http://[::1]:9/keys")


def test_a_service_takes_tokens_of_a_new_key_and_no_more_of_a_withdrawn_one(
    provider: Provider, tmp_path: Path, bundle: Path
) -> None:
    times = {"access_jwks_ttl_s": 0.5, "access_jwks_max_age_s": 1, "access_jwks_cooldown_s": 0.1}
    with serving(provider) as url:
        app = app_of(guarded_settings(tmp_path / "home", bundle=bundle, access_jwks=url, **times))
        with client_of(app) as client:
            status = lambda key_id: client.get("/api/v1/model", headers=bearer(token(key_id))).status_code
            assert (status(EC_KEY), status(ED_KEY)) == (200, 401)
            provider.body = key_set(EC_KEY, ED_KEY)
            time.sleep(0.15)
            assert (status(ED_KEY), status(EC_KEY)) == (200, 200)
            provider.body = key_set(ED_KEY)
            time.sleep(0.6)
            assert (status(ED_KEY), status(EC_KEY)) == (200, 401)
            provider.status = 500
            time.sleep(1.1)
            assert status(ED_KEY) == 503
        app.state.answering.close()
