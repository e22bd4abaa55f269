"""One place turns telemetry off, and puts a home's variables into force."""

from pathlib import Path

import yaml

from pipelines.environments import QUIET, Environment, prepare


def test_preparing_a_home_writes_dagsters_settings_and_sets_the_variables(tmp_path: Path) -> None:
    variables: dict[str, str] = {}
    prepare(Environment(home=tmp_path), variables=variables)
    settings = yaml.safe_load((tmp_path / "dagster" / "dagster.yaml").read_text())
    assert settings["telemetry"] == {"enabled": False}
    assert variables["DAGSTER_HOME"] == str(tmp_path / "dagster")
    assert QUIET.items() <= variables.items()


def test_settings_that_a_person_changed_are_kept(tmp_path: Path) -> None:
    prepare(Environment(home=tmp_path), variables={})
    settings = tmp_path / "dagster" / "dagster.yaml"
    settings.write_text("telemetry:\n  enabled: false\n")
    prepare(Environment(home=tmp_path), variables={})
    assert settings.read_text() == "telemetry:\n  enabled: false\n"


def test_every_dependency_that_reports_home_is_told_not_to() -> None:
    wanted = {"DO_NOT_TRACK", "DAGSTER_DISABLE_TELEMETRY", "MLFLOW_DISABLE_TELEMETRY", "BENTOML_DO_NOT_TRACK",
              "ITERATIVE_DO_NOT_TRACK", "GX_ANALYTICS_ENABLED", "NO_ALBUMENTATIONS_UPDATE", "FEAST_USAGE",
              "HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"}  # fmt: skip
    assert wanted <= QUIET.keys()
