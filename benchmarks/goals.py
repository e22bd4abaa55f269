"""What was asked for, beside what was measured; a goal that is missed says so."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from benchmarks.journals import DURABLE, IN_MEMORY, NEW
from benchmarks.servers import GRPC, REST
from benchmarks.tables import table

MOST_OVER_BARE: Final = 1 / 0.85
NEXT_TO_NOTHING: Final = 0.15  # cores that others may use before a figure by the clock is doubted


@dataclass(frozen=True)
class Goal:
    """One figure of a part against its limit; `at_most` False means at least.

    What goes `by_the_clock` is worse than the machine's own where it is shared with other work; CPU time hardly is.
    """

    words: str
    limit: float
    value: float
    at_most: bool = True
    unit: str = ""
    by_the_clock: bool = False
    part: str = ""

    @property
    def met(self) -> bool:
        """Whether it holds."""
        return self.value <= self.limit if self.at_most else self.value >= self.limit

    def row(self, *, shared: bool) -> list[str]:
        """For the table."""
        sign = "at most" if self.at_most else "at least"
        said = "met" if self.met else "**missed**"
        return [self.words, f"{sign} {self.limit:.4g}{self.unit}", f"{self.value:.4g}{self.unit}",
                f"{said}, machine shared" if shared and self.by_the_clock else said]  # fmt: skip


def goal_rows(parts: Mapping[str, Any]) -> str:
    """The table of goals whose parts were measured."""
    found = {name: part["found"] for name, part in parts.items()}
    shared = {name: part["others_cores"] >= NEXT_TO_NOTHING for name, part in parts.items()}
    rows = [goal.row(shared=shared[goal.part]) for goal in goals(found)]
    return table(["", "goal", "measured", ""], rows)


def goals(found: Mapping[str, Any]) -> Iterator[Goal]:
    """Every goal of the parts in `found`."""
    for part, judge in _JUDGED.items():
        if part in found:
            yield from (replace(goal, part=part) for goal in judge(found[part]))


def _side_by_side(found: Mapping[str, Any]) -> Iterator[Goal]:
    yield from _against_bare(found["systems"], "")
    yield from _ahead(found["systems"])


def _efficientnet(found: Mapping[str, Any]) -> Iterator[Goal]:
    yield from _against_bare(found["systems"], ", EfficientNetV2-B1 240 px")


def _starting(found: Mapping[str, Any]) -> Iterator[Goal]:
    yield Goal("cold start to ready", 8, found["ready_s"]["median"], unit=" s", by_the_clock=True)
    yield Goal("memory of the largest process", 600, found["resident_mib"][0], unit=" MiB")


def _against_bare(systems: Mapping[str, Any], words: str) -> Iterator[Goal]:
    for bare in ("bare loops", "bare loop, alone"):
        limit = systems[bare]["cpu_s_per_answer"]["median"]
        for name in (REST, GRPC):
            ratio = systems[name]["cpu_s_per_answer"]["median"] / limit
            yield Goal(f"{name}: server's CPU per answer over the {bare}'s{words}", MOST_OVER_BARE, ratio)


def _ahead(systems: Mapping[str, Any]) -> Iterator[Goal]:
    others = [name for name in systems if name not in (REST, GRPC) and not name.startswith("bare")]
    for name in (REST, GRPC):
        for other in others:
            ratio = systems[name]["answers_per_s"]["median"] / systems[other]["answers_per_s"]["median"]
            yield Goal(f"{name}: answers a second over {other}'s", 1, ratio, at_most=False,
                       by_the_clock=True)  # fmt: skip


def _crowd(found: Mapping[str, Any]) -> Iterator[Goal]:
    for name, limit in ((REST, 2.0), (GRPC, 1.0)):
        rounds = found["protocols"][name]
        words = f"{name}, {found['callers']} callers"
        yield Goal(f"{words}: failed", 0, sum(sum(each["crowd"]["failed"].values()) for each in rounds))
        yield Goal(f"{words}: p95 of the admitted", limit, max(each["crowd"]["p95_s"] or 0 for each in rounds),
                   unit=" s", by_the_clock=True)  # fmt: skip
        kept = min(each["crowd"]["answers_per_s"] / each["peak"]["answers_per_s"] for each in rounds)
        yield Goal(f"{words}: answers a second over the peak", 0.9, kept, at_most=False, by_the_clock=True)
        yield Goal(f"{words}: largest process", 600, max(each["crowd"]["largest_mib"] for each in rounds), unit=" MiB")


def _overhead(found: Mapping[str, Any]) -> Iterator[Goal]:
    commit = found["commit"]["durable"]["cpu_ms"]["median"]
    for name, each in found["requests"].items():
        for key, words in (("known_cpu_ms", "known picture"), ("difference_cpu_ms", "new picture minus bare")):
            value = each[key]["median"] - commit
            yield Goal(f"{name}: CPU outside decode and model, without the commit, p50 ({words})", 3, value, unit=" ms")


def _journals(found: Mapping[str, Any]) -> Iterator[Goal]:
    durable, in_memory = (
        found["systems"][f"{NEW}, {where}"]["answers_per_s"]["median"] for where in (DURABLE, IN_MEMORY)
    )
    words = "answers a second with the journal on the disk over those with it in memory"
    yield Goal(words, 0.9, durable / in_memory, at_most=False, by_the_clock=True)


def _networks(found: Mapping[str, Any]) -> Iterator[Goal]:
    """The fast member as it is served, which is the network that stands first, and the reader."""
    costs = found["networks"]
    for name, limit in ((next(iter(costs)), 10), ("imprint reader", 60)):
        yield Goal(f"{name} on one core", limit, costs[name]["cpu_ms"]["median"], unit=" ms")


_JUDGED: Final[dict[str, Callable[[Mapping[str, Any]], Iterator[Goal]]]] = {
    "side_by_side": _side_by_side,
    "efficientnet": _efficientnet,
    "crowd": _crowd,
    "overhead": _overhead,
    "journals": _journals,
    "starting": _starting,
    "networks": _networks,
}
