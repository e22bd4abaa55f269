"""The entries of a journal that are about one bundle, each with its Merkle path to a signed checkpoint."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from bentos.audit.chain import Link
from bentos.audit.checkpoints import Checkpoint, read_checkpoints
from bentos.audit.merkle import inclusion_proof
from bentos.audit.sealed import NO_KEYS, Keyring, opened, sealed_under
from bentos.runtime.errors import ContractError
from monitoring.evidence.changelog import ACTIONS

_MOST: Final = 500


def extract(
    links: Iterable[Link],
    *,
    digests: Sequence[str],
    checkpoints: Path,
    key: Ed25519PublicKey,
    keys: Keyring = NO_KEYS,
) -> tuple[dict[str, Any], bytes]:
    """Entries with their proofs, as JSON, and the line of the checkpoint that they are proved under.

    A sealed entry is told as it was written, with the key of that one entry beside its stored text (`opened_with`).

    Args:
        links: every entry from the first on.
        digests: those of recogniser, gallery, verdict and evaluation; an entry that names one is about the bundle.

    Raises:
        ContractError: no checkpoint covers the journal, or the entries are not those that it was signed over.
    """
    found = read_checkpoints(checkpoints, key=key)
    if not found:
        raise ContractError("there is no checkpoint yet: run `rxvision audit checkpoint`")
    last = found[-1]
    hashes, chosen = _walked(links, last, digests=digests, keys=keys)
    entries = [{**_said(link, keys=keys), "path": [node.hex() for node in inclusion_proof(hashes, link.entry_id - 1)]}
               for link in chosen[-_MOST:]]  # fmt: skip
    line = checkpoints.read_bytes().splitlines()[last.number - 1]
    return {"checkpoint": last.number, "size": last.size, "root": last.root, "entries": entries}, line + b"\n"


def _walked(
    links: Iterable[Link], last: Checkpoint, *, digests: Sequence[str], keys: Keyring
) -> tuple[list[bytes], list[Link]]:
    hashes: list[bytes] = []
    chosen = []
    for link in links:
        if link.entry_id > last.size:
            break
        hashes.append(bytes.fromhex(link.entry_hash or ""))
        if link.action in ACTIONS and _names(opened(link, keys=keys), digests):
            chosen.append(link)
    if len(hashes) != last.size:
        raise ContractError(f"{last.size} entries are under the last checkpoint, {len(hashes)} are left")
    return hashes, chosen


def _names(link: Link, digests: Sequence[str]) -> bool:
    return any(digest in (link.recogniser, link.gallery) or digest in link.payload for digest in digests)


def _said(link: Link, *, keys: Keyring) -> dict[str, Any]:
    told, key_id = opened(link, keys=keys), sealed_under(link)
    key = {} if key_id is None else {"opened_with": keys.opening(key_id).entry(link.entry_id).hex()}
    at = link.at.astimezone(UTC).isoformat(timespec="microseconds")
    return {**told._asdict(), "payload": link.payload, "at": at, "says": json.loads(told.payload), **key}
