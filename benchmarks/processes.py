"""CPU time and memory of a server: its process and all its children, by the kernel's clocks."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bentos.settings import Settings, launch_environment

ROOT = Path(__file__).resolve().parents[1]
_STOPPING_S = 30.0


@dataclass(frozen=True)
class Tree:
    """A process and its children as they were when it was made."""

    members: tuple[psutil.Process, ...]

    @classmethod
    def of(cls, pid: int) -> "Tree":
        """All processes below `pid`, and itself."""
        top = psutil.Process(pid)
        return cls((top, *top.children(recursive=True)))

    def cpu_s(self) -> float:
        """CPU seconds used so far, user and system, in nanoseconds' steps."""
        return sum(_clock_s(process.pid) for process in self.members)

    def cpu_s_by_process(self) -> dict[int, float]:
        """The same for each process."""
        return {process.pid: _clock_s(process.pid) for process in self.members}

    def resident_mib(self) -> list[float]:
        """Resident memory of each process, largest first, MiB."""
        sizes = (process.memory_info().rss / 2**20 for process in self.members if process.is_running())
        return sorted(sizes, reverse=True)


def _clock_s(pid: int) -> float:
    """The CPU clock of another process: clock_getcpuclockid(3) has this bit pattern on Linux; 0 where it ended."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


def free_port() -> int:
    """A TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def launched(command: Sequence[str], *, settings: Settings, log: Path) -> Iterator[subprocess.Popen]:
    """A process of ours with one compute thread and telemetry off; it and its children are stopped at the end."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=launch_environment(settings), stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen) -> None:
    """SIGTERM and patience; what then still runs below it is killed."""
    below = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.terminate()
    try:
        process.wait(_STOPPING_S)
    except subprocess.TimeoutExpired:
        process.kill()
    for child in psutil.wait_procs(below, timeout=2)[1]:
        child.kill()


def python(*arguments: str) -> list[str]:
    """The command that runs a module of ours with this interpreter."""
    return [sys.executable, "-m", *arguments]
