"""Sensors: new photographs ask for an ingest, a drift breach for a retraining, a failed run leaves a trace."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from assets.resources import MlflowTracker, Workspace
from pipelines.jobs import drift_report, ingest, promote, retrain, rollback

LABELS = "labels.csv"


def new_photographs(folder: Path | None) -> dg.SensorDefinition:
    """The sensor over a directory with labels.csv; its run key is the state of the directory."""

    @dg.sensor(
        name="new_photographs",
        job=ingest,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Ingests the directory named by RXVISION_PHOTOS whenever its labels or files change.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        if folder is None:
            return dg.SkipReason("RXVISION_PHOTOS names no directory to watch")
        if (state := folder_state(folder)) is None:
            return dg.SkipReason(f"{folder} holds no {LABELS}")
        if state == context.cursor:
            return dg.SkipReason(f"nothing new in {folder}")
        config = {"ops": {"photographs": {"config": {"folder": str(folder)}}}}
        return dg.SensorResult([dg.RunRequest(run_key=state, run_config=config)], cursor=state)

    return sensor


def folder_state(folder: Path) -> str | None:
    """Labels' size and time, number of files, and the newest file's time; None without labels."""
    labels = folder / LABELS
    if not labels.is_file():
        return None
    facts = [path.stat() for path in folder.rglob("*") if path.is_file()]
    return f"{labels.stat().st_size}-{len(facts)}-{max(fact.st_mtime_ns for fact in facts)}"


@dg.asset_sensor(
    asset_key=dg.AssetKey("drift"),
    job=retrain,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="A breach of the drift policy asks for a retraining; promotion still needs a verdict and a person.",
)
def drift_breach(_context: dg.SensorEvaluationContext, event: dg.EventLogEntry) -> dg.RunRequest | dg.SkipReason:
    """One retraining per breached report."""
    made = event.asset_materialization
    if made is None or not made.metadata["breached"].value:
        return dg.SkipReason("the last drift report found no breach")
    return dg.RunRequest(run_key=event.run_id, tags={"rxvision/because": "drift", "rxvision/drift_run": event.run_id})


@dg.run_failure_sensor(
    monitored_jobs=[ingest, retrain, promote, rollback, drift_report],
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Journals a failed run, and ends MLflow runs that its process left open as FAILED.",
)
def run_failed(context: dg.RunFailureSensorContext, workspace: Workspace, tracker: MlflowTracker) -> None:
    """What failed, in the journal; nothing shows FINISHED or RUNNING that failed."""
    record_failure(context.dagster_run, context.failure_event.message or "", workspace=workspace, tracker=tracker)


def record_failure(run: dg.DagsterRun, message: str, *, workspace: Workspace, tracker: MlflowTracker) -> None:
    """Append the failure to the journal and end the run's open MLflow runs."""
    from bentos.journal import Entry
    from bentos.privacy.journal_keys import open_journal

    left_open = tracker.end_left_open(run.run_id, status="FAILED")
    journal = open_journal(workspace.settings())
    payload = {"job": run.job_name, "message": message[:500], "mlflow_runs_ended": left_open}
    actor = f"dagster:{run.run_id}"
    journal.append(Entry(at=datetime.now(UTC), actor=actor, action="run_failed", outcome="failed", payload=payload))
    journal.close()
