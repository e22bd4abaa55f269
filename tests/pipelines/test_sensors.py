"""Sensors ask for the right job once: new photographs, a drift breach, a failed run."""

from pathlib import Path

import dagster as dg
import pytest

from assets.resources import MlflowTracker, Workspace
from bentos.journal import Journal
from pipelines.sensors import drift_breach, folder_state, new_photographs, record_failure


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "labels.csv").write_text("file,ndc11,background,side\n")
    return tmp_path / "photos"


def evaluated(folder: Path | None, *, cursor: str | None = None) -> dg.SensorResult | dg.SkipReason:
    return new_photographs(folder)(dg.build_sensor_context(cursor=cursor))


def test_a_directory_asks_for_one_ingest_per_state(folder: Path) -> None:
    first = evaluated(folder)
    assert [request.run_config["ops"]["photographs"]["config"] for request in first.run_requests] == [
        {"folder": str(folder)}
    ]
    assert isinstance(evaluated(folder, cursor=first.cursor), dg.SkipReason)
    (folder / "new.jpg").write_bytes(b"x")
    again = evaluated(folder, cursor=first.cursor)
    assert again.run_requests[0].run_key != first.run_requests[0].run_key


def test_without_a_directory_or_labels_nothing_is_asked_for(tmp_path: Path) -> None:
    assert isinstance(evaluated(None), dg.SkipReason)
    assert isinstance(evaluated(tmp_path), dg.SkipReason)
    assert folder_state(tmp_path) is None


@pytest.mark.parametrize("breached", [True, False])
def test_only_a_breach_asks_for_a_retraining(breached: bool) -> None:
    @dg.asset
    def drift() -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata={"breached": breached})

    with dg.DagsterInstance.ephemeral() as instance:
        run = dg.materialize([drift], instance=instance)
        definitions = dg.Definitions(assets=[drift])
        context = dg.build_sensor_context(instance=instance, definitions=definitions)
        asked = drift_breach.evaluate_tick(context).run_requests
    assert [request.run_key for request in asked] == ([run.run_id] if breached else [])


def test_a_failed_run_is_journalled_and_its_mlflow_runs_end(tmp_path: Path) -> None:
    from mlflow import MlflowClient

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    tracker = MlflowTracker(tracking_uri=uri, artifact_root=f"file://{tmp_path}")
    workspace = Workspace(home=str(tmp_path))
    run = dg.DagsterRun(job_name="retrain")
    left = MlflowClient(uri).create_run(tracker.experiment_id(), tags={"dagster_run_id": run.run_id})
    record_failure(run, "fast_member: diverged", workspace=workspace, tracker=tracker)
    entry = Journal(workspace.settings().journal_url).entries(action="run_failed")[0]
    assert (entry.payload["job"], entry.payload["mlflow_runs_ended"]) == ("retrain", 1)
    assert MlflowClient(uri).get_run(left.info.run_id).info.status == "FAILED"
