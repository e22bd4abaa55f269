"""Servers and bare loops side by side: interleaved rounds, CPU seconds per answer, answers a second, waiting times."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from benchmarks.bare import Loops
from benchmarks.load import Heard, hear
from benchmarks.plan import Plan
from benchmarks.processes import Tree
from benchmarks.servers import RIVALS, NotStarted, Rival, Server, installed, ours, rival
from benchmarks.spread import spread
from benchmarks.subject import Subject, unlike

BARE, BARE_ALONE = "bare loops", "bare loop, alone"
_WARM_S: Final = 1.0
_PATIENCE_S: Final = 60.0

Say = Callable[[str], None]


def measure_side_by_side(subject: Subject, plan: Plan, *, say: Say, rivals: Sequence[Rival] = RIVALS) -> dict[str, Any]:
    """Each system's median and spread over the rounds; `absent` names rivals that are not installed."""
    with contextlib.ExitStack() as stack:
        loops = Loops.start(subject, num=plan.workers)
        stack.callback(loops.close)
        own = ours(subject, channels=plan.clients, workers=plan.workers, threads=plan.threads)
        servers = dict(stack.enter_context(own))
        for kind in filter(installed, rivals):
            say(f"starting {kind.name}")
            servers[kind.name] = stack.enter_context(rival(kind, subject, workers=plan.workers))
        for server in servers.values():
            warm(server, subject, clients=plan.clients)
        rounds = [
            row
            for number in range(plan.rounds)
            for row in _round(loops, servers, subject, plan, number=number, say=say)
        ]
    absent = [kind.name for kind in rivals if not installed(kind)]
    return {"systems": summary(rounds), "rounds": rounds, "absent": absent}


def _round(
    loops: Loops, servers: dict[str, Server], subject: Subject, plan: Plan, *, number: int, say: Say
) -> Iterator[dict[str, Any]]:
    """Every system once, each round beginning with another one."""
    names = [BARE, *servers, BARE_ALONE]
    for name in itertools.islice(itertools.cycle(names), number % len(names), number % len(names) + len(names)):
        if name in servers:
            row = server_round(servers[name], subject, plan, number=number)
        else:
            row = bare_round(loops, plan, num=1 if name == BARE_ALONE else plan.workers)
        say(f"round {number + 1}/{plan.rounds} {name}: {row['answers_per_s']:.1f}/s, "
            f"{1e3 * row['cpu_s_per_answer']:.0f} ms of CPU per answer")  # fmt: skip
        yield {"system": name, "round": number, **row}


def bare_round(loops: Loops, plan: Plan, *, num: int) -> dict[str, Any]:
    """`num` bare loops at once."""
    ran = loops.run(plan.round_s, num=num)
    answers = sum(loop["answers"] for loop in ran)
    return {
        "answers": answers,
        "answers_per_s": sum(loop["answers"] / loop["wall_s"] for loop in ran),
        "cpu_s_per_answer": sum(loop["cpu_s"] for loop in ran) / answers,
    }


def server_round(server: Server, subject: Subject, plan: Plan, *, number: int) -> dict[str, Any]:
    """One server at saturation."""
    tree = Tree.of(server.pid)
    before, own_before = tree.cpu_s(), time.process_time()
    pictures = unlike(subject.pictures, series=f"{server.name} {number}")
    found = asyncio.run(heard(server, pictures, clients=plan.clients, seconds=plan.round_s))
    facts = found.facts()
    answers = max(1, facts["answers"])
    return facts | {
        "cpu_s_per_answer": (tree.cpu_s() - before) / answers,
        "load_cpu_s_per_answer": (time.process_time() - own_before) / answers,
        "resident_mib": tree.resident_mib(),
    }


def warm(server: Server, subject: Subject, *, clients: int) -> None:
    """Ask until every worker has likely answered once; raises `NotStarted` where no answer comes in time."""
    until, answers = time.monotonic() + _PATIENCE_S, 0
    for number in itertools.count():
        pictures = unlike(subject.pictures, series=f"warm {server.name} {number}")
        found = asyncio.run(heard(server, pictures, clients=clients, seconds=_WARM_S)).facts()
        answers += found["answers"]
        if answers >= clients:
            return
        if time.monotonic() > until:
            raise NotStarted(f"{server.name} does not answer: {found}")


async def heard(server: Server, pictures: Iterator[bytes], *, clients: int, seconds: float) -> Heard:
    """What so many callers of a server hear."""
    async with server.callers(clients) as callers:
        return await hear(callers, seconds=seconds, pictures=pictures)


def summary(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """By system: median and spread of what each round gave; counts added up."""
    found: dict[str, Any] = {}
    for name in dict.fromkeys(row["system"] for row in rounds):
        own = [row for row in rounds if row["system"] == name]
        found[name] = {
            key: spread([row[key] for row in own if row.get(key) is not None])
            for key in ("answers_per_s", "cpu_s_per_answer", "load_cpu_s_per_answer", "p50_s", "p95_s")
            if any(row.get(key) is not None for row in own)
        }
        found[name] |= {key: sum(row.get(key, 0) for row in own) for key in ("answers", "refused")}
        found[name]["failed"] = sum(sum(row.get("failed", {}).values()) for row in own)
    return found
