"""What the figures were measured on and with: processor, memory, system, libraries, load, commit."""

import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import psutil

_LIBRARIES = (
    "bentoml", "fastapi", "grpcio", "litserve", "mosec", "numpy", "onnxruntime", "opencv-python-headless", "pillow",
    "uvicorn", "uvloop",
)  # fmt: skip


def machine_facts(root: Path) -> dict[str, str]:
    """Name to value, for the page."""
    return {
        "processor": _processor(),
        "cores": f"{psutil.cpu_count()} logical, shared by servers and load",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": sys.version.split()[0],
        "libraries": ", ".join(f"{name} {version}" for name in _LIBRARIES if (version := version_of(name))),
        "commit": commit_of(root),
    }


@dataclass(frozen=True)
class Moment:
    """What was used up to now: of the clock, by all processes of the machine, by this one and those it waited for."""

    wall_s: float
    all_cpu_s: float
    own_cpu_s: float

    @classmethod
    def now(cls) -> "Moment":
        """Read the clocks."""
        all_times, own = psutil.cpu_times(), os.times()
        busy_s = sum(all_times) - all_times.idle - all_times.iowait - all_times.guest - all_times.guest_nice
        own_s = own.user + own.system + own.children_user + own.children_system
        return cls(time.monotonic(), busy_s, own_s)

    def others_cores(self) -> float:
        """How many cores other processes of the machine have used since then."""
        now = Moment.now()
        others_s = now.all_cpu_s - self.all_cpu_s - (now.own_cpu_s - self.own_cpu_s)
        return max(0.0, others_s) / (now.wall_s - self.wall_s)


def priority() -> int:
    """The nice value this process and its children run at; 0 is usual."""
    return psutil.Process().nice()


def version_of(package: str) -> str | None:
    """Its version, None where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def commit_of(root: Path) -> str:
    """The commit measured; `-dirty` where the tree differs from it."""
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"
