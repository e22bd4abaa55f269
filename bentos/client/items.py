"""What many identifications at once take and give, the same over both protocols."""

from dataclasses import dataclass, field

from bentos.client.failure import CallFailed
from bentos.runtime.answer import Answer, PillMetadata

Outcome = Answer | CallFailed


@dataclass(frozen=True)
class Item:
    """One pill: a JPEG, PNG or HEIC of its front, perhaps of its back, and what was typed beside them.

    `subject` is whom it is about; without one it is about whom the whole call is.
    """

    front: bytes
    back: bytes | None = None
    metadata: PillMetadata | None = None
    subject: str | None = field(default=None, repr=False)
