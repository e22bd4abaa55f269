"""Real service processes for tests, always stopped again."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from bentos.serve import start_service, wait_until_ready
from bentos.settings import Settings


def free_port() -> int:
    """A TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(happened: Callable[[], object], *, timeout_s: float = 60) -> None:
    """Look again and again until it happened; fails when the time has passed."""
    deadline = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@contextmanager
def launched(settings: Settings, *, bento: str | None = None, until: str = "/ready") -> Iterator[subprocess.Popen]:
    """A service process that says 200 at `until`; it is stopped by SIGTERM and must end within 20 s."""
    if "grpc_port" not in settings.model_fields_set:
        settings = settings.model_copy(update={"grpc_port": free_port()})
    log = settings.home / "service.log"
    process = start_service(settings, bento=bento, log=log)
    try:
        wait_until_ready(settings, process, timeout_s=60, path=until)
        yield process
    except BaseException as error:
        error.add_note(log.read_text()[-4000:])
        raise
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


@contextmanager
def running(settings: Settings, *, bento: str | None = None, until: str = "/ready") -> Iterator[httpx.Client]:
    """A client of a launched service."""
    with (
        launched(settings, bento=bento, until=until),
        httpx.Client(base_url=f"http://127.0.0.1:{settings.port}", timeout=30) as client,
    ):
        yield client


@contextmanager
def redis_server(port: int) -> Iterator[subprocess.Popen]:
    """A Redis of Debian's package that keeps nothing on disk and answers at 127.0.0.1; it ends with the test."""
    where = ("--bind", "127.0.0.1", "--port", str(port))
    process = subprocess.Popen(["redis-server", *where, "--save", "", "--appendonly", "no"], stdout=subprocess.DEVNULL)
    try:
        wait_for_port(port)
        yield process
    finally:
        process.terminate()
        process.wait(20)


def wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError(f"nothing listens at {port}")


def resident_mib(home: Path) -> float:
    """Largest resident memory of a worker that serves this home, in MiB."""
    sizes = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            environment = (directory / "environ").read_bytes()
            status = (directory / "status").read_text()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if int(directory.name) != os.getpid() and f"RXVISION_HOME={home}\0".encode() in environment:
            sizes += [int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")]
    return max(sizes)
