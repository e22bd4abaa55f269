"""Decisions about a running release, kept in the journal, where every worker reads the same ones.

A worker cannot sign a release. What it can do is to stop using a part of the signed one: that is what `withdraw` and
`pause` say, until the next release is signed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from bentos.journal import Entry, Journal, Recorded
from bentos.release import Ref, ReleaseSpec

Action = Literal["withdraw", "pause", "resume"]
ACTIONS: Final[tuple[Action, ...]] = ("withdraw", "pause", "resume")


@dataclass(frozen=True)
class Standing:
    """What was decided about one release. `reviewed`: a person resumed it, so disagreement pauses it no more."""

    withdrawn: frozenset[str] = frozenset()
    paused: bool = False
    reviewed: bool = False

    def champion_of(self, spec: ReleaseSpec) -> Ref:
        """Who answers as champion: the previous release where the champion was withdrawn and there is one."""
        return spec.previous if "champion" in self.withdrawn and spec.previous is not None else spec.champion

    def ends(self, role: str) -> bool:
        """Whether a challenger or shadow is over; without its champion an experiment compares nothing."""
        return role in self.withdrawn or "champion" in self.withdrawn


NO_DECISION: Final = Standing()


def standing_of(entries: Iterable[Recorded], *, release_id: str) -> Standing:
    """What the journal's decisions, in their order, make of one release."""
    withdrawn: set[str] = set()
    paused = reviewed = False
    for entry in entries:
        if entry.action not in ACTIONS or entry.payload["release"] != release_id:
            continue
        if entry.action == "withdraw":
            withdrawn.add(entry.payload["variant"])
        else:
            paused, reviewed = entry.action == "pause", reviewed or entry.action == "resume"
    return Standing(frozenset(withdrawn), paused, reviewed)


def decisions_in(journal: Journal) -> list[Recorded]:
    """Every decision that the journal holds, in its order; raises SQLAlchemyError where it cannot be read."""
    found = (entry for action in ACTIONS for entry in journal.entries(action=action))
    return sorted(found, key=lambda entry: entry.entry_id)


def standing_in(journal: Journal, spec: ReleaseSpec) -> Standing:
    """What was decided about a release; raises SQLAlchemyError where the journal cannot be read."""
    return standing_of(decisions_in(journal), release_id=spec.release_id)


def decision(
    action: Action, *, spec: ReleaseSpec, variant: str, actor: str, now: datetime, why: dict[str, Any]
) -> Entry:
    """The entry of one decision; `why` holds the figures it rests on, or a person's reason code."""
    ref: Ref = getattr(spec, variant)
    return Entry(
        at=now,
        actor=actor,
        action=action,
        outcome="decided",
        subject_ref=ref.version,
        recogniser=ref.recogniser,
        gallery=ref.gallery,
        payload={"release": spec.release_id, "variant": variant, **why},
    )
