"""Tokens and keys as an identity provider and an attacker make them, signed by PyJWT or by hand."""

import base64
import hashlib
import hmac
import json
import time
import uuid
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ISSUER = "https://login.example"
AUDIENCE = "rxvision"
RSA_KEY, EC_KEY, ED_KEY, STRANGER = "rsa-1", "ec-1", "ed-1", "stranger"
ALGORITHMS = {RSA_KEY: "RS256", EC_KEY: "ES256", ED_KEY: "EdDSA", STRANGER: "EdDSA"}


@cache
def private_key(key_id: str) -> Any:
    """A key of this test run."""
    if key_id == RSA_KEY:
        return rsa.generate_private_key(65537, 2048)
    return ec.generate_private_key(ec.SECP256R1()) if key_id == EC_KEY else ed25519.Ed25519PrivateKey.generate()


def jwk(key_id: str, **members: Any) -> dict[str, Any]:
    """The public half as a member of a key set."""
    kind = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm}.get(ALGORITHMS.get(key_id, "EdDSA"), OKPAlgorithm)
    return {**kind.to_jwk(private_key(key_id).public_key(), as_dict=True), "kid": key_id, "use": "sig", **members}


def key_set(*key_ids: str) -> bytes:
    """A JSON Web Key Set."""
    return json.dumps({"keys": [jwk(key_id) for key_id in key_ids]}).encode()


def claims(**overrides: Any) -> dict[str, Any]:
    """What a good token of a clinician says; None leaves a claim out."""
    now = int(time.time())
    good = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "ann",
        "client_id": "ward-7",
        "jti": str(uuid.uuid4()),
        "iat": now,
        "nbf": now,
        "exp": now + 600,
        "roles": ["clinician"],
    }
    return {name: value for name, value in (good | overrides).items() if value is not None}


def token(key_id: str = EC_KEY, *, headers: dict[str, Any] | None = None, **overrides: Any) -> str:
    """A token signed by a key of the issuer, with claims and header parameters changed as wanted."""
    head = {"kid": key_id, "typ": "at+jwt"} | (headers or {})
    return signed(json.dumps(claims(**overrides)).encode(), key_id, headers=head)


def signed(payload: bytes, key_id: str, *, headers: dict[str, Any]) -> str:
    """Any bytes, signed as a token is."""
    return jwt.PyJWS().encode(payload, private_key(key_id), ALGORITHMS.get(key_id, "EdDSA"), headers=headers)


def assembled(header: dict[str, Any], payload: Any, signature: bytes) -> str:
    """A token put together by hand, whatever it says."""
    parts = [json.dumps(header).encode(), payload if isinstance(payload, bytes) else json.dumps(payload).encode()]
    return ".".join(_encoded(part) for part in (*parts, signature))


def signed_with_public_key(key_id: str) -> str:
    """HS256 with the public key as the secret: what fools a verifier that believes the header (RFC 8725, 2.1)."""
    pem = private_key(key_id).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = {"alg": "HS256", "typ": "at+jwt", "kid": key_id}
    text = ".".join(_encoded(json.dumps(part).encode()) for part in (header, claims()))
    return f"{text}.{_encoded(hmac.digest(pem, text.encode(), hashlib.sha256))}"


def with_payload(good: str, **changes: Any) -> str:
    """A good token whose payload was changed after it was signed."""
    header, payload, signature = good.split(".")
    changed = json.loads(_decoded(payload)) | changes
    return f"{header}.{_encoded(json.dumps(changed).encode())}.{signature}"


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
