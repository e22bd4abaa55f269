"""A subject's data as files that people and programs can read (GDPR articles 15 and 20)."""

import json
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from bentos.faults import ServiceFault
from bentos.journal import TABLE, Entry, Journal
from bentos.privacy.desk import PrivacyDesk
from bentos.privacy.retained import TYPED, Kept

ACTION: Final = "export_subject"
DATA_FILE: Final = "data.json"
_NAMES: Final = {"entry_id", "at", "actor", "action", "outcome", "recogniser", "gallery", "payload"}


def export(subject: str, *, into: Path, desk: PrivacyDesk, journal: Journal, actor: str, now: datetime) -> int:
    """Write `data.json` and the retained pictures into an empty directory; returns the number of journal entries.

    Files are readable by their owner alone. The export becomes an entry of the journal itself.

    Raises:
        ServiceFault: unknown_subject; not_empty, there is something in the directory.
    """
    key = desk.subjects.key(subject)
    if into.exists() and any(into.iterdir()):
        raise ServiceFault("not_empty", f"{into} is not empty.")
    into.mkdir(parents=True, exist_ok=True, mode=0o700)
    kept = desk.retained.of_owner(key.owner)
    entries = entries_of(key.pseudonym, journal=journal)
    document = {
        "subject": subject,
        "known_to_the_journal_as": key.pseudonym,
        "exported_at": now.isoformat(),
        "answers": [entry for entry in entries if entry["action"] == "predict"],
        "feedback": [entry for entry in entries if entry["action"] == "feedback"],
        "other_entries": [entry for entry in entries if entry["action"] not in ("predict", "feedback")],
        "retained": [_described(one) for one in kept],
    }
    _write(into / DATA_FILE, json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n")
    for one in kept:
        if one.part != TYPED:
            _write(into / _file_name(one), one.data)
    payload = {"num_entries": len(entries), "num_retained": len(kept)}
    journal.append(
        Entry(at=now, actor=actor, action=ACTION, outcome="exported", subject_ref=key.pseudonym, payload=payload)
    )
    return len(entries)


def entries_of(pseudonym: str, *, journal: Journal) -> list[dict[str, Any]]:
    """The subject's journal entries in their order, and those of others that name one of its requests."""
    found = {entry.entry_id: entry for entry in journal.each(TABLE.c.subject_ref == pseudonym)}
    requests = {entry.payload["request_id"] for entry in found.values() if "request_id" in entry.payload}
    named = TABLE.c.payload["request_id"].as_string()
    for some in _in_chunks(sorted(requests)):
        found |= {entry.entry_id: entry for entry in journal.each(named.in_(some))}
    return [found[place].model_dump(include=_NAMES) | {"at": found[place].at.isoformat()} for place in sorted(found)]


def _in_chunks(names: Sequence[str], *, size: int = 500) -> list[Sequence[str]]:
    return [names[start : start + size] for start in range(0, len(names), size)]


def _described(one: Kept) -> dict[str, Any]:
    said = {"request_id": one.request_id, "purpose": one.purpose, "kept_at": one.at.isoformat(),
            "deleted_at": one.expires_at.isoformat()}  # fmt: skip
    return said | ({"typed": json.loads(one.data)} if one.part == TYPED else {"file": _file_name(one)})


def _file_name(one: Kept) -> str:
    return f"{one.request_id}-{one.purpose}-{one.part}"


def _write(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
