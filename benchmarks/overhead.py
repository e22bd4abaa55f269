"""What a request costs outside decode and model, request by request: one caller, one worker, the CPU clocks around it.

Two ways to the same figure. A picture that was answered before is looked up: all but decode, model and scoring is done
for it. And of a picture that is new, what the bare predictor uses for the same pixels is taken away.
"""

import asyncio
import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.load import ANSWERED, Caller
from benchmarks.plan import Plan
from benchmarks.processes import Tree
from benchmarks.servers import GRPC, REST, Server, both_protocols, service
from benchmarks.spread import spread
from benchmarks.subject import Subject, unlike
from bentos.journal import Entry, Journal
from bentos.runtime.predictor import Predictor

NOT_DURABLE: Final = Path("/dev/shm")
_SETTLE_S: Final = 0.02
_COMMITS: Final = 200


def measure_overhead(subject: Subject, plan: Plan, *, say: Callable[[str], None]) -> dict[str, Any]:
    """CPU milliseconds per request by protocol, what a commit costs, and waiting times with it durable and not."""
    predictor = Predictor.from_bundle(subject.bundle)
    predictor.identify(subject.pictures[:1])
    with tempfile.TemporaryDirectory(dir=NOT_DURABLE) as memory:
        forgetful = f"sqlite:///{memory}/journal.db"
        with service(subject, workers=1, threads=1) as (settings, process, _):
            servers = both_protocols(settings, pid=process.pid, channels=1)
            found = {name: asyncio.run(_requests(server, predictor, subject, plan)) for name, server in servers.items()}
            entry = Journal(settings.journal_url).entries(action="predict")[-1]
        say("requests one by one: done")
        with service(subject, workers=1, threads=1, journal=forgetful) as (settings, process, _):
            servers = both_protocols(settings, pid=process.pid, channels=1)
            walls = {name: asyncio.run(_walls(server, subject, plan)) for name, server in servers.items()}
        commits = _commits(entry, durable=subject.home / "commits.db", forgetful=Path(memory) / "commits.db")
    for name in (REST, GRPC):
        found[name]["wall_ms_not_durable"] = walls[name]
    return {"requests": found, "commit": commits}


async def _requests(server: Server, predictor: Predictor, subject: Subject, plan: Plan) -> dict[str, Any]:
    """New and known pictures in turn, each with the bare predictor's answer to the same pixels beside it."""
    new_ms, known_ms, bare_ms, wall_ms = [], [], [], []
    async with server.callers(1) as (caller,):
        await _settled(caller, subject)
        for picture in itertools.islice(unlike(subject.pictures, series=f"one {server.name}"), plan.single_requests):
            new_ms.append((await _cpu_ms(server, caller, picture))[0])
            cost_ms, took_ms = await _cpu_ms(server, caller, picture)
            known_ms.append(cost_ms)
            wall_ms.append(took_ms)
            began = time.thread_time()
            predictor.identify([picture])
            bare_ms.append(1e3 * (time.thread_time() - began))
    return {
        "known_cpu_ms": spread(known_ms),
        "new_cpu_ms": spread(new_ms),
        "bare_cpu_ms": spread(bare_ms),
        "difference_cpu_ms": spread([new - bare for new, bare in zip(new_ms, bare_ms, strict=True)]),
        "wall_ms_durable": spread(wall_ms),
    }


async def _walls(server: Server, subject: Subject, plan: Plan) -> dict[str, float]:
    """Waiting times for known pictures, ms."""
    took: list[float] = []
    async with server.callers(1) as (caller,):
        await _settled(caller, subject)
        for picture in itertools.islice(unlike(subject.pictures, series=f"wall {server.name}"), plan.single_requests):
            await caller.ask(picture)
            took.append(1e3 * (await caller.ask(picture)).seconds)
    return spread(took)


async def _settled(caller: Caller, subject: Subject) -> None:
    """First answers make tables and connections that stay."""
    for picture in itertools.islice(unlike(subject.pictures, series="settle"), 3):
        await caller.ask(picture)


async def _cpu_ms(server: Server, caller: Caller, picture: bytes) -> tuple[float, float]:
    """CPU milliseconds of the server's processes for one request, and how long it took; idle ticks are in it."""
    tree = Tree.of(server.pid)
    before = tree.cpu_s()
    reply = await caller.ask(picture)
    await asyncio.sleep(_SETTLE_S)  # what is done after the answer belongs to it, too
    if reply.status not in ANSWERED:
        raise RuntimeError(f"{server.name} said {reply.status} to a single caller")
    return 1e3 * (tree.cpu_s() - before), 1e3 * reply.seconds


def _commits(entry: Entry, *, durable: Path, forgetful: Path) -> dict[str, Any]:
    """CPU and waiting time of one commit of a real entry, on the disk and in memory, ms."""
    found = {}
    plain = Entry(**entry.model_dump(exclude={"entry_id"}))
    for name, path in (("durable", durable), ("not_durable", forgetful)):
        journal = Journal(f"sqlite:///{path}")
        cpu_ms, wall_ms = zip(*_each(lambda journal=journal: journal.append(plain), num=_COMMITS), strict=True)
        journal.close()
        path.unlink()
        found[name] = {"cpu_ms": spread(cpu_ms), "wall_ms": spread(wall_ms)}
    return found


def _each(work: Callable[[], object], *, num: int) -> Iterator[tuple[float, float]]:
    for _ in range(num):
        cpu, wall = time.thread_time(), time.perf_counter()
        work()
        yield 1e3 * (time.thread_time() - cpu), 1e3 * (time.perf_counter() - wall)
