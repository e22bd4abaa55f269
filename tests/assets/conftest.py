"""MLflow for tests: one migrated database, copied per test, because migrating takes seconds."""

import shutil
from pathlib import Path

import pytest

from assets.registry import Registry
from assets.resources import MlflowTracker


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowTracker(tracking_uri=f"sqlite:///{path}", artifact_root=f"file://{path.parent}").experiment_id()
    return path


@pytest.fixture
def tracking(tmp_path: Path, migrated_database: Path) -> dict[str, str]:
    """Configuration of a tracker with a database and an artefact store of its own."""
    shutil.copy(migrated_database, tmp_path / "mlflow.db")
    root = f"file://{tmp_path / 'artifacts'}"
    return {"tracking_uri": f"sqlite:///{tmp_path / 'mlflow.db'}", "artifact_root": root, "experiment": "own"}


@pytest.fixture
def tracker(tracking: dict[str, str]) -> MlflowTracker:
    return MlflowTracker(**tracking)


@pytest.fixture
def registry(tracking: dict[str, str]) -> Registry:
    return Registry(tracking_uri=tracking["tracking_uri"])
