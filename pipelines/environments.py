"""Where a run works and how its processes are launched: the only reader of the environment outside serving."""

import os
from collections.abc import MutableMapping
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from bentos.settings import QUIET as SERVING_QUIET

# Telemetry and version checks of every dependency, off (serving's own are in
# bentos/settings.py). One home: tests and launched processes take it from here.
QUIET = {
    **SERVING_QUIET,
    "DAGSTER_DISABLE_TELEMETRY": "yes",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "EVIDENTLY_DISABLE_TELEMETRY": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "NO_ALBUMENTATIONS_UPDATE": "1",
    "FEAST_USAGE": "False",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
# numpy, OpenCV and torch each start a pool per core; on a small machine they only get in each other's way.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
# matplotlib without a window, git never asks, no advertising in logs.
HEADLESS = {
    "MPLBACKEND": "Agg",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}
# MLflow's server would start seven more processes, 1.6 GB in all, for jobs that nobody gives it.
FRUGAL = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}

DAGSTER_YAML = """\
telemetry:
  enabled: false
nux:
  enabled: false
run_coordinator:
  module: dagster.core.run_coordinator
  class: QueuedRunCoordinator
  config:
    max_concurrent_runs: 1
run_monitoring:
  enabled: true
"""


class Environment(BaseSettings):
    """The environment of a run; every field is read from `RXVISION_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="RXVISION_", frozen=True, extra="ignore")

    home: Path = Field(Path("var"), description="everything a run produces lies below this directory")
    host: str = Field("127.0.0.1", description="address that the Dagster and MLflow interfaces listen on")
    dagster_port: int = Field(3001, ge=1, le=65535)
    mlflow_port: int = Field(5000, ge=1, le=65535)
    photos: Path | None = Field(
        None, description="directory with labels.csv that the sensor for new photographs watches"
    )

    @property
    def root(self) -> Path:
        """The absolute home."""
        return self.home.resolve()

    @property
    def dagster_home(self) -> Path:
        """What DAGSTER_HOME names: run history, event log, schedules."""
        return self.root / "dagster"

    @property
    def mlflow_uri(self) -> str:
        """Tracking and registry address: SQLite below home (the file store is refused by current MLflow)."""
        return f"sqlite:///{self.root / 'mlflow' / 'mlflow.db'}"

    @property
    def mlflow_artifacts(self) -> str:
        """Where MLflow keeps artefacts."""
        return f"file://{self.root / 'mlflow' / 'artifacts'}"

    def variables(self) -> dict[str, str]:
        """Environment variables for every process that works on this home."""
        places = {
            "RXVISION_HOME": str(self.root),
            "DAGSTER_HOME": str(self.dagster_home),
            "BENTOML_HOME": str(self.root / "bentoml"),
            "MLFLOW_TRACKING_URI": self.mlflow_uri,
        }
        return QUIET | ONE_THREAD | HEADLESS | FRUGAL | places

    def launch_variables(self) -> dict[str, str]:
        """The whole environment of a child process."""
        return {**os.environ, **self.variables()}


def prepare(environment: Environment, *, variables: MutableMapping[str, str] = os.environ) -> None:
    """Make the directories of a home and put its variables into force, for this process and its children."""
    environment.dagster_home.mkdir(parents=True, exist_ok=True)
    (environment.root / "mlflow").mkdir(exist_ok=True)
    settings = environment.dagster_home / "dagster.yaml"
    if not settings.is_file():
        settings.write_text(DAGSTER_YAML)
    variables.update(environment.variables())
