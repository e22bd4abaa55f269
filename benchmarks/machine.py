"""What the figures were measured on and with: processor, memory, system, libraries, load, commit."""

import platform
import subprocess
import sys
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


def load_now() -> dict[str, float]:
    """Mean number of waiting or running processes, of one and of fifteen minutes: others share the machine."""
    one, _, fifteen = psutil.getloadavg()
    return {"one_minute": round(one, 2), "fifteen_minutes": round(fifteen, 2)}


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
