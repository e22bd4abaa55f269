"""The definitions: quick to load, complete, described, typed, and quiet."""

import resource
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from assets.configs import MemberConfig
from pipelines.definitions import build_definitions
from pipelines.environments import Environment, prepare
from training.config import TrainConfig

HEAVY = ("torch", "timm", "feast", "evidently", "great_expectations", "bentoml", "onnxruntime")


def cpu_seconds_of_children() -> float:
    """Seconds of work, not of waiting for a core that other tests hold."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    return build_definitions(Environment(home=tmp_path_factory.mktemp("home")))


@pytest.fixture(scope="module")
def assets(definitions: dg.Definitions) -> list[dg.AssetSpec]:
    return list(definitions.resolve_all_asset_specs())


def test_the_definitions_load_in_under_ten_seconds_without_heavy_libraries(repository: Path, tmp_path: Path) -> None:
    code = f"import sys, pipelines.definitions; print([m for m in {HEAVY} if m in sys.modules])"
    before = cpu_seconds_of_children()
    done = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True)
    assert cpu_seconds_of_children() - before < 10
    assert done.stdout.strip() == "[]"


def test_dagsters_own_validation_accepts_the_workspace(repository: Path) -> None:
    prepare(Environment(), variables={})
    command = [sys.executable, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_every_asset_has_a_group_an_owner_a_description_and_a_kind(assets: list[dg.AssetSpec]) -> None:
    groups = {spec.group_name for spec in assets}
    assert groups == {"ingest", "features", "models", "evaluation", "promotion", "drift", "privacy"}
    assert [spec.key for spec in assets if not (spec.owners and spec.description and spec.kinds)] == []


def test_jobs_schedules_and_sensors_are_there(definitions: dg.Definitions) -> None:
    repository = definitions.get_repository_def()
    assert {
        "ingest",
        "retrain",
        "promote",
        "rollback",
        "drift_report",
        "enforce_retention",
        "challenge",
        "shadow",
    } <= set(repository.job_names)
    assert {item.name for item in repository.schedule_defs} == {"nightly_drift", "nightly_ingest", "nightly_retention"}
    assert {item.name for item in repository.sensor_defs} == {
        "new_photographs",
        "drift_breach",
        "run_failed",
        "withdrawn",
    }


def test_every_check_blocks(definitions: dg.Definitions) -> None:
    found = {spec.name: spec.blocking for item in definitions.asset_checks for spec in item.check_specs}
    assert set(found) == {
        "catalogue_expectations", "manifest_expectations", "fast_parity", "accurate_parity", "recogniser_loads",
        "gallery_gate", "gates",
    }  # fmt: skip
    assert all(found.values())


def test_every_field_of_the_launchpad_says_what_changing_it_does(definitions: dg.Definitions) -> None:
    job = definitions.resolve_job_def("retrain")
    undescribed = []
    for node in job.nodes:
        schema = node.definition.config_schema.config_type
        fields = getattr(schema, "fields", None) or {}
        undescribed += [f"{node.name}.{name}" for name, field in fields.items() if not field.description]
    assert undescribed == []


def test_what_is_left_at_zero_is_the_profiles_own() -> None:
    untouched, changed = MemberConfig(), MemberConfig(epochs=3, learning_rate=0.5)
    assert untouched.train_config("fast") == TrainConfig()
    assert changed.train_config("fast").recipe("fast").epochs == 3
    assert changed.train_config("fast").recipe("accurate") == TrainConfig().recipe("accurate")


def test_every_setting_of_a_member_is_shown_in_the_launchpad(definitions: dg.Definitions) -> None:
    shown = dg.validate_run_config(definitions.resolve_job_def("retrain"), {})["ops"]["fast_member"]["config"]
    assert {"epochs", "batch_size", "learning_rate", "size_px", "initial_weights", "profile"} <= set(shown)


def test_a_wrong_type_in_the_launchpad_is_refused_before_the_run_starts(definitions: dg.Definitions) -> None:
    job = definitions.resolve_job_def("retrain")
    config = {"ops": {"fast_member": {"config": {"epochs": "many"}}}}
    with pytest.raises(dg.DagsterInvalidConfigError, match="epochs"):
        job.execute_in_process(run_config=config, instance=dg.DagsterInstance.ephemeral())


def test_epochs_members_and_profile_can_be_changed_in_the_launchpad(definitions: dg.Definitions) -> None:
    config = {
        "ops": {
            "fast_member": {"config": {"epochs": 3, "profile": "STANDARD"}},
            "recogniser": {"config": {"members": ["fast"]}},
            "dataset": {"config": {"unseen_share": 0.2}},
        }
    }
    assert dg.validate_run_config(definitions.resolve_job_def("retrain"), config)["ops"]["fast_member"]
