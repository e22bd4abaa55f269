"""The root: every asset, check, job, schedule and sensor, with the resources of one environment.

Loading it is what puts the environment into force: it is the entry point of Dagster's processes.
"""

import warnings
from collections.abc import Mapping

import dagster as dg

from pipelines.environments import Environment, prepare

# Before anything else is imported: MLflow and others read the environment as they are imported.
ENVIRONMENT = Environment()
prepare(ENVIRONMENT)
warnings.filterwarnings("ignore", category=dg.BetaWarning)

from assets import checks, drift, evaluation, features, ingest, models, promotion, retention  # noqa: E402
from assets.registry import Registry  # noqa: E402
from assets.resources import JsonRecords, LogProgress, MlflowTracker, Progress, Workspace, job_mlflow  # noqa: E402
from pipelines.jobs import JOBS  # noqa: E402
from pipelines.schedules import SCHEDULES  # noqa: E402
from pipelines.sensors import drift_breach, new_photographs, run_failed  # noqa: E402
from pipelines.trial_jobs import TRIAL_JOBS, withdrawn  # noqa: E402

ASSET_MODULES = (ingest, features, models, evaluation, promotion, drift, retention)


def build_definitions(
    environment: Environment,
    *,
    progress: Progress | None = None,
    loggers: Mapping[str, dg.LoggerDefinition] | None = None,
) -> dg.Definitions:
    """Everything, working on one home; `progress` receives what long stages report, `loggers` what Dagster logs."""
    return dg.Definitions(
        assets=dg.load_assets_from_modules(ASSET_MODULES),
        asset_checks=[*dg.load_asset_checks_from_modules([checks])],
        jobs=[*JOBS, *TRIAL_JOBS],
        schedules=SCHEDULES,
        sensors=[new_photographs(environment.photos), drift_breach, run_failed, withdrawn],
        resources=resources(environment, progress=progress),
        executor=dg.in_process_executor,
        loggers=loggers,
    )


def resources(environment: Environment, *, progress: Progress | None = None) -> dict[str, object]:
    """The world of one environment, by the names that assets ask for."""
    home, uri = str(environment.root), environment.mlflow_uri
    tracking = {"tracking_uri": uri, "artifact_root": environment.mlflow_artifacts, "experiment": "rxvision"}
    return {
        "workspace": Workspace(home=home),
        "io_manager": JsonRecords(home=home),
        "tracker": MlflowTracker(**tracking),
        "registry": Registry(tracking_uri=uri),
        "mlflow": job_mlflow.configured(tracking),
        "progress": progress or LogProgress(),
    }


defs = build_definitions(ENVIRONMENT)
