"""Key-encryption keys by version: what data keys are wrapped with. Files here; a key service fits behind it too."""

import os
from pathlib import Path
from typing import Final, Protocol

from bentos.privacy.envelope import KEY_BYTES, seal, unseal
from bentos.runtime.errors import ContractError
from bentos.signing import secret

KEKS_DIR: Final = "kek"
_OTHERS: Final = 0o077


class KeyEncryption(Protocol):
    """Wraps data keys by versions of a key that may never leave its service (KMS, HSM)."""

    def newest(self) -> int:
        """The version to wrap with; the first is made where there is none."""

    def wrap(self, key: bytes, *, version: int, owner: str) -> bytes:
        """Encrypt a data key; it unwraps for the same owner and version only."""

    def unwrap(self, wrapped: bytes, *, version: int, owner: str) -> bytes:
        """The data key; raises `ContractError` where the version is gone or something was changed."""

    def add(self) -> int:
        """Make a new version and return it."""

    def retire(self, *, before: int) -> None:
        """Destroy all versions before this one: what only they wrapped cannot be read any more, in backups too."""


class KeyFiles:
    """Versions as files of 32 random bytes that nobody but the service's user may read: `kek/1.key`, `kek/2.key`."""

    def __init__(self, keys_dir: Path) -> None:
        """Nothing is read or made before it is needed."""
        self._directory = keys_dir / KEKS_DIR

    def newest(self) -> int:
        """The highest version."""
        return max(self._versions(), default=0) or self.add()

    def wrap(self, key: bytes, *, version: int, owner: str) -> bytes:
        """Encrypt a data key."""
        return seal(key, key=self._key(version), about=_about(version, owner))

    def unwrap(self, wrapped: bytes, *, version: int, owner: str) -> bytes:
        """The data key; raises `ContractError`."""
        return unseal(wrapped, key=self._key(version), about=_about(version, owner))

    def add(self) -> int:
        """Make the next version."""
        version = max(self._versions(), default=0) + 1
        secret(self._directory, name=_name(version))
        return version

    def retire(self, *, before: int) -> None:
        """Overwrite and delete the files of older versions."""
        for version in self._versions():
            if version < before:
                path = self._directory / _name(version)
                with path.open("r+b") as file:
                    file.write(bytes(KEY_BYTES))
                    file.flush()
                    os.fsync(file.fileno())
                path.unlink()

    def _versions(self) -> list[int]:
        return [int(path.stem) for path in self._directory.glob("*.key") if path.stem.isdecimal()]

    def _key(self, version: int) -> bytes:
        path = self._directory / _name(version)
        try:
            mode, key = path.stat().st_mode, path.read_bytes()
        except FileNotFoundError as error:
            raise ContractError(f"version {version} of the key-encryption key is not there: {path}") from error
        if mode & _OTHERS:
            raise ContractError(f"{path} may be read by others: chmod 600 it, and rotate the keys")
        if len(key) != KEY_BYTES:
            raise ContractError(f"{path} is no key of {KEY_BYTES} bytes")
        return key


def _name(version: int) -> str:
    return f"{version}.key"


def _about(version: int, owner: str) -> dict[str, object]:
    return {"what": "data key", "version": version, "owner": owner}
