"""One question to the service, and whether anybody still waits for its answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bentos.access.caller import ANONYMOUS
from bentos.runtime.answer import Effort, PillMetadata


@dataclass(frozen=True)
class Asked:
    """One or two pictures, what was typed, who asks, about whom, and how much may be spent on it.

    `redactions` are the kinds of personal data that were taken out of what was typed, by field.
    """

    pictures: tuple[bytes, ...]
    metadata: PillMetadata | None
    request_id: str
    effort: Effort = "full"
    actor: str = ANONYMOUS
    subject: str | None = field(default=None, repr=False)
    redactions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class GivenUp:
    """Why nobody waits for an answer any more, as the journal says it; None while somebody does."""

    outcome: str | None = None
