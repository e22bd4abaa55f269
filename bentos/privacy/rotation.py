"""Rotation of the key-encryption key, with its entry in the journal."""

from datetime import datetime
from typing import Final

from bentos.journal import Entry, Journal
from bentos.privacy.data_keys import Rotation
from bentos.privacy.desk import PrivacyDesk

ACTION: Final = "rotate_keys"


def rotate(desk: PrivacyDesk, *, journal: Journal, actor: str, now: datetime) -> Rotation:
    """Re-wrap every data key by a new version and destroy the older ones.

    Raises:
        ContractError: a data key does not unwrap; nothing is changed.
    """
    done = desk.keys.rotate()
    payload = {"version": done.version, "num_keys": done.num_keys}
    journal.append(Entry(at=now, actor=actor, action=ACTION, outcome="rotated", payload=payload))
    return done
