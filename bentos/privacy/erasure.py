"""Erasure of a subject (GDPR article 17): its key is destroyed, and with it all that hangs on the key.

The journal keeps its entries, which hold no personal data, and gets a tombstone. Their pseudonym and the HMACs of
their pictures were made with the destroyed key, so that nobody can tell any more whose they are.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from bentos.batches.erasing import erase_items, num_items
from bentos.batches.tables import BATCHES_DIR
from bentos.journal import Entry, Journal
from bentos.privacy.desk import PrivacyDesk

ACTION: Final = "erase_subject"


@dataclass(frozen=True)
class Erased:
    """The tombstone's place in the journal, and how many retained parts were deleted."""

    entry_id: int
    subject_ref: str | None
    num_retained: int


def erase(subject: str, *, desk: PrivacyDesk, journal: Journal, actor: str, now: datetime) -> Erased:
    """Erase a subject; a later request about the same one starts with a new key.

    Raises:
        ServiceFault: unknown_subject; scrub_incomplete, the key is deleted and may be in the write-ahead log still.
    """
    owner = desk.subjects.owner(subject)
    waits = num_items(_batches(desk), owner)  # none of them may have been answered yet
    pseudonym = None if waits and desk.keys.get(owner) is None else desk.subjects.key(subject).pseudonym
    return erase_owner(owner, pseudonym, desk=desk, journal=journal, actor=actor, now=now, why="requested")


def erase_owner(
    owner: str, pseudonym: str | None, *, desk: PrivacyDesk, journal: Journal, actor: str, now: datetime, why: str
) -> Erased:
    """Erase whom a key belongs to. The journal says that it begins, and then that it is done."""
    entry = Entry(at=now, actor=actor, action=ACTION, outcome="begun", subject_ref=pseudonym, payload={"why": why})
    journal.append(entry)
    num = desk.keys.destroy(owner) or 0
    items = erase_items(_batches(desk), owner, keys=desk.keys, policy=desk.settings.personal_data)
    payload = {"why": why, "num_retained": num, "num_batch_items": items}
    done = entry.model_copy(update={"outcome": "erased", "payload": payload})
    return Erased(entry_id=journal.append(done), subject_ref=pseudonym, num_retained=num)


def _batches(desk: PrivacyDesk) -> Path:
    return desk.settings.home / BATCHES_DIR
