"""A proof for one request: its entry, and that a signed checkpoint covers it; verifies offline."""

from collections.abc import Iterable
from itertools import islice
from typing import Final, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, ValidationError

from bentos.audit.chain import Link
from bentos.audit.checkpoints import Checkpoint
from bentos.audit.merkle import NO_TREE, Frontier, includes, inclusion_proof
from bentos.runtime.errors import ContractError
from bentos.signing import Signed, sign, verify

PURPOSE: Final = "audit-receipt"


class Proof(BaseModel):
    """Where an entry stands, and the Merkle path from it to a checkpoint's root (RFC 6962)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    request_id: str
    at: str
    outcome: str
    recogniser: str | None
    gallery: str | None
    entry_id: int
    entry_hash: str
    checkpoint: int
    size: int
    root: str
    path: tuple[str, ...]


def prove(
    entry_id: int,
    *,
    request_id: str,
    links: Iterable[Link],
    checkpoint: Checkpoint,
    key: Ed25519PrivateKey,
    before: Frontier = NO_TREE,
) -> Signed:
    """The proof of an entry under a checkpoint; `links` are the entries behind the tree `before`, else from the first.

    Raises:
        ContractError: the checkpoint does not cover the entry, or the entries are not those it was signed over.
    """
    if not before.size < entry_id <= checkpoint.size:
        raise ContractError(f"entry {entry_id} is not under a checkpoint yet; ask again in a second")
    leaves, link = [], None
    for one in islice(links, checkpoint.size - before.size):
        leaves.append(bytes.fromhex(one.entry_hash or ""))
        link = one if one.entry_id == entry_id else link
    if link is None or len(leaves) < checkpoint.size - before.size:
        raise ContractError(f"entry {entry_id} is missing, or others are: run `rxvision audit verify`")
    path = inclusion_proof(leaves, entry_id - 1, before=before)
    proof = Proof(
        request_id=request_id,
        at=link.at.isoformat(),
        outcome=link.outcome,
        recogniser=link.recogniser,
        gallery=link.gallery,
        entry_id=entry_id,
        entry_hash=link.entry_hash or "",
        checkpoint=checkpoint.number,
        size=checkpoint.size,
        root=checkpoint.root,
        path=tuple(node.hex() for node in path),
    )
    _check(proof)
    return sign(proof.model_dump(mode="json"), key=key, purpose=PURPOSE)


def parse_proof(signed: Signed, *, key: Ed25519PublicKey) -> Proof:
    """A proof that holds by itself.

    Raises:
        ContractError: not signed with this key, or its path does not lead to its root.
    """
    try:
        proof = Proof.model_validate(verify(signed, key=key, purpose=PURPOSE))
    except ValidationError as error:
        raise ContractError("it is signed but is no proof") from error
    _check(proof)
    return proof


def _check(proof: Proof) -> None:
    proved = includes(
        bytes.fromhex(proof.root),
        size=proof.size,
        index=proof.entry_id - 1,
        leaf=bytes.fromhex(proof.entry_hash),
        path=[bytes.fromhex(node) for node in proof.path],
    )
    if not proved:
        raise ContractError(f"entry {proof.entry_id}: its path does not lead to the root of its checkpoint")
