"""Jobs: ingest, retrain, promote, rollback, drift_report."""

import dagster as dg
from dagster_mlflow import end_mlflow_on_run_finished

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


@dg.op(description="Put the previous release back in force, and make the registry's aliases follow.")
def put_previous_back(context: dg.OpExecutionContext, workspace: Workspace, registry: Registry) -> None:
    """Fails where there is no previous release, or where its files were changed since."""
    from monitoring.promote import rollback as roll_back

    spec = roll_back(workspace.desk(actor=f"dagster:{context.run.run_id}"), now=workspace.now())
    registry.follow_release(spec)
    context.log.info("version %s is in force again", spec.champion.version)


@dg.job(executor_def=dg.in_process_executor, description="Go back to the previous release.")
def rollback() -> None:
    """One step; running it twice ends where it began."""
    put_previous_back()


JOBS = (ingest, retrain, promote, rollback, drift_report)
