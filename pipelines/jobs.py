"""Jobs: ingest, retrain, promote, rollback, drift_report."""

import dagster as dg
from dagster_mlflow import end_mlflow_on_run_finished
from pydantic import Field

from assets.registry import Registry
from assets.resources import Workspace

INGESTED = dg.AssetSelection.assets("catalogue", "photographs")
TRAINED = dg.AssetSelection.assets(
    "dataset", "reference_features", "fast_member", "accurate_member", "recogniser", "gallery", "evaluation", "verdict"
)
RELEASED = dg.AssetSelection.assets("release", "bento")

ingest = dg.define_asset_job(
    "ingest",
    selection=INGESTED,
    description="Read the catalogue and every new photograph.",
    executor_def=dg.in_process_executor,
)
retrain = dg.define_asset_job(
    "retrain",
    selection=TRAINED,
    description="Split, train both networks, calibrate, enrol, evaluate, judge; what has not changed is found again.",
    executor_def=dg.in_process_executor,
    hooks={end_mlflow_on_run_finished},
)
promote = dg.define_asset_job(
    "promote",
    selection=RELEASED,
    description="Release the judged candidate and build its Bento; refused without a passing verdict.",
    executor_def=dg.in_process_executor,
)
drift_report = dg.define_asset_job(
    "drift_report",
    selection=dg.AssetSelection.assets("drift"),
    description="Compare recent predictions with what the champion was judged on.",
    executor_def=dg.in_process_executor,
)


class RollbackConfig(dg.Config):
    """Why the present release goes."""

    reason: str = Field("", max_length=500, description="stands in the journal for good: nothing about a patient")


enforce_retention = dg.define_asset_job(
    "enforce_retention",
    selection=dg.AssetSelection.assets("retention"),
    description="Delete what is past its period: pictures, subjects, batches, drift reports, logs.",
    executor_def=dg.in_process_executor,
)


@dg.op(description="Put the previous release back in force, and make the registry's aliases follow.")
def put_previous_back(
    context: dg.OpExecutionContext, config: RollbackConfig, workspace: Workspace, registry: Registry
) -> None:
    """Fails where there is no previous release, or where its files were changed since."""
    from monitoring.promote import rollback as roll_back

    spec = roll_back(workspace.proved_desk(context.run, command="rollback"), now=workspace.now(),
                     reason=config.reason or None)  # fmt: skip
    registry.follow_release(spec)
    context.log.info("version %s is in force again", spec.champion.version)


@dg.job(executor_def=dg.in_process_executor, description="Go back to the previous release.")
def rollback() -> None:
    """One step; running it twice ends where it began."""
    put_previous_back()


JOBS = (ingest, retrain, promote, rollback, drift_report, enforce_retention)
