"""How long the service takes to be ready, and what its processes hold in memory once they have answered."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from benchmarks.plan import Plan
from benchmarks.processes import Tree
from benchmarks.servers import REST, both_protocols, service
from benchmarks.side_by_side import heard
from benchmarks.spread import spread
from benchmarks.subject import Subject, unlike

_ASK_S: Final = 3.0


def measure_starting(subject: Subject, plan: Plan, *, say: Callable[[str], None]) -> dict[str, Any]:
    """Seconds from the command to /ready, caches of the disk warm, CPU seconds until then, MiB of each process."""
    seconds: list[float] = []
    cpu_s: list[float] = []
    for number in range(plan.starts):
        with service(subject, workers=plan.workers, threads=plan.threads) as (settings, process, took_s):
            seconds.append(took_s)
            cpu_s.append(Tree.of(process.pid).cpu_s())
            say(f"start {number + 1}/{plan.starts}: ready after {took_s:.1f} s")
            if number + 1 == plan.starts:
                server = both_protocols(settings, pid=process.pid, channels=1)[REST]
                pictures = unlike(subject.pictures, series="memory")
                asyncio.run(heard(server, pictures, clients=plan.clients, seconds=min(_ASK_S, plan.round_s)))
                resident = Tree.of(process.pid).resident_mib()
    return {"ready_s": spread(seconds), "cpu_s": spread(cpu_s), "workers": plan.workers, "resident_mib": resident}
