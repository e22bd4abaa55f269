"""The jobs around a running release, on a home that holds judged candidates: release and aliases move together."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from bentos.journal import Journal
from bentos.rollout.decisions import decision
from pipelines.trial_jobs import withdrawn
from tests.pipelines.test_promotion_jobs import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Version 1 is champion; `second` holds another candidate that passed."""
    home = Home(tmp_path / "home")
    home.candidate("one")
    assert home.run("promote", "release").success
    return home


def second(home: Home, *, passed: bool = True) -> str:
    """A candidate as a recalibration leaves it."""
    place = home.workspace.path("recalibrations/two")
    home.workspace.path("verdicts/recalibrations").mkdir(parents=True)
    version = home.candidate("recalibrations/two", passed=passed)
    shutil.move(home.workspace.path("verdicts/recalibrations/two.json"), place / "verdict.json")
    return version


def run(home: Home, job: str, op: str | None = None, **config: object) -> dg.ExecuteInProcessResult:
    ops = {"ops": {op: {"config": config}}} if op else {}
    with dg.DagsterInstance.ephemeral() as instance:
        found = home.definitions.resolve_job_def(job)
        return found.execute_in_process(instance=instance, run_config=ops, raise_on_error=False)


def test_a_challenger_and_a_shadow_are_named_by_release_and_aliases(home: Home) -> None:
    version = second(home)
    assert run(home, "challenge", "put_challenger", version=version, share=0.2).success
    assert home.workspace.desk().current().challenger.version == version
    assert home.registry.aliases() == {"champion": "1", "challenger": version}
    assert run(home, "shadow", "put_shadow_beside", version=version).success
    assert home.registry.aliases() == {"champion": "1", "challenger": version, "shadow": version}


def test_a_failed_verdict_challenges_nobody(home: Home) -> None:
    version = second(home, passed=False)
    assert not run(home, "challenge", "put_challenger", version=version).success
    assert home.workspace.desk().current().challenger is None


def test_an_unknown_version_challenges_nobody(home: Home) -> None:
    assert not run(home, "challenge", "put_challenger", version="99").success


def test_what_the_services_withdrew_leaves_the_release_by_the_sensor_and_its_job(home: Home) -> None:
    version = second(home)
    run(home, "challenge", "put_challenger", version=version)
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance=instance)
        assert isinstance(withdrawn(context, workspace=home.workspace), dg.SkipReason)
        withdraw_challenger(home)
        assert withdrawn(context, workspace=home.workspace).tags["rxvision/because"] == "withdrawn: challenger"
    assert run(home, "settle_release").success
    assert home.workspace.desk().current().challenger is None
    assert home.registry.aliases() == {"champion": "1"}


def withdraw_challenger(home: Home) -> None:
    spec = home.workspace.desk().current()
    entry = decision("withdraw", spec=spec, variant="challenger", actor="service", now=datetime.now(UTC), why={})
    Journal(home.workspace.settings().journal_url).append(entry)
