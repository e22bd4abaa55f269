"""What the report says of a trail, counted in one pass over its entries; keeps no payload of an answer."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from bentos.audit.chain import Link
from bentos.audit.checkpoints import Checkpoint
from bentos.audit.sealed import NO_KEYS, SEALED, Keyring, opened, sealed_under
from bentos.faults import ServiceFault
from bentos.runtime.errors import ContractError

CHANGES: Final = frozenset(
    {
        "promote", "rollback", "challenge", "put_shadow", "end_trials", "settle", "withdraw", "pause", "resume",
        "refuse_promote", "refuse_challenge", "verdict", "launch", "run_failed", "rotate_keys", "erase_subject",
        "export_subject", "approve",
    }
)  # fmt: skip
ANSWER: Final = "predict"
DENIAL: Final = "access_denied"
_MOST_CHANGES: Final = 5_000


@dataclass
class Count:
    """How many, and from when to when."""

    num: int = 0
    first: datetime | None = None
    last: datetime | None = None

    def add(self, at: datetime) -> None:
        """One more, at any moment."""
        self.num += 1
        self.first = at if self.first is None else min(self.first, at)
        self.last = at if self.last is None else max(self.last, at)


@dataclass(frozen=True)
class Change:
    """An entry of those that a report names one by one."""

    entry_id: int
    at: datetime
    actor: str
    action: str
    outcome: str
    version: str | None
    recogniser: str | None
    gallery: str | None
    payload: dict[str, Any]


@dataclass
class Tally:
    """Counts of a trail as it is stored, whether it holds or not.

    `num_closed`: sealed entries of which the key is not here, or that were changed; only what is in clear is counted.
    """

    checkpoints: Sequence[Checkpoint] = ()
    keys: Keyring = NO_KEYS
    num_closed: int = 0
    whole: Count = field(default_factory=Count)
    by_outcome: dict[tuple[str, str], Count] = field(default_factory=dict)
    by_day: dict[date, Counter[str]] = field(default_factory=dict)
    by_model: dict[tuple[str, str], Count] = field(default_factory=dict)
    days_of_model: dict[tuple[str, str], set[date]] = field(default_factory=dict)
    denials: dict[tuple[str, str], Count] = field(default_factory=dict)
    callers: set[str] = field(default_factory=set)
    changes: list[Change] = field(default_factory=list)
    num_changes: int = 0
    longest_wait: timedelta = timedelta()
    _covering: int = 0
    _not_here: set[str] = field(default_factory=set)

    def watching(self, rows: Iterable[Link]) -> Iterator[Link]:
        """The same rows; each is counted as it passes."""
        for link in rows:
            self._add(self._opened(link))
            yield link

    def _opened(self, link: Link) -> Link:
        """What an entry says, as far as it can be read."""
        key_id = sealed_under(link)
        try:
            if key_id not in self._not_here:
                return opened(link, keys=self.keys)
        except ServiceFault:
            self._not_here.add(str(key_id))
        except ContractError:
            pass  # changed, or moved: verifying says which entry is the first bad one
        self.num_closed += 1
        return link._replace(actor=SEALED, payload="{}")

    def _add(self, link: Link) -> None:
        self.whole.add(link.at)
        self.by_outcome.setdefault((link.action, link.outcome), Count()).add(link.at)
        kind = link.outcome if link.action == ANSWER else "other"
        day = link.at.astimezone(UTC).date()
        self.by_day.setdefault(day, Counter())[kind if kind in ("answered", "other") else "no answer"] += 1
        if link.action == ANSWER:
            if link.actor != SEALED:
                self.callers.add(link.actor)
            if link.outcome == "answered":
                model = (link.recogniser or "", link.gallery or "")
                self.by_model.setdefault(model, Count()).add(link.at)
                self.days_of_model.setdefault(model, set()).add(day)
        elif link.action == DENIAL:
            self._deny(link)
        elif link.action in CHANGES:
            self._change(link)
        self._wait(link)

    def _deny(self, link: Link) -> None:
        said = _payload(link)
        count = self.denials.setdefault((str(said.get("why")), str(said.get("method"))), Count())
        count.add(link.at)
        repeated = said.get("count")
        count.num += repeated - 1 if isinstance(repeated, int) else 0

    def _change(self, link: Link) -> None:
        self.num_changes += 1
        named = Change(link.entry_id, link.at, link.actor, link.action, link.outcome, link.subject_ref, link.recogniser,
                       link.gallery, _payload(link))  # fmt: skip
        self.changes.append(named)
        if len(self.changes) > _MOST_CHANGES:
            self.changes.pop(0)

    def _wait(self, link: Link) -> None:
        """How long the entry stood without a checkpoint."""
        while self._covering < len(self.checkpoints) and self.checkpoints[self._covering].size < self.whole.num:
            self._covering += 1
        if self._covering < len(self.checkpoints):
            self.longest_wait = max(self.longest_wait, self.checkpoints[self._covering].at - link.at)


def _payload(link: Link) -> dict[str, Any]:
    """A payload that somebody may have changed: what is no JSON object says nothing."""
    try:
        said = json.loads(link.payload)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
