"""What every test shares: telemetry off, one thread, a home of its own, and the way to the real data."""

import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from pipelines.environments import HEADLESS, ONE_THREAD, QUIET
from tests.bentos.processes import free_port
from tests.servers import PostgreSql, postgresql_server

os.environ.update(QUIET | ONE_THREAD | HEADLESS)
cv2.setNumThreads(1)

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """The repository's root."""
    return ROOT


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The reference pictures and photographs that lie beside the repository."""
    return ROOT.parent / "shared"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSql]:
    """A PostgreSQL of this test run; ask it for a database."""
    with postgresql_server() as server:
        yield server


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test writes into the working tree's var/ or into a person's home, or takes another one's gRPC port."""
    for name, folder in {
        "RXVISION_HOME": "home",
        "DAGSTER_HOME": "home/dagster",
        "BENTOML_HOME": "home/bentoml",
    }.items():
        monkeypatch.setenv(name, str(tmp_path / folder))
    monkeypatch.setenv("RXVISION_GRPC_PORT", str(free_port()))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where the real data does not lie beside the repository, its tests are deselected (and counted as such)."""
    if (ROOT.parent / "shared" / "rximage").is_dir():
        return
    absent = [item for item in items if item.get_closest_marker("realdata")]
    config.hook.pytest_deselected(items=absent)
    items[:] = [item for item in items if item not in absent]
