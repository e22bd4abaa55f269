"""API keys for machines: random, shown once, kept as hashes with their scopes and an end.

`access/api_keys.json` below the home holds them; a service looks whether the file changed, so that a key is revoked at
once. SHA-256 is enough, since the secret has 256 random bits and cannot be guessed from a list of likely ones.
"""

import fcntl
import hashlib
import hmac
import os
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bentos.access.caller import KEY_PREFIX, Caller
from bentos.access.faults import bad_key
from bentos.access.table import Scope
from bentos.faults import ServiceFault

ACCESS_DIR: Final = "access"
KEYS_FILE: Final = "api_keys.json"
_MAX_KEY: Final = 200


class ApiKey(BaseModel):
    """A key as it is kept: never the secret, only its SHA-256."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key_id: str
    name: Annotated[str, Field(min_length=1, max_length=100)]
    secret_hash: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None

    @property
    def actor(self) -> str:
        """How the journal names who uses it."""
        return f"key:{self.key_id}"


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    keys: tuple[ApiKey, ...] = ()


class ApiKeys:
    """The keys of one home; safe from several threads and processes."""

    def __init__(self, home: Path, *, now: Callable[[], datetime]) -> None:
        """Nothing is read or made yet."""
        self._path = home / ACCESS_DIR / KEYS_FILE
        self._now = now
        self._lock = threading.Lock()
        self._read: tuple[tuple[int, int, int] | None, dict[str, ApiKey]] = (None, {})

    def verify(self, shown: str) -> Caller:
        """The caller whose key it is.

        Raises:
            AccessFault: invalid_key.
            ServiceFault: access_misconfigured, the file cannot be read.
        """
        key_id, _, secret = shown.removeprefix(KEY_PREFIX).partition("_")
        known = self._known().get(key_id) if len(shown) <= _MAX_KEY and shown.startswith(KEY_PREFIX) else None
        held = known.secret_hash if known else ""
        if not hmac.compare_digest(_hashed(secret[:_MAX_KEY]), held) or known is None:
            raise bad_key("unknown_api_key")
        if known.revoked_at is not None:
            raise bad_key("revoked", actor=known.actor)
        if known.expires_at <= self._now():
            raise bad_key("expired", actor=known.actor)
        return Caller(known.actor, frozenset(known.scopes), expires_at=known.expires_at.timestamp())

    def add(self, name: str, *, scopes: tuple[Scope, ...], days: float) -> tuple[ApiKey, str]:
        """A new key, and the text of it, which is kept nowhere."""
        now, secret = self._now().astimezone(UTC), secrets.token_urlsafe(32)
        with self._changing() as keys:
            key = ApiKey(
                key_id=secrets.token_hex(6),
                name=name,
                secret_hash=_hashed(secret),
                scopes=tuple(sorted(scopes)),
                created_at=now,
                expires_at=now + timedelta(days=days),
            )
            keys[key.key_id] = key
        return key, f"{KEY_PREFIX}{key.key_id}_{secret}"

    def revoke(self, key_id: str) -> ApiKey:
        """End a key now.

        Raises:
            ServiceFault: unknown_key.
        """
        with self._changing() as keys:
            if key_id not in keys:
                raise ServiceFault("unknown_key", f"There is no key {key_id}.")
            if keys[key_id].revoked_at is None:
                keys[key_id] = keys[key_id].model_copy(update={"revoked_at": self._now().astimezone(UTC)})
        return keys[key_id]

    def all(self) -> list[ApiKey]:
        """Every key that was made, in that order."""
        return list(self._known().values())

    def _known(self) -> dict[str, ApiKey]:
        """By id; read again where the file is another one than it was."""
        stamp = _stamp(self._path)
        with self._lock:
            if self._read[0] != stamp:
                self._read = (stamp, _load(self._path))
            return self._read[1]

    @contextmanager
    def _changing(self) -> Iterator[dict[str, ApiKey]]:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._path.with_suffix(".lock").open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            keys = _load(self._path)
            yield keys
            draft = self._path.with_suffix(".new")
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(_File(keys=tuple(keys.values())).model_dump_json(indent=1) + "\n")
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)


def _load(path: Path) -> dict[str, ApiKey]:
    try:
        held = _File.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError) as error:
        raise ServiceFault("access_misconfigured", f"The API keys in {path} cannot be read.") from error
    return {key.key_id: key for key in held.keys}


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
