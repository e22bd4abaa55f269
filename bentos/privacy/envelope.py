"""AES-256-GCM with associated data (NIST SP 800-38D): a ciphertext belongs to one owner and one purpose."""

import secrets
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bentos.runtime.contract import canonical_json
from bentos.runtime.errors import ContractError

KEY_BYTES: Final = 32
_FORM: Final = b"\x01"
_NONCE_BYTES: Final = 12


def seal(plain: bytes, *, key: bytes, about: Mapping[str, object]) -> bytes:
    """Encrypt under a key of 32 bytes; `about` is not encrypted, and without the same one nothing is decrypted."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return _FORM + nonce + AESGCM(key).encrypt(nonce, plain, canonical_json(dict(about)))


def unseal(sealed: bytes, *, key: bytes, about: Mapping[str, object]) -> bytes:
    """What was sealed.

    Raises:
        ContractError: another key, another owner or purpose, or one bit of it was changed.
    """
    nonce, rest = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    try:
        if sealed[:1] != _FORM:
            raise InvalidTag
        return AESGCM(key).decrypt(nonce, rest, canonical_json(dict(about)))
    except (InvalidTag, ValueError) as error:
        raise ContractError("what was sealed does not open: another key or purpose, or it was changed") from error


def derived(key: bytes, *, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose, from which `key` cannot be found (HKDF, RFC 5869)."""
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=f"rxvision/{purpose}".encode()).derive(key)
