"""The hash that ties an entry to its place and to all entries before it; pure functions.

A payload enters as the SHA-256 of its JSON text exactly as it is stored, so that verifying need not parse it.
"""

import hashlib
from datetime import UTC, datetime
from json.encoder import encode_basestring
from typing import Final, NamedTuple

GENESIS: Final = "0" * 64
_FORM: Final = 1


class Link(NamedTuple):
    """One row of the journal as stored; `payload` is its JSON text, both hashes are hex SHA-256."""

    entry_id: int
    at: datetime
    actor: str
    subject_ref: str | None
    action: str
    input_hmac: str | None
    recogniser: str | None
    gallery: str | None
    outcome: str
    payload: str
    previous_hash: str | None
    entry_hash: str | None


class Placed(NamedTuple):
    """Where an entry stands: its place, counted from 1, and its hash."""

    entry_id: int
    entry_hash: str


def entry_hash(link: Link, *, entry_id: int, previous: str) -> str:
    """SHA-256 in hex of an entry's canonical JSON with this place and the hash of the entry before it.

    The hashes that `link` carries itself are not looked at.
    """
    at = link.at if link.at.tzinfo is UTC else link.at.astimezone(UTC)
    # What `canonical_json` makes of these twelve fields, written out: trails are long.
    said = (
        f'{{"action":{_text(link.action)},"actor":{_text(link.actor)}'
        f',"at":"{at.isoformat(timespec="microseconds")}","entry_id":{entry_id},"form":{_FORM}'
        f',"gallery":{_text(link.gallery)},"input_hmac":{_text(link.input_hmac)},"outcome":{_text(link.outcome)}'
        f',"payload_sha256":"{hashlib.sha256(link.payload.encode()).hexdigest()}","previous":{_text(previous)}'
        f',"recogniser":{_text(link.recogniser)},"subject_ref":{_text(link.subject_ref)}}}'
    )
    return hashlib.sha256(said.encode()).hexdigest()


def _text(value: str | None) -> str:
    return "null" if value is None else encode_basestring(value)


def holds(link: Link, *, previous: str) -> bool:
    """Whether a row is what was once written at its place, behind an entry of this hash."""
    return link.previous_hash == previous and link.entry_hash == entry_hash(
        link, entry_id=link.entry_id, previous=previous
    )
