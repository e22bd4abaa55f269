"""Overload: far more callers than a service can answer, who come back when it says; beside its peak just before."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from benchmarks.plan import Plan
from benchmarks.processes import Tree
from benchmarks.servers import Server, ours
from benchmarks.side_by_side import heard, warm
from benchmarks.subject import Subject, unlike

_LOOK_S: Final = 0.5
_CROWD_CHANNELS: Final = 100


class Watched:
    """The largest memory that was seen, MiB, of a server's largest process and of all together."""

    largest = 0.0
    together = 0.0

    def look(self, tree: Tree) -> None:
        """Look once."""
        sizes = tree.resident_mib()
        self.largest, self.together = max(self.largest, *sizes), max(self.together, sum(sizes))


def measure_crowd(subject: Subject, plan: Plan, *, say: Callable[[str], None]) -> dict[str, Any]:
    """By protocol, round by round: the peak by a few callers, then the crowd."""
    found: dict[str, list[dict[str, Any]]] = {}
    with ours(subject, channels=_CROWD_CHANNELS, workers=plan.workers, threads=plan.threads) as servers:
        for server in servers.values():
            warm(server, subject, clients=plan.clients)
        for number in range(plan.crowd_rounds):
            for name, server in servers.items():
                ask = partial(_asked, server, subject)
                peak = ask(clients=plan.clients, seconds=plan.crowd_s / 2, series=f"peak {number}")
                crowd = ask(clients=plan.crowd, seconds=plan.crowd_s, series=f"crowd {number}")
                after = ask(clients=plan.clients, seconds=plan.crowd_s / 2, series=f"after {number}")
                found.setdefault(name, []).append({"peak": peak, "crowd": crowd, "after": after})
                say(f"{name}: {plan.crowd} callers: {crowd['answers_per_s']:.1f} answers/s, "
                    f"{crowd['refused']} refused, failed {crowd['failed']}")  # fmt: skip
    return {"callers": plan.crowd, "protocols": found}


def _asked(server: Server, subject: Subject, *, clients: int, seconds: float, series: str) -> dict[str, Any]:
    tree, watched = Tree.of(server.pid), Watched()
    pictures = unlike(subject.pictures, series=f"{server.name} {series}")
    before, own_before, began = tree.cpu_s(), time.process_time(), time.perf_counter()
    with _watching(tree, watched):
        facts = asyncio.run(heard(server, pictures, clients=clients, seconds=seconds)).facts()
    wall_s = time.perf_counter() - began
    return facts | {
        "clients": clients,
        "server_cores": (tree.cpu_s() - before) / wall_s,
        "load_cores": (time.process_time() - own_before) / wall_s,
        "cpu_s_per_answer": (tree.cpu_s() - before) / max(1, facts["answers"]),
        "largest_mib": watched.largest,
        "together_mib": watched.together,
    }


@contextmanager
def _watching(tree: Tree, watched: Watched) -> Iterator[None]:
    over = threading.Event()

    def keep_looking() -> None:
        while not over.wait(_LOOK_S):
            watched.look(tree)

    watched.look(tree)
    looking = threading.Thread(target=keep_looking)
    looking.start()
    try:
        yield
    finally:
        over.set()
        looking.join()
