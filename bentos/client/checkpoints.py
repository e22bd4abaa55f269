"""Holds receipts against checkpoints that a service publishes; needs no database, and believes nothing unsigned."""

from collections.abc import Sequence
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from bentos.audit.checkpoints import Checkpoint, linked
from bentos.audit.receipts import check_receipt, demand_covered
from bentos.runtime.answer import Answer
from bentos.runtime.errors import ContractError

_ORIGIN: Final = "what the service gave"


class Publisher(Protocol):
    """Either client."""

    def checkpoints(self, *, from_entry: int | None = None) -> tuple[bytes, ...]:
        """A page of signed checkpoints."""


def verify_receipt(answer: Answer, *, client: Publisher, key: Ed25519PublicKey) -> Checkpoint:
    """The checkpoint under which the entry of an answer stands; `key` should not come from the service alone.

    Raises:
        ContractError: no receipt, not signed, about another answer, cut off, or not under a checkpoint yet.
        CallFailed: the checkpoints cannot be fetched.
    """
    if answer.receipt is None:
        raise ContractError(f"the answer to request {answer.request_id} has no receipt")
    promise = check_receipt(answer.receipt, key=key, answer=answer)
    lines = client.checkpoints(from_entry=promise.entry_id)
    return demand_covered(promise, linked(lines, key=key, origin=_ORIGIN, whole=False))


def later(
    client: Publisher, *, key: Ed25519PublicKey, kept: Sequence[bytes] = (), from_entry: int | None = None
) -> list[bytes]:
    """The lines behind those that were kept, else from an entry's checkpoint on, up to the newest; that one at least.

    Raises:
        ContractError: a line is not signed, or does not follow the one before; or the service now shows less than was
            kept, or another history.
    """
    found, last, size = [], tuple(kept[-1:]), _size(linked(kept, key=key, origin="the copy", whole=False))
    while True:
        wanted = size + 1 if last else from_entry
        came = client.checkpoints(from_entry=wanted)
        newest = _size(linked(came, key=key, origin=_ORIGIN, whole=False))
        if last and newest < size + 1:
            if came != last:
                raise ContractError("the service shows another or an older checkpoint than the last that was kept")
            return found
        if not came:
            return []
        linked([*last, *came], key=key, origin="what was kept with what the service gave", whole=False)
        found, last, size = [*found, *came], came[-1:], newest


def _size(checkpoints: Sequence[Checkpoint]) -> int:
    return checkpoints[-1].size if checkpoints else 0
