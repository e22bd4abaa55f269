"""The servers that are held against each other: ours over both protocols, and the same predictor behind others."""

import asyncio
import importlib.util
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.grpc_caller import GrpcCaller, channel_to
from benchmarks.http_caller import HttpCaller, multipart, plain
from benchmarks.load import HOST, Caller
from benchmarks.processes import free_port, launched, python
from benchmarks.subject import Subject
from bentos.serve import serve_command, wait_until_ready
from bentos.settings import Settings

REST, GRPC = "ours, REST", "ours, gRPC"
_READY_S: Final = 90.0
_START_S: Final = 0.2


class NotStarted(RuntimeError):
    """A server ended, or did not listen in time."""


@dataclass(frozen=True)
class Server:
    """One that is up: its first process, and how so many callers of it are made."""

    name: str
    pid: int
    callers: Callable[[int], AbstractAsyncContextManager[list[Caller]]]


@dataclass(frozen=True)
class Rival:
    """Another way to serve the predictor. `package` must be installed; `form` puts a picture into a request."""

    name: str
    package: str
    form: Callable[[bytes], list[bytes]]
    command: Callable[[Subject, int, int], list[str]]


def _command(module: str) -> Callable[[Subject, int, int], list[str]]:
    return lambda subject, port, workers: python(module, str(subject.bundle), str(port), str(workers))


def _mosec(subject: Subject, port: int, _workers: int) -> list[str]:
    """Its workers are counted by our settings: the command line is Mosec's own."""
    where = ("--address", HOST, "--port", str(port), "--path", str(subject.home / "mosec"))
    return python("benchmarks.rivals.with_mosec", *where, "--timeout", "120000", "--log-level", "warning")


RIVALS: Final = (
    Rival("FastAPI", "fastapi", multipart("/predict"), _command("benchmarks.rivals.plain_fastapi")),
    Rival("LitServe", "litserve", multipart("/predict"), _command("benchmarks.rivals.with_litserve")),
    Rival("Mosec", "mosec", plain("/inference"), _mosec),
)


def installed(rival: Rival) -> bool:
    """Whether its package can be imported here."""
    return importlib.util.find_spec(rival.package) is not None


@contextmanager
def service(subject: Subject, **overrides: object) -> Iterator[tuple[Settings, subprocess.Popen, float]]:
    """Our service on free ports: its settings, its process, and the seconds until it was ready."""
    settings = subject.settings(port=free_port(), grpc_port=free_port(), **overrides)
    began = time.monotonic()
    with launched(serve_command(settings), settings=settings, log=subject.home / "service.log") as process:
        wait_until_ready(settings, process, timeout_s=_READY_S)
        yield settings, process, time.monotonic() - began


@contextmanager
def ours(subject: Subject, *, channels: int, **overrides: object) -> Iterator[dict[str, Server]]:
    """Our service, spoken to over REST and over gRPC."""
    with service(subject, **overrides) as (settings, process, _):
        yield both_protocols(settings, pid=process.pid, channels=channels)


def both_protocols(settings: Settings, *, pid: int, channels: int) -> dict[str, Server]:
    """A running service of ours by protocol; gRPC callers share so many channels."""
    over_rest = partial(http_callers, settings.port, multipart("/api/v1/predict"))
    over_grpc = partial(grpc_callers, settings.grpc_port, channels)
    return {REST: Server(REST, pid, over_rest), GRPC: Server(GRPC, pid, over_grpc)}


@asynccontextmanager
async def http_callers(port: int, form: Callable[[bytes], list[bytes]], num: int) -> AsyncIterator[list[Caller]]:
    """Each with a connection of its own."""
    callers = [HttpCaller(port, form=form) for _ in range(num)]
    yield callers
    for caller in callers:
        await caller.close()


@asynccontextmanager
async def grpc_callers(port: int, channels: int, num: int) -> AsyncIterator[list[Caller]]:
    """On `channels` connections at most, which are open before anybody asks."""
    opened = [channel_to(port) for _ in range(min(channels, num))]
    await asyncio.gather(*(channel.channel_ready() for channel in opened))
    yield [GrpcCaller(opened[number % len(opened)]) for number in range(num)]
    await asyncio.gather(*(channel.close() for channel in opened))


@contextmanager
def rival(kind: Rival, subject: Subject, *, workers: int) -> Iterator[Server]:
    """Another server with so many workers, once it listens."""
    port, settings = free_port(), subject.settings(workers=workers)
    log = subject.home / f"{kind.package}.log"
    with launched(kind.command(subject, port, workers), settings=settings, log=log) as process:
        wait_until_listening(port, process, log=log)
        yield Server(kind.name, process.pid, partial(http_callers, port, kind.form))


def wait_until_listening(port: int, process: subprocess.Popen, *, log: Path) -> None:
    """Raises `NotStarted` where the process ended or does not take connections in time."""
    until = time.monotonic() + _READY_S
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        time.sleep(_START_S)
    raise NotStarted(f"nothing listens at {port}; the log ends: {log.read_text()[-2000:]}")
