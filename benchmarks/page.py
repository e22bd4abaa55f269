"""docs/performance.md out of what was measured: goals first, then each part with its figure and its numbers."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks import plots
from benchmarks.goals import NEXT_TO_NOTHING, goal_rows
from benchmarks.tables import around, table

_FOLDER: Final = "performance"
_INTRODUCTION: Final = """# Performance

Written by `make bench` (or `python -m benchmarks`); nothing here was typed by hand. Server and load share the machine
and only the loopback interface is used. Photographs are drawn by the project's renderer, {pixels}, {kib:.0f} KiB of
JPEG on average; every request carries a comment of its own in the file, so that no cache has met its bytes unless said.
Figures are medians over rounds with the least and the most in brackets; `n` is the number of rounds or runs. Systems
that are compared take turns within each round.

The recogniser is `{name}`: {members}{reader}, with a gallery of {medications} rendered medications.
"""


def write_page(results: Mapping[str, Any], *, docs: Path) -> Path:
    """Write figures below `docs/performance` and the page beside it."""
    folder = docs / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    parts = results["parts"]
    lines = [_introduction(results), _machine(results), "## Against the goals\n", goal_rows(parts)]
    for name, section in _SECTIONS.items():
        if name in parts:
            lines.append(section(parts[name]["found"], folder) + _when(parts[name]))
    page = docs / f"{_FOLDER}.md"
    page.write_text("\n".join(lines).rstrip() + "\n")
    return page


def _introduction(results: Mapping[str, Any]) -> str:
    about, plan = results["recogniser"], next(iter(results["parts"].values()))["plan"]
    return _INTRODUCTION.format(
        pixels=f"{plan['picture_px']} x {plan['picture_px']} pixels",
        kib=about["mean_jpeg_kib"],
        name=about["name"],
        members=", ".join(about["members"]),
        reader=", with the imprint reader" if about["reads_imprints"] else "",
        medications=plan["medications"],
    )


def _machine(results: Mapping[str, Any]) -> str:
    rows = [[name, value] for name, value in results["machine"].items()]
    return "## Machine\n\n" + table(["", ""], rows)


def _when(part: Mapping[str, Any]) -> str:
    others = part["others_cores"]
    shared = (
        "" if others < NEXT_TO_NOTHING else " **So answers a second, waiting times and the start are not what this "
        "machine can do alone; CPU times are higher, too, by what refilling caches costs.**"
    )  # fmt: skip
    return (
        f"\nMeasured {part['measured_at']} at commit `{part['commit']}`, in {part['seconds']:.0f} s with priority "
        f"{part['priority']}; other work on the machine used {others:.1f} cores meanwhile.{shared}\n"
    )


def _side_by_side(found: Mapping[str, Any], folder: Path) -> str:
    picture = plots.side_by_side_figure(found["systems"], folder / "side_by_side.svg")
    absent = f"\nNot installed, so not measured: {', '.join(found['absent'])}.\n" if found["absent"] else ""
    return (
        "## Side by side\n\nThe same predictor in a bare loop, in our service, and behind others, all with the same "
        "number of processes. `bare loops` are as many as there are workers and run at once: what the machine can do "
        "at best. Ours journals every answer durably, looks into its cache, counts and bounds its queue; the others do "
        "not. The load generator's CPU is beside the servers', not in it.\n\n"
        f"![]({_FOLDER}/{picture.name})\n\n" + _systems(found["systems"]) + absent
    )


def _systems(systems: Mapping[str, Any]) -> str:
    bare = systems["bare loops"]["cpu_s_per_answer"]["median"]
    head = ["system", "CPU per answer, ms", "over bare", "answers/s", "p50, s", "p95, s", "load's CPU, ms", "refused",
            "failed", "n"]  # fmt: skip
    rows = [
        [
            name,
            around(each["cpu_s_per_answer"], factor=1e3, digits=1),
            f"{each['cpu_s_per_answer']['median'] / bare:.3f}",
            around(each["answers_per_s"], digits=1),
            around(each.get("p50_s"), digits=2),
            around(each.get("p95_s"), digits=2),
            around(each.get("load_cpu_s_per_answer"), factor=1e3, digits=1),
            str(each["refused"]),
            str(each["failed"]),
            str(each["cpu_s_per_answer"]["rounds"]),
        ]
        for name, each in systems.items()
    ]
    return table(head, rows)


def _efficientnet(found: Mapping[str, Any], folder: Path) -> str:
    picture = plots.side_by_side_figure(found["systems"], folder / "efficientnet.svg")
    return (
        "## With EfficientNetV2-B1 at 240 px\n\nThe same with another fast member, int8, of random weights: time does "
        f"not depend on them.\n\n![]({_FOLDER}/{picture.name})\n\n" + _systems(found["systems"])
    )


def _overhead(found: Mapping[str, Any], folder: Path) -> str:
    requests, commit = found["requests"], found["commit"]
    bars = {f"{name}, picture known": each["known_cpu_ms"] for name, each in requests.items()}
    bars |= {f"{name}, new minus bare": each["difference_cpu_ms"] for name, each in requests.items()}
    bars |= {"commit of a journal entry": commit["durable"]["cpu_ms"]}
    picture = plots.bars_figure(bars, folder / "overhead.svg", label="CPU per request, ms")
    rows = [
        [name, *(around(each[key], digits=2) for key in ("known_cpu_ms", "difference_cpu_ms", "wall_ms_durable",
                                                        "wall_ms_not_durable")), str(each["known_cpu_ms"]["rounds"])]
        for name, each in requests.items()
    ]  # fmt: skip
    commits = [
        [name.replace("_", " "), around(each["cpu_ms"], digits=2), around(each["wall_ms"], digits=2),
         str(each["cpu_ms"]["rounds"])]
        for name, each in commit.items()
    ]  # fmt: skip
    return (
        "## Overhead outside decode and model\n\nOne worker, one caller, request by request, by the CPU clocks of all "
        "the service's processes. A known picture is answered out of the cache: everything but decode, model and "
        "scoring is done for it, its journal entry included. `new minus bare` takes the bare predictor's CPU for the "
        "same pixels from a new picture's. Not durable: the journal lies in memory (tmpfs) instead of on the disk.\n\n"
        f"![]({_FOLDER}/{picture.name})\n\n"
        + table(["", "known, CPU ms", "new minus bare, CPU ms", "known, wall ms, durable", "wall ms, not durable", "n"],
                rows)
        + "\nOne commit of a real entry, of which the requests above have one each:\n\n"
        + table(["journal", "CPU, ms", "wall, ms", "n"], commits)
    )  # fmt: skip


def _journals(found: Mapping[str, Any], _folder: Path) -> str:
    rows = [
        [name, around(each["answers_per_s"], digits=1), around(each["cpu_s_per_answer"], digits=1, factor=1e3),
         around(each["p50_s"], digits=1, factor=1e3), str(each["answers_per_s"]["rounds"])]
        for name, each in found["systems"].items()
    ]  # fmt: skip
    return (
        "## What durability costs\n\nThe same service twice, over REST at saturation, in turns: once every entry is on "
        "the disk before its answer leaves, once the journal lies in memory (tmpfs). Known pictures come out of the "
        "cache, so that next to the commit there is hardly any work; new ones are what a service is asked about.\n\n"
        + table(["", "answers/s", "CPU per answer, ms", "p50, ms", "n"], rows)
    )


def _starting(found: Mapping[str, Any], _folder: Path) -> str:
    sizes = ", ".join(f"{size:.0f}" for size in found["resident_mib"])
    used = f", of CPU {around(found['cpu_s'], digits=1)} s by all processes" if "cpu_s" in found else ""
    return (
        f"## Start and memory\n\nFrom the command to ready with {found['workers']} workers: "
        f"{around(found['ready_s'], digits=1)} s{used}, n = {found['ready_s']['rounds']}. Resident memory of the "
        f"service's processes after answering at saturation, MiB: {sizes}.\n"
    )


def _crowd(found: Mapping[str, Any], folder: Path) -> str:
    picture = plots.crowd_figure(found["protocols"], folder / "crowd.svg")
    head = ["", "callers", "answers/s", "p50, s", "p95, s", "refused", "failed", "server's CPU per answer, ms",
            "cores: server", "load", "largest process, MiB"]  # fmt: skip
    rows = [
        _crowd_row(f"{name}, {phase}", each)
        for name, rounds in found["protocols"].items()
        for one in rounds
        for phase, each in one.items()
    ]
    return (
        f"## {found['callers']} callers at once\n\nFar more than can be answered: who is refused comes back after the "
        "time it was told, or up to half as much later. Waiting times are of those that were admitted. The load shares "
        "the cores, so answers a second are to be read beside what each side used.\n\n"
        f"![]({_FOLDER}/{picture.name})\n\n" + table(head, rows)
    )


def _crowd_row(name: str, each: Mapping[str, Any]) -> list[str]:
    return [
        name,
        str(each["clients"]),
        f"{each['answers_per_s']:.1f}",
        _or_none(each["p50_s"]),
        _or_none(each["p95_s"]),
        str(each["refused"]),
        str(each["failed"] or 0),
        f"{1e3 * each['cpu_s_per_answer']:.1f}",
        f"{each['server_cores']:.2f}",
        f"{each['load_cores']:.2f}",
        f"{each['largest_mib']:.0f}",
    ]


def _or_none(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _scoring(found: Mapping[str, Any], folder: Path) -> str:
    picture = plots.scoring_figure(found, folder / "scoring.svg")
    rows = [
        [f"{int(size):,}", around(each["photograph"], digits=2), around(each["with_typed_facts"], digits=2),
         f"{each['load_s']:.1f}", str(each["photograph"]["rounds"])]
        for size, each in found.items()
    ]  # fmt: skip
    return (
        "## Scoring against the gallery's size\n\nCPU of scoring, deciding and explaining, with embeddings and reading "
        "there already; galleries are made up by tiling the rendered one's prototypes, each with an imprint of its "
        f"own.\n\n![]({_FOLDER}/{picture.name})\n\n"
        + table(["appearances", "photograph, ms", "with typed facts, ms", "loading, s", "n"], rows)
    )


def _networks(found: Mapping[str, Any], folder: Path) -> str:
    costs = {name: each["cpu_ms"] for name, each in found["networks"].items()}
    picture = plots.bars_figure(costs, folder / "networks.svg", label="CPU of one picture, one core, ms")
    stages = plots.bars_figure(found["stages"], folder / "stages.svg", label="CPU of one answer by stage, ms")
    rows = [
        [name, around(each["cpu_ms"], digits=1), around(each["wall_ms"], digits=1), str(each["cpu_ms"]["rounds"])]
        for name, each in found["networks"].items()
    ]
    by_stage = [[name, around(each, digits=2), str(each["rounds"])] for name, each in found["stages"].items()]
    return (
        "## Single networks on one core\n\nOne picture at a time, one thread. Networks without committed weights have "
        f"random ones.\n\n![]({_FOLDER}/{picture.name})\n\n"
        + table(["network", "CPU, ms", "wall, ms", "n"], rows)
        + f"\nWhere one answer's CPU goes:\n\n![]({_FOLDER}/{stages.name})\n\n"
        + table(["stage", "CPU, ms", "n"], by_stage)
    )


def _router(found: Mapping[str, Any], folder: Path) -> str:
    picture = plots.bars_figure({name: each["cpu_ms"] for name, each in found["ways"].items()}, folder / "router.svg",
                                label="CPU per answer, ms")  # fmt: skip
    rows = [
        [name, around(each["cpu_ms"], digits=1), f"{each['mean_cpu_ms']:.1f}",
         ", ".join(f"{route} {share:.0%}" for route, share in each["routes"].items()), str(each["cpu_ms"]["rounds"])]
        for name, each in found["ways"].items()
    ]  # fmt: skip
    return (
        f"## The router\n\n{found['photographs']} rendered photographs; the accurate member is an int8 "
        f"{found['accurate']} of random weights with no weight in any answer, so its time is real and how often the "
        f"fast member is unsure (total uncertainty above {found['escalate_uncertainty']}) is the committed fast "
        f"member's own.\n\n![]({_FOLDER}/{picture.name})\n\n"
        + table(["members asked by", "CPU, ms, median", "mean", "routes taken", "n"], rows)
    )


_SECTIONS: Final[dict[str, Callable[[Mapping[str, Any], Path], str]]] = {
    "side_by_side": _side_by_side,
    "efficientnet": _efficientnet,
    "overhead": _overhead,
    "journals": _journals,
    "crowd": _crowd,
    "starting": _starting,
    "scoring": _scoring,
    "networks": _networks,
    "router": _router,
}
