"""The decision itself: step-up, what the settings open, and what they refuse to open."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bentos.access.caller import Caller, Shown
from bentos.access.faults import AccessFault
from bentos.access.gate import Access
from bentos.access.opening import check_access, open_access
from bentos.access.table import BY_ROUTE, Operation, Scope
from bentos.faults import ServiceFault
from bentos.journal import Entry
from bentos.settings import Settings, launch_environment
from tests.bentos.access.forge import AUDIENCE, EC_KEY, ISSUER, key_set, token
from tests.bentos.processes import free_port

ERASE = Operation("erase", Scope.ERASE)


def access(tmp_path: Path, *, entries: list[Entry] | None = None, **overrides: Any) -> Access:
    (tmp_path / "keys.json").write_bytes(key_set(EC_KEY))
    given = {"access_issuer": ISSUER, "access_audience": AUDIENCE, "access_jwks": str(tmp_path / "keys.json")}
    written = [] if entries is None else entries
    settings = Settings(home=tmp_path, **(given | overrides))
    return open_access(settings, append=lambda e: written.append(e) or len(written), now=lambda: datetime.now(UTC))


def admitted(made: Access, operation: Operation | None, text: str | None) -> Caller:
    entered = made.admit(operation, lambda: Shown(token=text), method="POST /erase", request_id="r-1")
    return asyncio.run(entered)[0]


def refusal(made: Access, operation: Operation, text: str | None) -> AccessFault:
    with pytest.raises(AccessFault) as caught:
        admitted(made, operation, text)
    return caught.value


def officer(**claims: Any) -> str:
    return token(roles=["compliance"], **claims)


def now() -> int:
    return int(time.time())


def dated(claims: dict[str, Any]) -> dict[str, Any]:
    return claims | ({"auth_time": now() + claims["auth_time"]} if "auth_time" in claims else {})


@pytest.mark.parametrize(
    ("wanted", "enough", "too_little"),
    [
        ({"step_up_acr": ("gold", "silver")}, {"acr": "silver"}, [{}, {"acr": "bronze"}]),
        ({"step_up_amr": ("pwd", "otp")}, {"amr": ["otp", "pwd", "x"]}, [{}, {"amr": ["pwd"]}, {"amr": []}]),
        ({"step_up_max_age_s": 300}, {"auth_time": -200}, [{}, {"auth_time": -400}]),
        (
            {"step_up_acr": ("gold",), "step_up_max_age_s": 300},
            {"acr": "gold", "auth_time": 0},
            [{"acr": "gold"}, {"auth_time": 0}],
        ),
    ],
)
def test_promotion_export_and_erasure_can_demand_a_fresh_or_stronger_authentication(
    tmp_path: Path, wanted: dict, enough: dict, too_little: list[dict]
) -> None:
    """`auth_time` is given from now on, so that a long run of tests does not make it older."""
    made = access(tmp_path, **wanted)
    assert admitted(made, ERASE, officer(**dated(enough))).actor.startswith("token:")
    for claims in too_little:
        fault = refusal(made, ERASE, officer(**dated(claims)))
        assert (fault.code, fault.why) == ("step_up_needed", "step_up")
        assert 'error="insufficient_user_authentication"' in fault.headers["WWW-Authenticate"]


def test_what_is_missing_is_said_as_rfc_9470_wants_it(tmp_path: Path) -> None:
    made = access(tmp_path, step_up_acr=("gold", "silver"), step_up_max_age_s=300)
    said = refusal(made, ERASE, officer()).headers["WWW-Authenticate"]
    assert 'acr_values="gold silver"' in said
    assert 'max_age="300"' in said


def test_what_needs_no_step_up_asks_for_none(tmp_path: Path) -> None:
    made = access(tmp_path, step_up_acr=("gold",), step_up_max_age_s=300)
    assert admitted(made, BY_ROUTE["GET /api/v1/model"], officer())
    assert admitted(access(tmp_path), ERASE, officer())


def test_the_scope_is_asked_for_before_the_step_up(tmp_path: Path) -> None:
    made = access(tmp_path, step_up_acr=("gold",))
    assert refusal(made, ERASE, token(roles=["admin"], acr="gold")).code == "insufficient_scope"


def test_a_call_that_outlives_its_token_ends(tmp_path: Path) -> None:
    made = access(tmp_path, access_leeway_s=0)
    caller = admitted(made, BY_ROUTE["GET /api/v1/model"], token(exp=now() + 2))
    made.still(caller)
    time.sleep(2.1)
    with pytest.raises(AccessFault, match="expired"):
        made.still(caller)


def test_denials_go_to_the_journal_without_what_was_shown(tmp_path: Path) -> None:
    entries: list[Entry] = []
    made, text = access(tmp_path, entries=entries), token(sub="ann")
    refusal(made, ERASE, text)
    refusal(made, ERASE, "nonsense")
    refusal(made, ERASE, None)
    assert [entry.payload["code"] for entry in entries] == ["insufficient_scope", "invalid_token", "no_credentials"]
    assert not [part for part in (*text.split("."), "nonsense", "ann") if part in str(entries)]


def opened(**overrides: Any) -> Callable[[], None]:
    return lambda: check_access(Settings(**overrides))


ISSUED = {"access_issuer": ISSUER, "access_audience": AUDIENCE, "access_jwks": "/keys.json"}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"host": "::1"},
        {"host": "localhost"},
        {"host": "127.8.8.8"},
        {"host": "0.0.0.0", "allow_open": True},
        {"host": "0.0.0.0", "access": "keys"},
        {"host": "0.0.0.0", **ISSUED},
        {"access": "local"},
        {"access": "off", **ISSUED},
    ],
)
def test_what_is_configured_or_stays_on_this_machine_may_listen(given: dict) -> None:
    opened(**given)()


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"host": "0.0.0.0"}, "access_not_configured"),
        ({"host": "::"}, "access_not_configured"),
        ({"host": "10.0.0.7"}, "access_not_configured"),
        ({"host": "ward-7.example"}, "access_not_configured"),
        ({"host": "0.0.0.0", "access": "local"}, "access_not_configured"),
        ({"host": "0.0.0.0", "access": "off", **ISSUED}, "access_not_configured"),
        ({"access": "issuer"}, "access_misconfigured"),
        ({"access_issuer": ISSUER}, "access_misconfigured"),
        ({"access_issuer": ISSUER, "access_audience": AUDIENCE}, "access_misconfigured"),
        ({**ISSUED, "access_jwks": "http://login.example/keys"}, "access_misconfigured"),
    ],
)
def test_what_would_be_open_by_oversight_does_not_start(given: dict, code: str) -> None:
    with pytest.raises(ServiceFault, match=code):
        opened(**given)()


def test_the_command_says_what_to_set(tmp_path: Path) -> None:
    rxvision = str(Path(sys.executable).parent / "rxvision")
    settings = Settings(home=tmp_path, port=free_port(), grpc_port=free_port())
    done = subprocess.run(
        [rxvision, "serve", "--host", "0.0.0.0"],
        env=launch_environment(settings), capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1
    assert "RXVISION_ACCESS_ISSUER" in done.stderr
    assert "RXVISION_ALLOW_OPEN" in done.stderr
