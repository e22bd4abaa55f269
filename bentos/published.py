"""What callers verify their receipts with, the same over both protocols: checkpoints, the public key, proofs."""

import uuid
from contextlib import closing
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import SQLAlchemyError

from bentos.access.faults import others_thing
from bentos.audit.checkpoints import AUDIT_DIR, CHECKPOINTS_FILE, audit_key, checkpoint_of
from bentos.audit.pages import MAX_LINES, before, page
from bentos.audit.proofs import prove
from bentos.faults import ServiceFault
from bentos.journal import Journal, Recorded
from bentos.privacy.journal_keys import open_journal
from bentos.settings import Settings
from bentos.signing import Signed, public_pem

_UNKNOWN: Final = ("unknown_request", "No answer to a request of yours with this id is in the journal.")


class CheckpointQuery(BaseModel):
    """Which checkpoints are wanted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    from_entry: Annotated[
        int | None,
        Field(ge=1, le=2**63 - 1, description="from the checkpoint that covers this entry on; else the newest alone"),
    ] = None
    limit: Annotated[int, Field(ge=1, le=MAX_LINES, description="checkpoints at most")] = MAX_LINES


def checkpoint_lines(settings: Settings, wanted: CheckpointQuery) -> list[bytes]:
    """Signed checkpoints as they stand in the file; the newest alone where none covers the entry yet."""
    return page(settings.home / AUDIT_DIR / CHECKPOINTS_FILE, from_entry=wanted.from_entry, limit=wanted.limit)


def public_key(settings: Settings) -> bytes:
    """The PEM of the key that signs checkpoints, receipts and proofs."""
    return public_pem(audit_key(settings.keys_dir).public_key())


def proof(settings: Settings, request_id: str, *, actor: str) -> Signed:
    """That the entry of an answer stands in the first checkpoint that covers it; blocks on database and disk.

    Raises:
        ServiceFault: unknown_request; not_covered_yet, ask again in a second; journal_unavailable.
        AccessFault: unknown_request, it was somebody else's.
        ContractError: the journal, or the checkpoints, are not what was signed.
    """
    try:
        with closing(open_journal(settings)) as journal:
            entry = journal.of_request(_checked(request_id))
            if entry is None:
                raise ServiceFault(*_UNKNOWN)
            if entry.actor != actor:
                raise others_thing(*_UNKNOWN, actor=actor)
            return _proved(entry, request_id=request_id, journal=journal, settings=settings)
    except SQLAlchemyError as error:
        raise ServiceFault("journal_unavailable", "The journal cannot be read now; try again.") from error


def _checked(request_id: str) -> str:
    try:
        return str(uuid.UUID(request_id))
    except ValueError as error:
        raise ServiceFault(*_UNKNOWN) from error


def _proved(entry: Recorded, *, request_id: str, journal: Journal, settings: Settings) -> Signed:
    path = settings.home / AUDIT_DIR / CHECKPOINTS_FILE
    covering = [checkpoint_of(line) for line in page(path, from_entry=entry.entry_id, limit=1)]
    if not covering or covering[0].size < entry.entry_id:
        sentence = "The entry is not under a checkpoint yet; ask again in a second."
        raise ServiceFault("not_covered_yet", sentence)
    first = covering[0].size - len(covering[0].tags)
    return prove(
        entry.entry_id,
        request_id=request_id,
        links=journal.links(first),
        checkpoint=covering[0],
        key=audit_key(settings.keys_dir),
        before=before(path, first),
    )
