"""Which tokens are taken, and whom they make of a caller."""

import asyncio
import math
import time
from contextlib import suppress
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bentos.access.caller import Caller
from bentos.access.faults import AccessFault
from bentos.access.jwks import KeyCache
from bentos.access.table import SCOPES_OF, Role, Scope
from bentos.access.tokens import TokenVerifier
from tests.bentos.access.bad_tokens import bad_tokens
from tests.bentos.access.forge import AUDIENCE, EC_KEY, ED_KEY, ISSUER, RSA_KEY, assembled, key_set, token

HEADER_NAMES = ("alg", "kid", "typ", "crit", "b64", "jwk", "jku", "cty", "self", "model_extra", "x")
CLAIM_NAMES = ("iss", "sub", "aud", "exp", "nbf", "iat", "jti", "scope", "scp", "roles", "acr", "amr", "auth_time")
_ATOMS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
JSON = st.recursive(_ATOMS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner))


@cache
def usual() -> TokenVerifier:
    return verifier()


def verifier(**overrides: Any) -> TokenVerifier:
    keys = KeyCache(lambda: key_set(RSA_KEY, EC_KEY, ED_KEY), ttl_s=60, max_age_s=60, cooldown_s=60)
    wanted = {"issuer": ISSUER, "audience": AUDIENCE, "types": ("at+jwt",), "roles_claim": "roles", "leeway_s": 30}
    return TokenVerifier(keys, **(wanted | {"pseudonym_key": b"k" * 32} | overrides))


def verified(text: str, **overrides: Any) -> Caller:
    return asyncio.run((verifier(**overrides) if overrides else usual()).verify(text))


def refusal(text: str, **overrides: Any) -> AccessFault:
    with pytest.raises(AccessFault) as caught:
        verified(text, **overrides)
    return caught.value


@pytest.mark.parametrize("key_id", [RSA_KEY, EC_KEY, ED_KEY])
def test_a_good_token_is_taken_whatever_key_of_the_issuer_signed_it(key_id: str) -> None:
    caller = verified(token(key_id))
    assert caller.scopes == SCOPES_OF[Role.CLINICIAN]
    assert caller.expires_at == pytest.approx(time.time() + 630, abs=5)


@pytest.mark.parametrize("name", sorted(bad_tokens()))
def test_a_bad_token_is_refused_for_its_own_reason(name: str) -> None:
    text, why = bad_tokens()[name]
    fault = refusal(text)
    assert (fault.code, fault.why) == ("invalid_token", why)


def test_there_are_more_than_twenty_kinds_of_bad_tokens() -> None:
    assert len(bad_tokens()) >= 50


def test_a_token_is_good_for_the_leeway_longer_and_no_more() -> None:
    now = int(time.time())
    assert verified(token(exp=now - 20)).scopes
    assert refusal(token(exp=now - 40)).why == "expired"


def test_who_shows_a_token_that_is_too_old_is_known_but_not_who_shows_a_forged_one() -> None:
    old = int(time.time()) - 3600
    assert refusal(token(exp=old)).actor == verified(token()).actor
    assert refusal(token(exp=old, aud="billing")).actor is None
    assert refusal(bad_tokens()["changed payload"][0]).actor is None


def test_an_actor_is_stable_and_tells_nothing() -> None:
    actor = verified(token()).actor
    assert actor == verified(token(RSA_KEY, roles=["admin"])).actor
    assert actor.startswith("token:")
    assert "ann" not in actor
    others = {verified(token(sub="anne")).actor, verified(token(), pseudonym_key=b"l" * 32).actor}
    assert actor not in others
    assert len(others) == 2


def test_issuer_and_subject_do_not_run_into_each_other() -> None:
    one = verified(token(iss="https://a", sub="bc"), issuer="https://a").actor
    assert one != verified(token(iss="https://ab", sub="c"), issuer="https://ab").actor


@pytest.mark.parametrize(
    ("given", "scopes"),
    [
        ({"roles": ["caller", "janitor"]}, SCOPES_OF[Role.CALLER]),
        ({"roles": ["caller", "compliance"]}, SCOPES_OF[Role.CALLER] | SCOPES_OF[Role.COMPLIANCE]),
        ({"roles": None, "scope": "openid rx:predict rx:model"}, {Scope.PREDICT, Scope.MODEL}),
        ({"roles": None, "scp": ["rx:predict"]}, {Scope.PREDICT}),
        ({"roles": None, "scp": "rx:predict rx:erase"}, {Scope.PREDICT, Scope.ERASE}),
        ({"roles": ["clinician"], "scope": "openid profile"}, SCOPES_OF[Role.CLINICIAN]),
        ({"roles": ["clinician"], "scope": "rx:predict rx:erase"}, {Scope.PREDICT}),
        ({"roles": ["janitor"]}, set()),
        ({"roles": None}, set()),
        ({"roles": [], "scope": ""}, set()),
    ],
)
def test_roles_give_scopes_and_scopes_limit_roles(given: dict[str, Any], scopes: set[Scope]) -> None:
    assert verified(token(**given)).scopes == scopes


def test_roles_may_stand_where_the_identity_provider_puts_them() -> None:
    kept = token(roles=None, realm_access={"roles": ["compliance"]})
    assert verified(kept, roles_claim="realm_access.roles").scopes == SCOPES_OF[Role.COMPLIANCE]
    assert verified(kept, roles_claim="realm_access.roles.deeper").scopes == frozenset()


def test_other_types_are_taken_only_where_configured() -> None:
    plain = token(headers={"typ": "JWT"})
    assert verified(plain, types=("at+jwt", "JWT")).scopes
    assert verified(token(headers={"typ": "application/at+JWT"})).scopes


def test_what_a_caller_holds_is_in_no_repr() -> None:
    from bentos.access.caller import shown

    text = token()
    assert text not in repr(shown([f"Bearer {text}"], []))
    assert math.isfinite(verified(text).expires_at)


@settings(max_examples=50, deadline=None, database=None, derandomize=True)
@given(st.one_of(st.text(max_size=300), st.binary(max_size=300).map(lambda data: data.decode("latin-1"))))
def test_no_text_that_can_be_made_up_is_a_token_or_a_fault_of_ours(text: str) -> None:
    assert refusal(text).code == "invalid_token"


@settings(max_examples=50, deadline=None, database=None, derandomize=True)
@given(st.dictionaries(st.sampled_from(HEADER_NAMES), JSON, max_size=6), JSON)
def test_no_header_or_payload_that_can_be_made_up_is_a_token_or_a_fault_of_ours(header: dict, payload: Any) -> None:
    assert (
        refusal(assembled({"alg": "ES256", "kid": EC_KEY, "typ": "at+jwt"} | header, payload, b"x" * 64)).actor is None
    )


@settings(max_examples=50, deadline=None, database=None, derandomize=True)
@given(st.dictionaries(st.sampled_from(CLAIM_NAMES), JSON, min_size=1, max_size=3))
def test_an_issuer_that_writes_claims_of_any_form_gets_a_caller_or_a_refusal(changed: dict) -> None:
    with suppress(AccessFault):
        assert verified(token(EC_KEY, **changed)).scopes <= set(Scope)
