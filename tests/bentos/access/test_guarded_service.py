"""A real service that demands credentials: REST and gRPC refuse the same callers, journal it, and keep no token."""

import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from bentos.access.api_keys import ApiKeys
from bentos.access.table import Scope
from bentos.journal import Journal
from bentos.proto.rxvision.v1 import medication_identification_pb2 as pb
from tests.bentos.access.bad_tokens import bad_tokens
from tests.bentos.access.forge import token
from tests.bentos.access.guarded import Guarded, bearer, guarded, guarded_settings, lower
from tests.bentos.processes import wait_for
from tests.builders import jpeg, tiny_catalogue, tiny_picture

CALLS_AN_HOUR = 60
FRONT = jpeg(tiny_picture(tiny_catalogue()[1]))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, bundle: Path) -> Iterator[Guarded]:
    settings = guarded_settings(tmp_path_factory.mktemp("guarded") / "home", bundle=bundle, rate_per_hour=CALLS_AN_HOUR)
    with guarded(settings) as service:
        yield service


def test_every_bad_token_is_refused_over_both_protocols_alike(service: Guarded) -> None:
    for name, (text, _) in bad_tokens().items():
        assert service.over_rest(bearer(text)) == (401, "invalid_token"), name
        assert service.over_grpc(bearer(text)) == ("UNAUTHENTICATED", "invalid_token"), name


def test_a_good_token_is_let_in_over_both_protocols(service: Guarded) -> None:
    assert service.over_rest(bearer(token())) == (200, "")
    assert service.over_grpc(bearer(token())) == ("OK", "")


def test_who_shows_nothing_is_told_what_to_show(service: Guarded) -> None:
    response = service.rest.get("/api/v1/model")
    assert (response.status_code, response.json()["code"]) == (401, "no_credentials")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="rxvision"'
    assert service.over_grpc({}) == ("UNAUTHENTICATED", "no_credentials")
    assert service.over_rest({"Authorization": "Basic YW5uOnB3"}) == (401, "no_credentials")


def test_a_refusal_says_why_as_rfc_6750_wants_it(service: Guarded) -> None:
    bad = service.rest.get("/api/v1/model", headers=bearer("nonsense"))
    assert 'error="invalid_token"' in bad.headers["WWW-Authenticate"]
    lacking = service.rest.get("/metrics", headers=bearer(token()))
    assert (lacking.status_code, lacking.json()["code"]) == (403, "insufficient_scope")
    assert 'error="insufficient_scope", ' in lacking.headers["WWW-Authenticate"]
    assert 'scope="rx:metrics"' in lacking.headers["WWW-Authenticate"]


def test_two_credentials_are_one_too_many(service: Guarded) -> None:
    both = {**bearer(token()), "X-API-Key": "rxk_a_b"}
    assert service.over_rest(both) == (400, "two_credentials")
    assert service.over_grpc(both) == ("INVALID_ARGUMENT", "two_credentials")
    twice = [*bearer(token()).items(), *bearer(token()).items()]
    assert service.over_rest(twice) == (400, "two_credentials")
    assert service.over_grpc(twice) == ("INVALID_ARGUMENT", "two_credentials")


def test_a_token_in_the_address_or_in_the_body_is_not_looked_at(service: Guarded) -> None:
    response = service.rest.get("/api/v1/model", params={"access_token": token()})
    assert response.json()["code"] == "no_credentials"
    response = service.rest.post("/api/v1/predict", data={"access_token": token()}, files={"image": FRONT})
    assert response.json()["code"] == "no_credentials"


def test_a_refused_body_is_not_read(service: Guarded) -> None:
    began = time.monotonic()
    response = service.rest.post("/api/v1/predict", files={"image": bytes(2**22)})
    assert (response.status_code, response.json()["code"]) == (401, "no_credentials")
    assert time.monotonic() - began < 5


def test_a_refused_stream_is_refused_before_its_first_item(service: Guarded) -> None:
    items = iter([pb.PredictStreamRequest(item_id="1", item=pb.PredictMedicationRequest(image_data=FRONT))])
    with pytest.raises(grpc.RpcError) as caught:
        list(service.stub.PredictStream(items, timeout=20))
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_a_stream_ends_with_its_callers_token(service: Guarded) -> None:
    good_for_s = 4  # and the leeway of 30 s is over
    text = token(exp=int(time.time()) + good_for_s - 30)

    def items() -> Iterator[pb.PredictStreamRequest]:
        for name in ("in time", "too late"):
            yield pb.PredictStreamRequest(item_id=name, item=pb.PredictMedicationRequest(image_data=FRONT))
            time.sleep(good_for_s + 0.5)

    responses = service.stub.PredictStream(items(), timeout=30, metadata=list(lower(bearer(text)).items()))
    assert next(responses).item_id == "in time"
    with pytest.raises(grpc.RpcError) as caught:
        list(responses)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_an_api_key_is_good_over_both_protocols_until_it_is_revoked(service: Guarded) -> None:
    keys = ApiKeys(service.settings.home, now=lambda: datetime.now(UTC))
    key, text = keys.add("scanner", scopes=(Scope.MODEL,), days=1)
    for shown in ({"X-API-Key": text}, bearer(text)):
        assert service.over_rest(shown) == (200, "")
        assert service.over_grpc(shown) == ("OK", "")
    assert service.rest.get("/metrics", headers={"X-API-Key": text}).status_code == 403
    keys.revoke(key.key_id)
    assert service.over_rest({"X-API-Key": text}) == (401, "invalid_key")
    assert service.over_grpc({"X-API-Key": text}) == ("UNAUTHENTICATED", "invalid_key")


def test_an_answer_is_journalled_under_a_name_that_tells_nothing(service: Guarded) -> None:
    mine, theirs = str(uuid.uuid4()), str(uuid.uuid4())
    headers = bearer(token(sub="ann@ward.example")) | {"X-Request-ID": mine}
    assert service.rest.post("/api/v1/predict", files={"image": FRONT}, headers=headers).status_code == 200
    metadata = [("x-request-id", theirs), ("authorization", f"Bearer {token(sub='ann@ward.example')}")]
    service.stub.PredictMedication(pb.PredictMedicationRequest(image_data=FRONT), metadata=metadata, timeout=20)
    journal = Journal(service.settings.journal_url)
    one, two = (journal.of_request(request_id) for request_id in (mine, theirs))
    assert one.actor == two.actor
    assert one.actor.startswith("token:")
    assert "ann" not in one.actor
    said = {"request_id": mine, "not_in_catalogue": True, "known_from": "package"}
    assert service.rest.post("/api/v1/feedback", json=said, headers=headers).status_code == 201
    assert journal.entries(action="feedback")[-1].actor == one.actor


def test_a_flood_of_denials_is_a_few_entries(service: Guarded) -> None:
    journal = Journal(service.settings.journal_url)
    before = len(journal.entries(action="access_denied"))
    for _ in range(100):
        service.over_rest(bearer("flood"))
    assert len(journal.entries(action="access_denied")) - before <= 2


def test_each_kind_of_denial_is_an_entry_with_who_as_far_as_known(service: Guarded) -> None:
    old = token(sub="late", exp=int(time.time()) - 3600)
    service.over_rest(bearer("nonsense"))
    service.over_grpc(bearer(old))
    service.rest.get("/metrics", headers=bearer(token(sub="curious")))
    entries = Journal(service.settings.journal_url).entries(action="access_denied")
    found = {(entry.payload["method"], entry.payload["why"]): entry for entry in entries}
    assert found["GET /api/v1/model", "malformed"].actor == "unknown"
    assert found["/rxvision.v1.MedicationIdentification/GetModelStatus", "expired"].actor.startswith("token:")
    lacking = found["GET /metrics", "scope"]
    assert (lacking.outcome, lacking.payload["code"]) == ("denied", "insufficient_scope")
    assert lacking.actor.startswith("token:")
    assert uuid.UUID(lacking.payload["request_id"])


def test_no_credential_is_kept_anywhere(service: Guarded) -> None:
    secret = token(sub="planted-person")
    service.over_rest(bearer(secret))
    service.over_grpc(bearer(secret + "x"))
    service.rest.get("/api/v1/model", headers={"X-API-Key": "rxk_planted_planted"})
    wait_for(lambda: "/api/v1/model 401" in (service.settings.home / "service.log").read_text())
    places = [path for path in service.settings.home.rglob("*") if path.is_file() and path.suffix != ".onnx"]
    planted = [part.encode() for part in (*secret.split("."), "planted")]
    assert [path for path in places for part in planted if part in path.read_bytes()] == []


def test_probes_and_the_interface_are_open_to_everybody(service: Guarded) -> None:
    for path in ("/health", "/ready", "/openapi.json"):
        assert service.rest.get(path).status_code == 200
    for path in ("/nothing", "/api/v1/nothing"):
        assert service.rest.get(path).status_code == 404


def test_around_the_interface_bentoml_answers_its_probes_and_an_empty_schema(service: Guarded) -> None:
    for path in ("/livez", "/readyz", "/healthz"):
        assert service.rest.get(path).status_code == 200
    assert service.rest.get("/schema.json").json()["routes"] == []
    for path in ("/", "/docs.json", "/static_content/swagger-ui.css", "/docs", "/redoc"):
        response = service.rest.get(path)
        assert (response.status_code, response.headers["Content-Type"]) == (404, "application/problem+json")


def test_every_answer_carries_the_security_headers(service: Guarded) -> None:
    for response in (
        service.rest.get("/api/v1/model", headers=bearer(token())),
        service.rest.get("/api/v1/model"),
        service.rest.get("/health"),
        service.rest.get("/nothing"),
    ):
        headers = response.headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Frame-Options"] == "DENY"
        assert "Strict-Transport-Security" not in headers
        assert "Access-Control-Allow-Origin" not in headers


def test_another_origins_page_may_not_ask(service: Guarded) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    response = service.rest.options("/api/v1/predict", headers=asked)
    assert response.status_code == 405
    assert not [name for name in response.headers if name.startswith("access-control")]


def test_both_protocols_share_one_counter_and_both_say_when_to_come_back(service: Guarded) -> None:
    ann, bob = bearer(token(sub="eager")), bearer(token(sub="calm"))
    for _ in range(CALLS_AN_HOUR // 2):
        assert service.over_rest(ann) == (200, "")
        assert service.over_grpc(ann) == ("OK", "")
    refused = service.rest.get("/api/v1/model", headers=ann)
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert int(refused.headers["Retry-After"]) >= 1
    assert refused.headers["RateLimit-Policy"] == f'"hour";q={CALLS_AN_HOUR};w=3600'
    assert '"hour";r=0;' in refused.headers["RateLimit"]
    error = service.grpc_error(ann)
    assert (error.code(), retry_delay_s(error) > 0) == (grpc.StatusCode.RESOURCE_EXHAUSTED, True)
    said = dict(error.trailing_metadata())
    assert said["rxvision-code"] == "rate_limited"
    assert int(said["grpc-retry-pushback-ms"]) >= 1000
    assert said["ratelimit-policy"] == f'"hour";q={CALLS_AN_HOUR};w=3600'
    assert service.over_rest(bob) == (200, "")
    assert service.rest.get("/api/v1/medications", headers=ann).status_code == 200


def retry_delay_s(error: grpc.RpcError) -> float:
    """What google.rpc.RetryInfo says."""
    info = error_details_pb2.RetryInfo()
    assert any(detail.Unpack(info) for detail in rpc_status.from_call(error).details)
    return info.retry_delay.seconds
