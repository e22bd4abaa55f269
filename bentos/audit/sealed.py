"""Entries at rest: who did what is sealed with AES-256-GCM for its place in the chain, the rest stays in clear.

Sealed are `actor`, `input_hmac` and the payload but for its `request_id`. The chain is over the sealed text, so that
verifying needs no key. Every entry has a key of its own, so that one entry can be opened for somebody without the rest.
"""

import base64
import binascii
import hmac
import json
from collections.abc import Callable
from functools import lru_cache
from json.encoder import encode_basestring as _text
from typing import Final, Protocol

from bentos.audit.chain import Link, entry_hash
from bentos.faults import ServiceFault
from bentos.privacy.envelope import seal, unseal
from bentos.runtime.contract import canonical_json
from bentos.runtime.errors import ContractError

SEALED: Final = "sealed"
UNDER: Final = "sealed_under"
BLOCK: Final = 4096
_BETWEEN: Final = "\n"
_IN_CLEAR: Final = "request_id"  # by it feedback, replay and a subject's export find an entry


class EntryKeys:
    """The keys of a journal's entries: one of 32 bytes for each, from one for each 4,096 of them."""

    def __init__(self, key_id: str, *, block: Callable[[int], bytes]) -> None:
        """`block` gives the key of entries `4096 n` to `4096 n + 4095`; raises `ServiceFault` where it is not here."""
        self.key_id = key_id
        self.block = lru_cache(maxsize=64)(block)

    def entry(self, entry_id: int) -> bytes:
        """The key of one entry (HMAC-SHA256 of its place)."""
        return hmac.digest(self.block(entry_id // BLOCK), f"rxvision/entry/{entry_id}".encode(), "sha256")


class Keyring(Protocol):
    """Where the keys of a journal and its exports come from: a home, a file that somebody handed over, nowhere."""

    def sealing(self, last: Callable[[], str | None]) -> EntryKeys | None:
        """What new entries are sealed with; None where they stay in clear. `last`: the last sealed one's key.

        Raises:
            ServiceFault: privacy_unavailable, that one is not here: another must not take its place unnoticed.
        """

    def opening(self, key_id: str) -> EntryKeys:
        """What entries that are sealed under this key open with; raises `ServiceFault` privacy_unavailable."""

    def exporting(self, key_id: str, export_id: str) -> bytes:
        """The key of one export, 32 bytes; raises `ServiceFault` privacy_unavailable."""


class NoKeys:
    """Of who reads a journal by its address alone."""

    def sealing(self, last: Callable[[], str | None]) -> EntryKeys | None:
        """None: entries stay in clear."""
        return None

    def opening(self, key_id: str) -> EntryKeys:
        """Raises `ServiceFault`."""
        raise not_here(key_id)

    def exporting(self, key_id: str, export_id: str) -> bytes:
        """Raises `ServiceFault`."""
        raise not_here(key_id)


NO_KEYS: Final = NoKeys()


def not_here(key_id: str) -> ServiceFault:
    """What is said wherever something sealed is to be read without its key."""
    sentence = f"It is sealed under the journal's key {key_id}, and that key is not here: what it says cannot be read."
    return ServiceFault("privacy_unavailable", sentence)


def sealed(link: Link, *, keys: EntryKeys, request_id: str | None) -> Link:
    """An entry as it is stored, at the place and behind the entry that `link` names.

    `request_id` is what its payload says: it is not parsed for it, since every answer waits for this.
    """
    named = "" if request_id is None else f'"{_IN_CLEAR}":{_text(request_id)},'
    under = f'"{UNDER}":{_text(keys.key_id)}}}'
    outside = link._replace(actor=SEALED, input_hmac=None, payload=f"{{{named}{under}")
    hmac_text = "null" if link.input_hmac is None else _text(link.input_hmac)
    plain = f'{{"actor":{_text(link.actor)},"input_hmac":{hmac_text}}}{_BETWEEN}{link.payload}'
    kept = seal(plain.encode(), key=keys.entry(link.entry_id), about=_about(outside))
    return outside._replace(payload=f'{{{named}"{SEALED}":"{base64.b64encode(kept).decode()}",{under}')


def sealed_under(link: Link) -> str | None:
    """The id of the key that an entry is sealed under, None where it is in clear."""
    return None if (kept := _kept(link)) is None else str(kept[UNDER])


def opened(link: Link, *, keys: Keyring) -> Link:
    """An entry as it was before it was sealed, with the hashes that it has as it is stored; one in clear as it is.

    Raises:
        ServiceFault: privacy_unavailable.
        ContractError: it was changed, or stands at another place than it was sealed for.
    """
    kept = _kept(link)
    if kept is None:
        return link
    key = keys.opening(str(kept[UNDER])).entry(link.entry_id)
    clear = {name: value for name, value in kept.items() if name != SEALED}
    try:
        text = base64.b64decode(str(kept[SEALED]), validate=True)
        outside = link._replace(actor=SEALED, input_hmac=None, payload=canonical_json(clear).decode())
        who, _, payload = unseal(text, key=key, about=_about(outside)).decode().partition(_BETWEEN)
    except (ContractError, binascii.Error) as error:
        raise ContractError(
            f"entry {link.entry_id} does not open: it was changed, or moved to another place"
        ) from error
    return link._replace(**json.loads(who), payload=payload)


def _kept(link: Link) -> dict[str, object] | None:
    """The stored payload of a sealed entry."""
    if link.actor != SEALED or UNDER not in link.payload:
        return None
    try:
        kept = json.loads(link.payload)
    except ValueError:
        return None
    return kept if isinstance(kept, dict) and {UNDER, SEALED} <= kept.keys() else None


def _about(outside: Link) -> dict[str, object]:
    """What a ciphertext is bound to: the place, the entry before, and everything beside it that is in clear."""
    bound = entry_hash(outside, entry_id=outside.entry_id, previous=outside.previous_hash or "")
    return {"what": "entry", "bound": bound}
