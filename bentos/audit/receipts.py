"""A signed receipt with every answer: where its entry stands in the trail, for whoever asked to keep."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, ValidationError

from bentos.audit.chain import Placed
from bentos.audit.checkpoints import TAG_DIGITS, Checkpoint
from bentos.audit.proofs import PURPOSE as PROOF_PURPOSE
from bentos.audit.proofs import parse_proof
from bentos.runtime.answer import Answer, Receipt
from bentos.runtime.contract import canonical_json
from bentos.runtime.errors import ContractError
from bentos.signing import Signed, key_id, sign, verify

PURPOSE: Final = "audit-answer"
_SIGNATURE: Final = frozenset({"key_id", "signature"})
_CLOCKS_APART: Final = timedelta(minutes=1)
_Kind = TypeVar("_Kind", bound=BaseModel)


class Promise(BaseModel):
    """What somebody holds a signature for: an entry's place and hash, and when that was signed.

    A proof also promises the root of the tree of the first `size` entries.
    """

    model_config = ConfigDict(frozen=True)

    entry_id: int
    entry_hash: str
    request_id: str
    at: datetime
    size: int = 0
    root: str = ""


class _Kept(BaseModel):
    """A file that a caller kept: a response with many answers, or one item of it."""

    model_config = ConfigDict(extra="ignore")

    answer: Answer | None = None
    items: tuple["_Kept", ...] = ()


def answer_sha256(answer: Answer) -> str:
    """SHA-256 in hex over an answer's canonical JSON without its receipt; the same over both protocols."""
    return hashlib.sha256(canonical_json(answer.model_dump(mode="json", exclude={"receipt"}))).hexdigest()


def receipted(answer: Answer, *, digest: str, placed: Placed, now: datetime, key: Ed25519PrivateKey) -> Answer:
    """The answer with its receipt; its entry must be durable. `digest` is its `answer_sha256`."""
    said = {
        "schema_version": 1,
        "request_id": answer.request_id,
        "at": now.astimezone(UTC).isoformat(timespec="microseconds"),
        "entry_id": placed.entry_id,
        "entry_hash": placed.entry_hash,
        "recogniser": answer.release.recogniser,
        "gallery": answer.release.gallery,
        "answer_sha256": digest,
    }
    signed = sign(said, key=key, purpose=PURPOSE)
    receipt = Receipt(**said, key_id=signed.key_id, signature=signed.signature)
    return answer.model_copy(update={"receipt": receipt})


def check_receipt(receipt: Receipt, *, key: Ed25519PublicKey, answer: Answer | None = None) -> Promise:
    """What a receipt promises; with the answer it came with, that it is about that one.

    Raises:
        ContractError: not signed with this key, altered, or about another answer.
    """
    if receipt.key_id != key_id(key):
        raise ContractError(f"the receipt is signed with key {receipt.key_id}, not with {key_id(key)}")
    said = receipt.model_dump(exclude=set(_SIGNATURE))
    signed = Signed(purpose=PURPOSE, payload=said, key_id=receipt.key_id, signature=receipt.signature)
    verify(signed, key=key, purpose=PURPOSE)
    if answer is not None and answer_sha256(answer) != receipt.answer_sha256:
        raise ContractError(f"the answer to request {answer.request_id} is not the one that was signed")
    return Promise(**said)


def read_promises(file: Path, *, key: Ed25519PublicKey) -> list[Promise]:
    """What the receipts in a file promise: an answer as it came, a response of many, a bare receipt, or a proof.

    Raises:
        ContractError: there is none, or one does not hold.
    """
    text = file.read_bytes()
    try:
        if (signed := _as(Signed, text)) is not None and signed.purpose == PROOF_PURPOSE:
            proof = parse_proof(signed, key=key)
            return [Promise(**proof.model_dump())]
        if (bare := _as(Receipt, text)) is not None:
            return [check_receipt(bare, key=key)]
        found = [check_receipt(one.receipt, key=key, answer=one) for one in _answers(text) if one.receipt]
    except ContractError as error:
        raise ContractError(f"{file}: {error}") from error
    if not found:
        raise ContractError(f"{file} holds no receipt")
    return found


def demand_covered(promise: Promise, checkpoints: Sequence[Checkpoint]) -> Checkpoint:
    """The checkpoint that a promised entry stands under; needs no trail.

    Raises:
        ContractError: another entry stands in its place, it was cut off, or no checkpoint covers it yet.
    """
    about = f"entry {promise.entry_id}, answer to request {promise.request_id}"
    for one in checkpoints:
        if one.size == promise.size and one.root != promise.root:
            raise ContractError(f"{about}: checkpoint {one.number} has another root than its proof")
        behind = promise.entry_id - (one.size - len(one.tags))
        if 0 < behind <= len(one.tags):
            if one.tags[behind - 1] != promise.entry_hash[:TAG_DIGITS]:
                raise ContractError(f"{about}: checkpoint {one.number} knows another entry in its place")
            return one
    if not checkpoints:
        raise ContractError(f"{about}: there is no checkpoint")
    last = checkpoints[-1]
    if last.at > promise.at + _CLOCKS_APART:
        raise ContractError(f"{about}: checkpoint {last.number} is of later and covers {last.size} entries: it was cut")
    raise ContractError(f"{about}: not under a checkpoint yet, the last is of {last.at.isoformat()}; take a later file")


def _answers(text: bytes) -> Iterator[Answer]:
    single = _as(Answer, text)
    if single is not None:
        yield single
        return
    kept = _as(_Kept, text)
    for one in (kept, *kept.items) if kept else ():
        if one.answer is not None:
            yield one.answer


def _as(kind: type[_Kind], text: bytes) -> _Kind | None:
    try:
        return kind.model_validate_json(text)
    except ValidationError:
        return None


def by_place(promises: Iterable[Promise]) -> dict[int, str]:
    """Place to promised hash.

    Raises:
        ContractError: two receipts are signed for the same place and name different entries.
    """
    found: dict[int, str] = {}
    for one in promises:
        if found.setdefault(one.entry_id, one.entry_hash) != one.entry_hash:
            raise ContractError(f"two receipts are signed for entry {one.entry_id} and name different ones")
    return found
