"""Headers of every answer, pages of other origins, and other machines where nothing says who may."""

from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError

from bentos.access.hardening import Hardened, Sheltered
from bentos.access.network import is_loopback, is_remote_address
from bentos.metrics import metrics
from bentos.observed import Observed
from bentos.settings import Settings
from tests.bentos.access.forge import token
from tests.bentos.access.guarded import bearer, guarded_settings
from tests.bentos.rest_client import app_of

PAGE = "https://app.example"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, bundle: Path) -> TestClient:
    settings = guarded_settings(
        tmp_path_factory.mktemp("hardened") / "home", bundle=bundle, cors_origins=(PAGE,), rate_per_minute=1000
    )
    app = app_of(settings)
    layers = Sheltered(Observed(Hardened(app, settings), metrics=metrics()))
    with TestClient(layers, raise_server_exceptions=False) as client:
        yield client
    app.state.answering.close()


def preflight(client: TestClient, origin: str, method: str = "POST") -> httpx.Response:
    wanted = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": "authorization,x-session-key"}
    return client.options("/api/v1/predict", headers={"Origin": origin, **wanted})


def test_a_page_of_a_named_origin_may_ask_and_read_how_often(client: TestClient) -> None:
    response = preflight(client, PAGE)
    assert (response.status_code, response.headers["Access-Control-Allow-Origin"]) == (200, PAGE)
    asked = client.get("/api/v1/model", headers=bearer(token()) | {"Origin": PAGE})
    assert asked.headers["Access-Control-Allow-Origin"] == PAGE
    assert "RateLimit" in asked.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in asked.headers


@pytest.mark.parametrize("origin", ["https://evil.example", "https://app.example.evil", "http://app.example", "null"])
def test_a_page_of_another_origin_may_not(client: TestClient, origin: str) -> None:
    response = preflight(client, origin)
    assert response.status_code == 400
    assert "Access-Control-Allow-Origin" not in response.headers
    asked = client.get("/api/v1/model", headers=bearer(token()) | {"Origin": origin})
    assert "Access-Control-Allow-Origin" not in asked.headers


def test_an_answer_to_another_page_still_needs_a_token(client: TestClient) -> None:
    assert client.get("/api/v1/model", headers={"Origin": PAGE}).status_code == 401


@pytest.mark.parametrize("origin", ["*", "https://*.example", "app.example", "https://app.example/path", ""])
def test_origins_are_named_one_by_one(origin: str) -> None:
    with pytest.raises(ValidationError):
        Settings(cors_origins=(origin,))


def test_an_answer_says_its_rate_and_a_refusal_of_it_too(client: TestClient) -> None:
    response = client.get("/api/v1/model", headers=bearer(token(sub="rated")))
    assert response.headers["RateLimit-Policy"] == '"minute";q=1000;w=60'
    assert response.headers["RateLimit"].startswith('"minute";r=999;t=')


def test_what_an_answer_says_of_its_own_caching_stands(client: TestClient) -> None:
    headers = bearer(token())
    found = client.get("/api/v1/medications?limit=1", headers=headers).json()["medications"][0]
    links = client.get(found["href"], headers=headers).json()["pictures"]
    picture = client.get(links[0]["href"], headers=headers)
    assert (picture.status_code, picture.headers["Cache-Control"]) == (200, "max-age=3600")
    assert picture.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost", "::ffff:127.0.0.1"])
def test_only_this_machine_reaches_the_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "::ffff:10.0.0.1", "ward-7.example", ""])
def test_others_reach_every_other_address(host: str) -> None:
    assert not is_loopback(host)


def test_a_service_without_access_control_answers_no_other_machine(settings: Settings) -> None:
    """As where BentoML itself was started, which listens everywhere unless told otherwise."""
    app = app_of(settings)
    for server, status in (("127.0.0.1", 200), ("::1", 200), ("10.0.0.7", 403), ("::ffff:10.0.0.7", 403)):
        base = f"http://[{server}]" if ":" in server else f"http://{server}"
        with TestClient(Observed(app, metrics=metrics()), base_url=base) as client:
            assert client.get("/api/v1/model").status_code == status, server
    app.state.answering.close()
    assert is_remote_address("10.0.0.7")
    assert not is_remote_address("testserver")
