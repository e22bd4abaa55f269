"""Rate limits: per caller and operation, in the process or in a real Redis that may go away."""

import asyncio
import re
import time
from pathlib import Path

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from bentos.access.limits import Policy, RateLimits, Standing
from tests.bentos.access.forge import token
from tests.bentos.access.guarded import bearer, guarded, guarded_settings
from tests.bentos.processes import free_port, redis_server

THREE = (Policy("minute", 3, 60), Policy("hour", 100, 3600))


def count(limits: RateLimits, actor: str = "token:a", operation: str = "predict") -> Standing:
    return asyncio.run(limits.count(actor, operation))


def used_up(limits: RateLimits, actor: str = "token:a", operation: str = "predict") -> int:
    """How many calls were let through before the first that was not; a minute that ends meanwhile lets one more in."""
    for number in range(20):
        if count(limits, actor, operation).retry_after_s is not None:
            return number
    raise AssertionError("nothing was refused")


def test_so_many_calls_and_no_more_for_each_caller_and_operation() -> None:
    limits = RateLimits(THREE)
    assert used_up(limits) in (3, 4)
    assert used_up(limits, "token:b") in (3, 4)
    assert used_up(limits, operation="model") in (3, 4)


def test_the_headers_say_the_policy_and_what_is_left() -> None:
    standing = count(RateLimits(THREE))
    assert standing.headers["RateLimit-Policy"] == '"minute";q=3;w=60, "hour";q=100;w=3600'
    assert re.fullmatch(r'"minute";r=2;t=\d+, "hour";r=99;t=\d+', standing.headers["RateLimit"])


def test_who_is_refused_is_let_in_again_after_the_time_that_he_was_told() -> None:
    limits = RateLimits((Policy("second", 2, 1),))
    used_up(limits)
    refused = count(limits)
    assert refused.retry_after_s is None or 0 < refused.retry_after_s <= 2
    time.sleep(2.1)
    assert count(limits).retry_after_s is None


def test_no_limit_where_none_is_set() -> None:
    limits = RateLimits((Policy("minute", 0, 60),))
    assert {count(limits).retry_after_s for _ in range(200)} == {None}
    assert count(limits).headers == {}


def test_workers_share_counters_in_redis_and_count_alone_when_it_goes() -> None:
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    one, other = RateLimits(THREE, redis_url=url), RateLimits(THREE, redis_url=url)
    with redis_server(port):
        assert used_up(one) in (3, 4)
        assert count(other).retry_after_s is not None
    began = time.monotonic()
    assert used_up(other) in (3, 4)
    assert time.monotonic() - began < 3


def test_both_protocols_share_one_counter_and_both_say_when_to_come_back(tmp_path: Path, bundle: Path) -> None:
    settings = guarded_settings(tmp_path / "home", bundle=bundle, rate_per_hour=10)
    with guarded(settings) as service:
        ann, bob = bearer(token(sub="ann")), bearer(token(sub="bob"))
        for _ in range(5):
            assert service.over_rest(ann) == (200, "")
            assert service.over_grpc(ann) == ("OK", "")
        refused = service.rest.get("/api/v1/model", headers=ann)
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        assert int(refused.headers["Retry-After"]) >= 1
        assert refused.headers["RateLimit-Policy"] == '"hour";q=10;w=3600'
        assert '"hour";r=0;' in refused.headers["RateLimit"]
        error = service.grpc_error(ann)
        assert (error.code(), retry_delay_s(error) > 0) == (grpc.StatusCode.RESOURCE_EXHAUSTED, True)
        said = dict(error.trailing_metadata())
        assert said["rxvision-code"] == "rate_limited"
        assert int(said["grpc-retry-pushback-ms"]) >= 1000
        assert said["ratelimit-policy"] == '"hour";q=10;w=3600'
        assert service.over_rest(bob) == (200, "")
        assert service.rest.get("/api/v1/medications", headers=ann).status_code == 200


def retry_delay_s(error: grpc.RpcError) -> float:
    """What google.rpc.RetryInfo says."""
    info = error_details_pb2.RetryInfo()
    assert any(detail.Unpack(info) for detail in rpc_status.from_call(error).details)
    return info.retry_delay.seconds
