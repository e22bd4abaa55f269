"""Ed25519 signatures over canonical JSON, and the key files they need."""

import base64
import binascii
import hashlib
import os
import secrets
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from pydantic import BaseModel, ConfigDict, ValidationError

from bentos.runtime.contract import canonical_json
from bentos.runtime.errors import ContractError

PRIVATE_KEY_FILE = "signing.key"
PUBLIC_KEY_FILE = "signing.pub"


class Signed(BaseModel):
    """An envelope: the payload, what it is for, and an Ed25519 signature over both (RFC 8032)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    purpose: str
    payload: dict[str, Any]
    key_id: str
    signature: str


def sign(payload: dict[str, Any], *, key: Ed25519PrivateKey, purpose: str) -> Signed:
    """Sign a JSON object for one purpose ("release", "verdict"); it is worth nothing for another."""
    signature = key.sign(_message(payload, purpose))
    return Signed(
        purpose=purpose,
        payload=payload,
        key_id=key_id(key.public_key()),
        signature=base64.b64encode(signature).decode(),
    )


def verify(signed: Signed, *, key: Ed25519PublicKey, purpose: str) -> dict[str, Any]:
    """Return the payload if `key` signed exactly it for this purpose.

    Raises:
        ContractError: another purpose, another key, or one character of payload or signature changed.
    """
    if signed.purpose != purpose:
        raise ContractError(f"signed as a {signed.purpose!r}, not as a {purpose!r}")
    try:
        key.verify(base64.b64decode(signed.signature, validate=True), _message(signed.payload, purpose))
    except (InvalidSignature, binascii.Error) as error:
        raise ContractError(f"the signature of this {purpose} does not hold under key {key_id(key)}") from error
    return signed.payload


def parse_signed(data: bytes, *, origin: str) -> Signed:
    """Read an envelope; `origin` names the file in the error.

    Raises:
        ContractError: not JSON, or not an envelope: unsigned.
    """
    try:
        return Signed.model_validate_json(data)
    except ValidationError as error:
        raise ContractError(f"{origin} is not a signed envelope: {error.error_count()} faults in its form") from error


def signing_key(keys_dir: Path, *, private: str = PRIVATE_KEY_FILE, public: str = PUBLIC_KEY_FILE) -> Ed25519PrivateKey:
    """The private key under `keys_dir`, mode 0600, made on first use with its public half beside it."""
    fresh = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    key = load_pem_private_key(_create_once(keys_dir / private, fresh), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ContractError(f"{keys_dir / private} holds no Ed25519 key")
    _create_once(keys_dir / public, public_pem(key.public_key()), mode=0o644)
    return key


def read_public_key(path: Path) -> Ed25519PublicKey:
    """The public key of a PEM file.

    Raises:
        ContractError: the file is missing or holds another kind of key.
    """
    try:
        key = load_pem_public_key(path.read_bytes())
    except (FileNotFoundError, ValueError) as error:
        raise ContractError(f"no public key in {path}: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ContractError(f"{path} holds no Ed25519 key")
    return key


def public_pem(key: Ed25519PublicKey) -> bytes:
    """The key as a PEM file's bytes."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def key_id(key: Ed25519PublicKey) -> str:
    """Short name of a key: the first 16 hex digits of the SHA-256 of its raw bytes."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def secret(keys_dir: Path, *, name: str) -> bytes:
    """A random 32-byte secret under `keys_dir`, mode 0600, made on first use."""
    return _create_once(keys_dir / name, secrets.token_bytes(32))


def _message(payload: dict[str, Any], purpose: str) -> bytes:
    return canonical_json({"payload": payload, "purpose": f"rxvision/{purpose}"})


def _create_once(path: Path, fresh: bytes, *, mode: int = 0o600) -> bytes:
    """Bytes of `path`, written with `fresh` if it is not there; of several processes one wins, whole."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "wb") as file:
            file.write(fresh)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_bytes()
