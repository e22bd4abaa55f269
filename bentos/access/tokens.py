"""Verifies access tokens: JWTs (RFC 7519) of one issuer for one audience, as RFC 8725 and RFC 9068 ask for.

PyJWT and cryptography do the cryptography. What stands here is what a verifier has to be told: which algorithms, whose
keys, what must be in the header and what must not, which claims there must be.
"""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Annotated, Any, Final

import jwt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bentos.access.caller import Caller, pseudonym
from bentos.access.faults import AccessFault, bad_token
from bentos.access.jwks import ALGORITHMS, KeyCache
from bentos.access.table import scopes_of

MAX_TOKEN: Final = 8192
_MAX_NAME: Final = 255
_REQUIRED: Final = ("iss", "sub", "aud", "exp", "iat")
# Keys, or places of keys, that the token itself brings along, and extensions that change how it is read.
_FORBIDDEN: Final = frozenset({"jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc"})
_WHY: Final = MappingProxyType(
    {
        jwt.ExpiredSignatureError: ("expired", "The token has expired."),
        jwt.ImmatureSignatureError: ("not_yet_valid", "The token is not valid yet."),
        jwt.InvalidAudienceError: ("audience", "The token is for another service."),
        jwt.InvalidIssuerError: ("issuer", "The token is of another issuer."),
        jwt.MissingRequiredClaimError: ("missing_claim", "The token lacks a claim that is required."),
        jwt.InvalidSignatureError: ("signature", "The token's signature does not hold."),
    }
)
_LATE_OR_EARLY: Final = (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError)
_Name = Annotated[str, Field(min_length=1, max_length=_MAX_NAME)]
_Names = Annotated[tuple[Annotated[str, Field(max_length=_MAX_NAME)], ...], Field(max_length=200)]


class _Header(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    alg: str
    kid: _Name
    typ: str = ""


class _Claims(BaseModel):
    """What is read of a token whose signature, issuer, audience and times hold."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    iss: _Name
    sub: _Name
    exp: Annotated[float, Field(allow_inf_nan=False)]
    scope: str = ""
    scp: str | _Names = ()
    acr: str | None = None
    amr: _Names = ()
    auth_time: Annotated[float | None, Field(allow_inf_nan=False)] = None


class TokenVerifier:
    """Turns a token into a caller, or refuses it."""

    def __init__(
        self,
        keys: KeyCache,
        *,
        issuer: str,
        audience: str,
        types: Sequence[str],
        roles_claim: str,
        leeway_s: float,
        pseudonym_key: bytes,
    ) -> None:
        """`types` are accepted as `typ`; `roles_claim` is where the roles stand, `a.b` for a member of an object."""
        self._keys = keys
        self._issuer, self._audience = issuer, audience
        self._types = frozenset(name.lower() for name in types)
        self._roles_claim = roles_claim
        self._leeway_s = leeway_s
        self._pseudonym_key = pseudonym_key

    async def verify(self, token: str) -> Caller:
        """The caller whom the token names.

        Raises:
            AccessFault: invalid_token.
            ServiceFault: keys_unavailable.
        """
        header = self._header(token)
        keys = await self._keys.find(header.kid)
        if not keys:
            raise bad_token("unknown_key", "The token is signed with a key that is not known.")
        if header.alg not in keys:
            raise bad_token("key_type", "The token's key is of another type than its algorithm.")
        try:
            payload = self._decoded(token, keys[header.alg])
        except jwt.PyJWTError as error:
            why, sentence = _WHY.get(type(error), ("malformed", "The token cannot be read."))
            raise bad_token(why, sentence, actor=self._known(token, keys[header.alg], error)) from error
        return self._caller(payload)

    def _header(self, token: str) -> _Header:
        """The header, of which nothing is believed but what decides how to verify."""
        if not token or not token.isascii():
            raise bad_token("malformed", "The token cannot be read.")
        if len(token) > MAX_TOKEN:
            raise bad_token("too_long", f"The token is longer than {MAX_TOKEN} characters.")
        try:
            header = _Header(**jwt.get_unverified_header(token))
        except (jwt.PyJWTError, ValidationError, TypeError) as error:
            raise bad_token("malformed", "The token's header cannot be used.") from error
        if _FORBIDDEN & (header.model_extra or {}).keys():
            raise bad_token("header", "The token's header has a parameter that is not taken.")
        if header.alg not in ALGORITHMS:
            raise bad_token("algorithm", f"The token is not signed with {', '.join(sorted(ALGORITHMS))}.")
        if header.typ.lower().removeprefix("application/") not in self._types:
            raise bad_token("type", "This is no access token.")
        return header

    def _decoded(self, token: str, key: jwt.PyJWK, **options: bool) -> dict[str, Any]:
        return jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            issuer=self._issuer,
            audience=self._audience,
            leeway=self._leeway_s,
            options={"require": list(_REQUIRED), **options},  # type: ignore[typeddict-item]
        )

    def _known(self, token: str, key: jwt.PyJWK, error: jwt.PyJWTError) -> str | None:
        """Who it was, where nothing but the time is wrong."""
        if not isinstance(error, _LATE_OR_EARLY):
            return None
        try:
            payload = self._decoded(token, key, verify_exp=False, verify_nbf=False, verify_iat=False)
            return self._caller(payload).actor
        except (jwt.PyJWTError, AccessFault):
            return None

    def _caller(self, payload: dict[str, Any]) -> Caller:
        try:
            claims = _Claims(**payload)
            roles = _Roles(roles=_at(payload, self._roles_claim)).roles
        except ValidationError as error:
            raise bad_token("claims", "A claim of the token is not of the form that it should be.") from error
        also = claims.scp.split() if isinstance(claims.scp, str) else claims.scp
        return Caller(
            actor=pseudonym(claims.iss, claims.sub, key=self._pseudonym_key),
            scopes=scopes_of(roles, scopes=(*claims.scope.split(), *also)),
            expires_at=claims.exp + self._leeway_s,
            acr=claims.acr,
            amr=claims.amr,
            auth_time=claims.auth_time,
        )


class _Roles(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    roles: _Names = ()


def _at(payload: dict[str, Any], claim: str) -> Any:
    """A claim, or a member of one that is an object; nothing where there is none."""
    found: Any = payload
    for name in claim.split("."):
        found = found.get(name, ()) if isinstance(found, dict) else ()
    return found
