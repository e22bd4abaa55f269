"""Rate limits: per caller and operation, in the process or in a real Redis that may go away."""

import asyncio
import re
import time

from bentos.access.limits import Policy, RateLimits, Standing
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
