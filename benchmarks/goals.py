"""What was asked for, beside what was measured; a goal that is missed says so."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.servers import GRPC, REST
from benchmarks.tables import table

MOST_OVER_BARE: Final = 1 / 0.85


@dataclass(frozen=True)
class Goal:
    """One figure against its limit; `at_most` False means at least."""

    words: str
    limit: float
    value: float
    at_most: bool = True
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether it holds."""
        return self.value <= self.limit if self.at_most else self.value >= self.limit

    def row(self) -> list[str]:
        """For the table."""
        sign = "at most" if self.at_most else "at least"
        return [self.words, f"{sign} {self.limit:.4g}{self.unit}", f"{self.value:.4g}{self.unit}",
                "met" if self.met else "**missed**"]  # fmt: skip


def goal_rows(parts: Mapping[str, Any]) -> str:
    """The table of goals whose parts were measured."""
    found = {name: part["found"] for name, part in parts.items()}
    return table(["", "goal", "measured", ""], [goal.row() for goal in goals(found)])


def goals(found: Mapping[str, Any]) -> Iterator[Goal]:
    """Every goal of the parts in `found`."""
    for name, words in (("side_by_side", ""), ("efficientnet", ", EfficientNetV2-B1 240 px")):
        if name in found:
            yield from _against_bare(found[name]["systems"], words)
    if "side_by_side" in found:
        yield from _ahead(found["side_by_side"]["systems"])
    if "crowd" in found:
        yield from _crowd(found["crowd"])
    if "overhead" in found:
        yield from _overhead(found["overhead"])
    if "starting" in found:
        yield Goal("cold start to ready", 8, found["starting"]["ready_s"]["median"], unit=" s")
        yield Goal("memory of the largest process", 600, found["starting"]["resident_mib"][0], unit=" MiB")
    if "networks" in found:
        yield from _networks(found["networks"]["networks"])


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
            yield Goal(f"{name}: answers a second over {other}'s", 1, ratio, at_most=False)


def _crowd(found: Mapping[str, Any]) -> Iterator[Goal]:
    for name, limit in ((REST, 2.0), (GRPC, 1.0)):
        rounds = found["protocols"][name]
        words = f"{name}, {found['callers']} callers"
        yield Goal(f"{words}: failed", 0, sum(sum(each["crowd"]["failed"].values()) for each in rounds))
        yield Goal(f"{words}: p95 of the admitted", limit, max(each["crowd"]["p95_s"] or 0 for each in rounds),
                   unit=" s")  # fmt: skip
        kept = min(each["crowd"]["answers_per_s"] / each["peak"]["answers_per_s"] for each in rounds)
        yield Goal(f"{words}: answers a second over the peak", 0.9, kept, at_most=False)
        yield Goal(f"{words}: largest process", 600, max(each["crowd"]["largest_mib"] for each in rounds), unit=" MiB")


def _overhead(found: Mapping[str, Any]) -> Iterator[Goal]:
    commit = found["commit"]["durable"]["cpu_ms"]["median"]
    for name, each in found["requests"].items():
        for key, words in (("known_cpu_ms", "known picture"), ("difference_cpu_ms", "new picture minus bare")):
            value = each[key]["median"] - commit
            yield Goal(f"{name}: CPU outside decode and model, without the commit, p50 ({words})", 3, value, unit=" ms")


def _networks(found: Mapping[str, Any]) -> Iterator[Goal]:
    for name, limit in (("resnet10t", 10), ("imprint reader", 60)):
        for each in (key for key in found if key.startswith(name) and not key.endswith("fp32")):
            yield Goal(f"{each} on one core", limit, found[each]["cpu_ms"]["median"], unit=" ms")
