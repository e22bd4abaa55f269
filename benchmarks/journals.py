"""What durability costs: the same service with its journal on the disk and in memory, in turns, at saturation.

New pictures are what a service is asked about; known ones, answered out of the cache, are the worst case, since next to
the commit there is hardly any work.
"""

import asyncio
import contextlib
import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.overhead import NOT_DURABLE
from benchmarks.plan import Plan
from benchmarks.processes import Tree
from benchmarks.servers import REST, Server, ours
from benchmarks.side_by_side import heard, summary, warm
from benchmarks.subject import Subject, unlike

DURABLE, IN_MEMORY = "on the disk", "in memory"
NEW, KNOWN = "new pictures", "known pictures"
_HOME: Final = ("recogniser", "gallery", "release", "keys")


def measure_journals(subject: Subject, plan: Plan, *, say: Callable[[str], None]) -> dict[str, Any]:
    """By kind of picture and place of the journal: answers a second, CPU seconds per answer, waiting times."""
    with contextlib.ExitStack() as stack:
        memory = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=NOT_DURABLE)))
        servers = {
            where: stack.enter_context(_served(_home(subject, name), plan, journal=journal))
            for where, name, journal in (
                (DURABLE, "durable", None),
                (IN_MEMORY, "memory", f"sqlite:///{memory / 'journal.db'}"),
            )
        }
        for server in servers.values():
            warm(server, subject, clients=plan.clients)
        rounds = [row for number in range(plan.rounds) for row in _round(servers, subject, plan, number=number)]
        say(f"{plan.rounds} rounds with the journal on the disk and in memory: done")
    return {"systems": summary(rounds), "rounds": rounds}


@contextlib.contextmanager
def _served(subject: Subject, plan: Plan, *, journal: str | None) -> Iterator[Server]:
    with ours(subject, channels=plan.clients, workers=plan.workers, threads=plan.threads, journal=journal) as servers:
        yield servers[REST]


def _home(subject: Subject, name: str) -> Subject:
    """A home with checkpoints of its own, since each journal has its own chain."""
    home = subject.home / "journals" / name
    shutil.rmtree(home, ignore_errors=True)
    for part in _HOME:
        shutil.copytree(subject.home / part, home / part)
    return Subject(home, subject.pictures)


def _round(servers: dict[str, Server], subject: Subject, plan: Plan, *, number: int) -> Iterator[dict[str, Any]]:
    """Every combination once; each round begins with the other journal."""
    for where in sorted(servers, reverse=bool(number % 2)):
        for kind in (NEW, KNOWN):
            new = unlike(subject.pictures, series=f"journals {number}")
            pictures = new if kind == NEW else itertools.cycle(subject.pictures)
            row = _asked(servers[where], pictures, plan)
            yield {"system": f"{kind}, {where}", "round": number, **row}


def _asked(server: Server, pictures: Iterator[bytes], plan: Plan) -> dict[str, Any]:
    tree = Tree.of(server.pid)
    before = tree.cpu_s()
    facts = asyncio.run(heard(server, pictures, clients=plan.clients, seconds=plan.round_s)).facts()
    return facts | {"cpu_s_per_answer": (tree.cpu_s() - before) / max(1, facts["answers"])}
