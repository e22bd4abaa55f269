"""Walks a trail from its first entry, against itself and its checkpoints, and names the first bad entry."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType
from typing import Final, Literal

from bentos.audit.chain import GENESIS, Link, entry_hash, holds
from bentos.audit.checkpoints import TAG_DIGITS, Checkpoint
from bentos.audit.merkle import Frontier

Kind = Literal["edited", "deleted", "inserted", "swapped", "cut"]
NO_RECEIPTS: Final[Mapping[int, str]] = MappingProxyType({})
_FAR: Final = 10_000


@dataclass(frozen=True)
class Finding:
    """The first entry that is not what was written at its place, and what happened to it as far as can be told."""

    entry_id: int
    kind: Kind
    why: str


@dataclass(frozen=True)
class Verdict:
    """How much was looked at; `finding` is None where all of it holds. `num_covered`: entries under a checkpoint."""

    num_entries: int
    num_covered: int
    finding: Finding | None


def verify_trail(
    links: Iterable[Link], *, checkpoints: Sequence[Checkpoint] = (), receipts: Mapping[int, str] = NO_RECEIPTS
) -> Verdict:
    """Verify entries from the first on, in their order; each is read once. `receipts`: place to promised hash."""
    rows, previous, tree = iter(links), GENESIS, Frontier()
    tags = list(chain.from_iterable(one.tags for one in checkpoints))
    roots = {one.size: one for one in checkpoints}
    place, pending = 0, []
    for place, link in enumerate(rows, start=1):
        expected = tags[place - 1] if place <= len(tags) else None
        known_by = "a signed checkpoint knows"
        if place in receipts and receipts[place] != link.entry_hash:
            expected, known_by = receipts[place], "somebody holds a receipt for"
        if not _stands(link, place, previous=previous, tag=expected):
            return Verdict(place - 1, len(tags), _Scene(place, previous, tags, known_by).judge(link, rows))
        previous = link.entry_hash or ""
        pending.append(bytes.fromhex(previous))
        if place in roots:
            tree, pending = tree.extended(pending), []
            if tree.root.hex() != roots[place].root:
                first = place - len(roots[place].tags) + 1
                why = f"checkpoint {roots[place].number} has another root over entries {first} to {place}"
                return Verdict(first - 1, len(tags), Finding(first, "edited", why))
    if place < len(tags):
        why = f"a signed checkpoint covers {len(tags)} entries, {place} are left"
        return Verdict(place, len(tags), Finding(place + 1, "cut", why))
    if place < max(receipts, default=0):
        why = f"somebody holds a receipt for entry {max(receipts)}, {place} are left"
        return Verdict(place, len(tags), Finding(place + 1, "cut", why))
    return Verdict(place, len(tags), None)


def _stands(link: Link, place: int, *, previous: str, tag: str | None) -> bool:
    if link.entry_id != place or not holds(link, previous=previous):
        return False
    return tag is None or link.entry_hash.startswith(tag)


@dataclass(frozen=True)
class _Scene:
    """What is known at the first bad place: the hash before it, what checkpoints say of all places, and who says it."""

    place: int
    previous: str
    tags: Sequence[str]
    known_by: str

    def judge(self, link: Link, rows: Iterator[Link]) -> Finding:
        """What happened, by the bad row and the one behind it."""
        if link.entry_id != self.place:
            return self._found("deleted", f"entry {link.entry_id} is the next one")
        behind = next(rows, None)
        came_from, next_from = self._origin(link), self._origin(behind)
        if next_from == self.place and came_from != self.place + 1:
            return self._found("inserted", "what was this entry stands behind it")
        if self._tag_is(link, self.place):
            return self._found("edited", "its content is not what its hash was made of")
        if came_from is not None and came_from != self.place:
            moved_up = behind is None or next_from == came_from + 1
            if came_from > self.place and moved_up:
                return self._found("deleted", f"what was entry {came_from} stands in its place")
            return self._found("swapped", f"what was entry {came_from} stands in its place")
        if holds(link, previous=self.previous):
            return self._found("edited", f"it was chained anew, but {self.known_by} another entry")
        return self._found("edited", "its content or its hash is not what was written")

    def _found(self, kind: Kind, why: str) -> Finding:
        return Finding(self.place, kind, why)

    def _tag_is(self, link: Link, place: int) -> bool:
        known = self.tags[place - 1] if 0 < place <= len(self.tags) else None
        return known is not None and (link.entry_hash or "")[:TAG_DIGITS] == known

    def _origin(self, link: Link | None) -> int | None:
        """The place a row was written for: as the checkpoints know its hash, else where its own hash holds."""
        if link is None or not link.entry_hash:
            return None
        tag = link.entry_hash[:TAG_DIGITS]
        if tag in self.tags:
            return self.tags.index(tag) + 1
        near = range(max(1, self.place - _FAR), self.place + _FAR)
        told = link.previous_hash or ""
        return next((p for p in near if entry_hash(link, entry_id=p, previous=told) == link.entry_hash), None)
