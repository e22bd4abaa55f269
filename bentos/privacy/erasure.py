"""Erasure of a subject (GDPR article 17): its key is destroyed, and with it all that hangs on the key.

The journal keeps its entries, which hold no personal data, and gets a tombstone. Their pseudonym and the HMACs of
their pictures were made with the destroyed key, so that nobody can tell any more whose they are.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bentos.journal import Entry, Journal
from bentos.privacy.desk import PrivacyDesk

ACTION: Final = "erase_subject"


@dataclass(frozen=True)
class Erased:
    """The tombstone's place in the journal, and how many retained parts were deleted."""

    entry_id: int
    subject_ref: str
    num_retained: int


def erase(subject: str, *, desk: PrivacyDesk, journal: Journal, actor: str, now: datetime) -> Erased:
    """Erase a subject; a later request about the same one starts with a new key.

    Raises:
        ServiceFault: unknown_subject; scrub_incomplete, the key is deleted and may be in the write-ahead log still.
    """
    key = desk.subjects.key(subject)
    return erase_owner(key.owner, key.pseudonym, desk=desk, journal=journal, actor=actor, now=now, why="requested")


def erase_owner(
    owner: str, pseudonym: str, *, desk: PrivacyDesk, journal: Journal, actor: str, now: datetime, why: str
) -> Erased:
    """Erase whom a key belongs to. The journal says that it begins, and then that it is done."""
    entry = Entry(at=now, actor=actor, action=ACTION, outcome="begun", subject_ref=pseudonym, payload={"why": why})
    journal.append(entry)
    num = desk.keys.destroy(owner) or 0
    done = entry.model_copy(update={"outcome": "erased", "payload": {"why": why, "num_retained": num}})
    return Erased(entry_id=journal.append(done), subject_ref=pseudonym, num_retained=num)
