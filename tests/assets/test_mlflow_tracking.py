"""No MLflow run shows FINISHED that failed, whichever way Dagster runs it."""

import dagster as dg
import pytest
from dagster_mlflow import end_mlflow_on_run_finished
from mlflow import MlflowClient

from assets.resources import MlflowTracker, job_mlflow


def statuses(tracker: MlflowTracker) -> dict[str, str]:
    client = MlflowClient(tracking_uri=tracker.tracking_uri)
    return {run.info.run_name: run.info.status for run in client.search_runs([tracker.experiment_id()])}


def line_of(*, broken: str | None) -> list:
    """Two assets with a blocking check between them; `broken` names what fails."""

    @dg.asset
    def network(context: dg.AssetExecutionContext, tracker: MlflowTracker) -> None:
        with tracker.run(context, "network") as mlflow:
            mlflow.log_metric("loss", 0.5)
            if broken == "network":
                raise ValueError("diverged")

    @dg.asset_check(asset=network, blocking=True)
    def gate() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=broken != "gate")

    @dg.asset(deps=[network])
    def judged(context: dg.AssetExecutionContext, tracker: MlflowTracker) -> None:
        with tracker.run(context, "judged"):
            pass

    return [network, gate, judged]


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        (None, {"retrain": "FINISHED", "network": "FINISHED", "judged": "FINISHED"}),
        ("network", {"retrain": "FAILED", "network": "FAILED"}),
        ("gate", {"retrain": "FAILED", "network": "FINISHED"}),
    ],
)
def test_a_job_with_dagster_mlflow_ends_its_run_as_it_ended(
    tracking: dict[str, str], tracker: MlflowTracker, broken: str | None, expected: dict[str, str]
) -> None:
    network, gate, judged = line_of(broken=broken)
    job = dg.define_asset_job("retrain", executor_def=dg.in_process_executor, hooks={end_mlflow_on_run_finished})
    definitions = dg.Definitions(
        assets=[network, judged],
        asset_checks=[gate],
        jobs=[job],
        resources={"tracker": tracker, "mlflow": job_mlflow.configured(tracking)},
    )
    with dg.DagsterInstance.ephemeral() as instance:
        result = definitions.resolve_job_def("retrain").execute_in_process(instance=instance, raise_on_error=False)
    assert result.success is (broken is None)
    assert statuses(tracker) == expected


@pytest.mark.parametrize(("broken", "expected"), [(None, "FINISHED"), ("network", "FAILED")])
def test_an_ad_hoc_materialisation_ends_its_run_as_it_ended(
    tracker: MlflowTracker, broken: str | None, expected: str
) -> None:
    assets = line_of(broken=broken)
    with dg.DagsterInstance.ephemeral() as instance:
        dg.materialize(assets, instance=instance, resources={"tracker": tracker}, raise_on_error=False)
    assert statuses(tracker)["network"] == expected


def test_runs_of_one_job_hang_below_the_jobs_run(tracking: dict[str, str], tracker: MlflowTracker) -> None:
    network, gate, judged = line_of(broken=None)
    job = dg.define_asset_job("retrain", executor_def=dg.in_process_executor, hooks={end_mlflow_on_run_finished})
    definitions = dg.Definitions(
        assets=[network, judged],
        asset_checks=[gate],
        jobs=[job],
        resources={"tracker": tracker, "mlflow": job_mlflow.configured(tracking)},
    )
    with dg.DagsterInstance.ephemeral() as instance:
        definitions.resolve_job_def("retrain").execute_in_process(instance=instance)
    runs = MlflowClient(tracking_uri=tracker.tracking_uri).search_runs([tracker.experiment_id()])
    parent = next(run for run in runs if run.info.run_name == "retrain")
    children = {run.info.run_name for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id}
    assert children == {"network", "judged"}
    assert len({run.data.tags["dagster_run_id"] for run in runs}) == 1


def test_runs_that_a_killed_process_left_open_are_ended(tracker: MlflowTracker) -> None:
    client = MlflowClient(tracking_uri=tracker.tracking_uri)
    left = client.create_run(tracker.experiment_id(), run_name="left", tags={"dagster_run_id": "dead"})
    other = client.create_run(tracker.experiment_id(), run_name="other", tags={"dagster_run_id": "alive"})
    assert tracker.end_left_open("dead", status="FAILED") == 1
    assert client.get_run(left.info.run_id).info.status == "FAILED"
    assert client.get_run(other.info.run_id).info.status == "RUNNING"
