"""Every kind of token that has to be refused, with what the journal calls the reason."""

import time
from functools import cache

from tests.bentos.access.forge import (
    EC_KEY,
    ED_KEY,
    RSA_KEY,
    STRANGER,
    assembled,
    claims,
    jwk,
    signed,
    signed_with_public_key,
    token,
    with_payload,
)

_HEADER = {"alg": "ES256", "typ": "at+jwt", "kid": EC_KEY}
_HOUR = 3600


@cache
def bad_tokens() -> dict[str, tuple[str, str]]:
    """By name: the token and `why`."""
    return {**_other_algorithms(), **_other_keys(), **_other_claims(), **_damaged(), **_other_headers()}


def _other_algorithms() -> dict[str, tuple[str, str]]:
    return {
        "alg none": (assembled(_HEADER | {"alg": "none"}, claims(), b""), "algorithm"),
        "alg NonE": (assembled(_HEADER | {"alg": "NonE"}, claims(), b""), "algorithm"),
        "HS256 with the RSA public key": (signed_with_public_key(RSA_KEY), "algorithm"),
        "HS256 with the EC public key": (signed_with_public_key(EC_KEY), "algorithm"),
        "PS256, which is not allowed": (assembled(_HEADER | {"alg": "PS256"}, claims(), b"x" * 256), "algorithm"),
        "no alg": (assembled({"typ": "at+jwt", "kid": EC_KEY}, claims(), b"x" * 64), "malformed"),
    }


def _other_keys() -> dict[str, tuple[str, str]]:
    as_ec = token(ED_KEY, headers={"kid": EC_KEY})
    return {
        "unknown key": (token(STRANGER), "unknown_key"),
        "a stranger's signature under a known kid": (token(STRANGER, headers={"kid": ED_KEY}), "signature"),
        "EdDSA under the kid of an EC key": (as_ec, "key_type"),
        "RS256 under the kid of an EC key": (token(RSA_KEY, headers={"kid": EC_KEY}), "key_type"),
        "no kid": (assembled({"alg": "ES256", "typ": "at+jwt"}, claims(), b"x" * 64), "malformed"),
        "empty kid": (token(EC_KEY, headers={"kid": ""}), "malformed"),
        "kid that is no text": (assembled(_HEADER | {"kid": 7}, claims(), b"x" * 64), "malformed"),
        "kid that names a file": (token(EC_KEY, headers={"kid": "../../../dev/null"}), "unknown_key"),
    }


def _other_claims() -> dict[str, tuple[str, str]]:
    now = int(time.time())
    return {
        "wrong audience": (token(aud="billing"), "audience"),
        "audiences without ours": (token(aud=["billing", "rxvision-test"]), "audience"),
        "empty audience": (token(aud=[]), "missing_claim"),
        "no audience": (token(aud=None), "missing_claim"),
        "wrong issuer": (token(iss="https://login.example.org"), "issuer"),
        "issuer with a slash more": (token(iss="https://login.example/"), "issuer"),
        "no issuer": (token(iss=None), "missing_claim"),
        "expired": (token(exp=now - _HOUR), "expired"),
        "no expiry": (token(exp=None), "missing_claim"),
        "expiry that is no number": (token(exp="never"), "malformed"),
        "endless expiry": (token(exp=float("inf")), "malformed"),
        "not yet valid": (token(nbf=now + _HOUR), "not_yet_valid"),
        "issued in the future": (token(iat=now + _HOUR, nbf=None), "not_yet_valid"),
        "no time of issue": (token(iat=None), "missing_claim"),
        "no subject": (token(sub=None), "missing_claim"),
        "empty subject": (token(sub=""), "claims"),
        "subject that is no text": (token(sub=7), "malformed"),
        "roles that are no list": (token(roles={"admin": True}), "claims"),
        "endless subject": (token(sub="a" * 300), "claims"),
    }


def _damaged() -> dict[str, tuple[str, str]]:
    good = token()
    header, payload, signature = good.split(".")
    flipped = signature[:-8] + ("A" if signature[-8] != "A" else "B") + signature[-7:]
    return {
        "empty": ("", "malformed"),
        "not a JWT": ("correct-horse-battery-staple", "malformed"),
        "two dots and nothing": ("..", "malformed"),
        "truncated": (good[:-22], "signature"),
        "without signature": (f"{header}.{payload}.", "signature"),
        "only header and payload": (f"{header}.{payload}", "malformed"),
        "changed payload": (with_payload(good, roles=["admin"]), "signature"),
        "changed signature": (f"{header}.{payload}.{flipped}", "signature"),
        "signature of another token": (f"{header}.{payload}.{token(sub='bob').split('.')[2]}", "signature"),
        "five parts, as an encrypted one has": (f"{good}.e30.e30", "malformed"),
        "huge": (token(note="x" * 9000), "too_long"),
        "header nested a thousand deep": (_nested(), "malformed"),
        "payload that is no object": (_with_list(), "malformed"),
    }


def _nested() -> str:
    return assembled(_HEADER, claims(), b"x" * 64).replace(
        assembled(_HEADER, {}, b"").split(".")[0], assembled_text(b'{"a":' + b"[" * 3000)
    )


def _with_list() -> str:
    return signed(b"[1, 2]", EC_KEY, headers={"kid": EC_KEY, "typ": "at+jwt"})


def assembled_text(data: bytes) -> str:
    """Bytes as a part of a token."""
    return assembled({}, data, b"").split(".")[1]


def _other_headers() -> dict[str, tuple[str, str]]:
    own = jwk(STRANGER)
    return {
        "critical header that is unknown": (
            assembled(_HEADER | {"crit": ["exp"], "exp": 1}, claims(), b"x" * 64),
            "malformed",
        ),
        "critical header that PyJWT knows": (
            assembled(_HEADER | {"crit": ["b64"], "b64": True}, claims(), b"x" * 64),
            "header",
        ),
        "its own key in the header": (token(STRANGER, headers={"jwk": own}), "header"),
        "its own key under a known kid": (token(STRANGER, headers={"jwk": own, "kid": ED_KEY}), "header"),
        "keys at an address of its own": (token(STRANGER, headers={"jku": "http://127.0.0.1:9/keys"}), "header"),
        "certificate at an address": (token(EC_KEY, headers={"x5u": "http://127.0.0.1:9/"}), "header"),
        "certificate of its own": (token(STRANGER, headers={"x5c": ["MIIB"]}), "header"),
        "an identity token": (token(EC_KEY, headers={"typ": "JWT"}), "type"),
        "no type": (assembled({"alg": "ES256", "kid": EC_KEY}, claims(), b"x" * 64), "type"),
        "a logout token": (token(EC_KEY, headers={"typ": "logout+jwt"}), "type"),
    }
