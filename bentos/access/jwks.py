"""The issuer's public keys (JSON Web Key Set, RFC 7517): fetched, kept for a while, fetched anew when a key is unknown.

Only keys that can verify RS256, ES256 or EdDSA are taken. A key that the issuer withdraws is gone after `ttl_s`; where
the issuer cannot be reached, the keys in hand are good for `max_age_s`. Whoever makes up key ids causes one fetch per
`cooldown_s`, and no request waits for a fetch whose key is in hand.
"""

import asyncio
import json
import logging
import math
import time
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import jwt

from bentos.access.network import is_loopback
from bentos.faults import ServiceFault

_log = logging.getLogger(__name__)
MAX_BYTES: Final = 2**18
_MIN_RSA_BITS: Final = 2048
_TIMEOUT_S: Final = 3.0
_SECRET_MEMBERS: Final = frozenset({"d", "k", "p", "q", "dp", "dq", "qi"})
# Which algorithm a key is for is said by the key, never by the token (RFC 8725, section 3.1).
_ALGORITHM: Final = MappingProxyType({("RSA", None): "RS256", ("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "EdDSA"})
ALGORITHMS: Final = frozenset(_ALGORITHM.values())
Keys = dict[str, dict[str, jwt.PyJWK]]


class KeySetUnreadable(Exception):
    """What should be a key set is none, or cannot be fetched."""


class KeyCache:
    """Keys by id and algorithm; used from one event loop."""

    def __init__(
        self,
        fetch: Callable[[], bytes],
        *,
        ttl_s: float,
        max_age_s: float,
        cooldown_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is fetched before the first key is asked for; `fetch` blocks, and runs in a thread."""
        self._fetch = fetch
        self._ttl_s, self._max_age_s, self._cooldown_s = ttl_s, max_age_s, cooldown_s
        self._clock = clock
        self._lock = asyncio.Lock()
        self._keys: Keys = {}
        self._fetched_at = -math.inf
        self._tried_at = -math.inf

    async def find(self, key_id: str) -> dict[str, jwt.PyJWK]:
        """The keys of an id by algorithm; empty where there is none.

        Raises:
            ServiceFault: keys_unavailable, there is no key set that is young enough.
        """
        if (key_id not in self._keys) if self._lock.locked() else self._due(key_id):
            async with self._lock:
                if self._due(key_id):
                    await self._refresh()
        if self._clock() - self._fetched_at >= self._max_age_s:
            sentence = "The keys of the token's issuer cannot be fetched; try again."
            raise ServiceFault("keys_unavailable", sentence, retry_after_s=self._cooldown_s)
        return self._keys.get(key_id, {})

    def _due(self, key_id: str) -> bool:
        now = self._clock()
        wanted = key_id not in self._keys or now - self._fetched_at >= self._ttl_s
        return wanted and now - self._tried_at >= self._cooldown_s

    async def _refresh(self) -> None:
        self._tried_at = self._clock()
        try:
            self._keys = read_keys(await asyncio.to_thread(self._fetch))
        except KeySetUnreadable as error:
            _log.error("the key set cannot be read: %s", error)
            return
        self._fetched_at = self._clock()


def read_keys(data: bytes) -> Keys:
    """The usable keys of a key set; others, and those that tell a secret, are left out.

    Raises:
        KeySetUnreadable: not a key set.
    """
    try:
        members = json.loads(data)["keys"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise KeySetUnreadable("it is no JSON object with `keys`") from error
    if not isinstance(members, list):
        raise KeySetUnreadable("its `keys` are no array")
    found: Keys = {}
    for member in members:
        if (key := _usable(member)) is not None:
            found.setdefault(str(key.key_id), {})[key.algorithm_name] = key
    return found


def _usable(member: Any) -> jwt.PyJWK | None:
    if not isinstance(member, dict) or not isinstance(member.get("kid"), str) or _SECRET_MEMBERS & member.keys():
        return None
    algorithm = _ALGORITHM.get((member.get("kty"), member.get("crv")))
    if algorithm is None or member.get("alg", algorithm) != algorithm or member.get("use", "sig") != "sig":
        return None
    try:
        key = jwt.PyJWK(member, algorithm)
    except jwt.PyJWTError:
        return None
    return None if algorithm == "RS256" and key.key.key_size < _MIN_RSA_BITS else key


def source_of(place: str, *, allow_http: bool = False) -> Callable[[], bytes]:
    """What fetches the key set from a path, a `file:` URL, or an HTTPS URL; HTTP only on the loopback, unless allowed.

    Raises:
        ServiceFault: access_misconfigured.
    """
    parts = urlsplit(place)
    if parts.scheme in ("", "file"):
        path = Path(parts.path)
        return lambda: _read(path)
    if parts.scheme == "https" or (parts.scheme == "http" and (allow_http or is_loopback(parts.hostname or ""))):
        return lambda: _fetched(place)
    raise ServiceFault("access_misconfigured", f"Keys are fetched from a file or over HTTPS, not from {place}.")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise KeySetUnreadable(f"{path}: {error.strerror}") from error


def _fetched(url: str) -> bytes:
    """The body, of bounded size and time; a redirect is not followed."""
    data, end = bytearray(), time.monotonic() + _TIMEOUT_S
    try:
        with httpx.stream("GET", url, timeout=_TIMEOUT_S, headers={"Accept": "application/json"}) as response:
            if response.status_code != httpx.codes.OK:
                raise KeySetUnreadable(f"{url} answered {response.status_code}")
            for chunk in response.iter_bytes():
                data += chunk
                if len(data) > MAX_BYTES or time.monotonic() > end:
                    raise KeySetUnreadable(f"{url} sent too much, or too slowly")
    except httpx.HTTPError as error:
        raise KeySetUnreadable(f"{url}: {error}") from error
    return bytes(data)
