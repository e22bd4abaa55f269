"""Who asks: the credentials that came with a request, and the caller that they proved."""

import hashlib
import hmac
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from bentos.access.faults import two_credentials
from bentos.access.table import Scope

ANONYMOUS: Final = "anonymous"
KEY_PREFIX: Final = "rxk_"
_SCHEME: Final = "bearer"


@dataclass(frozen=True)
class Caller:
    """A caller who was let in. `actor` is how the journal names him: stable, and nothing can be told from it.

    Times are in seconds since 1970. `acr`, `amr` and `auth_time` are how and when a person was authenticated (OpenID
    Connect Core, section 2).
    """

    actor: str
    scopes: frozenset[Scope]
    expires_at: float = math.inf
    acr: str | None = None
    amr: tuple[str, ...] = ()
    auth_time: float | None = None


OPEN: Final = Caller(ANONYMOUS, frozenset(Scope))
NOBODY: Final = Caller(ANONYMOUS, frozenset())


@dataclass(frozen=True)
class Shown:
    """What came with a request; neither appears in its repr, so that no log can hold it."""

    token: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)


def shown(authorization: Sequence[str], api_keys: Sequence[str]) -> Shown:
    """The credentials among the values of `Authorization` and `X-API-Key`; a key may come as a bearer token too.

    Raises:
        AccessFault: two_credentials.
    """
    bearers = [parts[1].strip() for value in authorization if (parts := _parted(value))[0] == _SCHEME]
    if len(authorization) > 1 or len(bearers) + len(api_keys) > 1:
        raise two_credentials()
    keys = [*api_keys, *(bearer for bearer in bearers if bearer.startswith(KEY_PREFIX))]
    if keys:
        return Shown(api_key=keys[0])
    return Shown(token=bearers[0] if bearers else None)


def pseudonym(issuer: str, subject: str, *, key: bytes) -> str:
    """The actor of a token: an HMAC of issuer and subject, the same for the same person as long as the key is."""
    text = f"{len(issuer)}:{issuer}{subject}".encode()
    return "token:" + hmac.new(key, b"actor\0" + text, hashlib.sha256).hexdigest()[:32]


def _parted(value: str) -> tuple[str, str]:
    scheme, _, rest = value.partition(" ")
    return scheme.lower(), rest
