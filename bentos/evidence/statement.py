"""Signed statements about files: in-toto Statements v1 in DSSE envelopes v1.0, signed with Ed25519.

Sources: https://github.com/in-toto/attestation (spec/v1), https://github.com/secure-systems-lab/dsse (protocol.md).
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bentos.runtime.contract import canonical_json, file_sha256
from bentos.runtime.errors import ContractError
from bentos.signing import key_id

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Subject(_Record):
    """A file by its name and the SHA-256 of its bytes, in hex."""

    name: str
    digest: dict[Literal["sha256"], str]


class Statement(_Record):
    """What is said (`predicate`, of the kind `predicate_type`) about which files."""

    kind: Literal["https://in-toto.io/Statement/v1"] = Field("https://in-toto.io/Statement/v1", alias="_type")
    subject: tuple[Subject, ...]
    predicate_type: str = Field(alias="predicateType")
    predicate: dict[str, Any]

    def digests(self) -> dict[str, str]:
        """Name of each subject to its SHA-256."""
        return {one.name: one.digest["sha256"] for one in self.subject}


class Signature(_Record):
    """One signature over the envelope's pre-authentication encoding, base64."""

    keyid: str
    sig: str


class Dsse(_Record):
    """A DSSE envelope: the statement's bytes in base64, and who signed them."""

    payload: str
    payload_type: Literal["application/vnd.in-toto+json"] = Field(PAYLOAD_TYPE, alias="payloadType")
    signatures: tuple[Signature, ...]


def about_files(files: Mapping[str, Path | bytes], *, predicate_type: str, predicate: dict[str, Any]) -> Statement:
    """A statement about files, each under its name; contents are paths or bytes."""
    subject = [Subject(name=name, digest={"sha256": _sha256(what)}) for name, what in sorted(files.items())]
    return Statement(subject=tuple(subject), predicate_type=predicate_type, predicate=predicate)


def sign_statement(statement: Statement, *, key: Ed25519PrivateKey) -> bytes:
    """The statement in its envelope, as a file's bytes."""
    body = canonical_json(statement.model_dump(mode="json", by_alias=True))
    signature = Signature(keyid=key_id(key.public_key()), sig=base64.b64encode(key.sign(pae(body))).decode())
    envelope = Dsse(payload=base64.b64encode(body).decode(), signatures=(signature,))
    return envelope.model_dump_json(by_alias=True, indent=1).encode() + b"\n"


def open_statement(data: bytes, *, key: Ed25519PublicKey, origin: str) -> Statement:
    """The statement of an envelope that `key` signed; `origin` names the file in errors.

    Raises:
        ContractError: no envelope, no signature of this key that holds, or no statement inside.
    """
    try:
        envelope = Dsse.model_validate_json(data)
        body = base64.b64decode(envelope.payload, validate=True)
    except (ValidationError, binascii.Error) as error:
        raise ContractError(f"{origin} is no DSSE envelope") from error
    if not any(_holds(signature, body, key=key) for signature in envelope.signatures):
        raise ContractError(f"{origin} has no signature that holds under key {key_id(key)}")
    try:
        return Statement.model_validate_json(body)
    except ValidationError as error:
        raise ContractError(f"{origin} is signed but holds no in-toto statement") from error


def differing(statement: Statement, files: Mapping[str, Path | bytes]) -> list[str]:
    """What differs between a statement's subjects and the files found under their names, a sentence each."""
    found = []
    for name, sha256 in statement.digests().items():
        if name not in files:
            found.append(f"{name} is missing")
        elif (now := _sha256(files[name])) != sha256:
            found.append(f"{name} differs: {now[:12]} instead of {sha256[:12]}")
    return found


def pae(body: bytes) -> bytes:
    """DSSE's pre-authentication encoding: what is signed."""
    return b"DSSEv1 %d %b %d %b" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(body), body)


def _holds(signature: Signature, body: bytes, *, key: Ed25519PublicKey) -> bool:
    try:
        key.verify(base64.b64decode(signature.sig, validate=True), pae(body))
    except (InvalidSignature, binascii.Error):
        return False
    return True


def _sha256(what: Path | bytes) -> str:
    return file_sha256(what) if isinstance(what, Path) else hashlib.sha256(what).hexdigest()
