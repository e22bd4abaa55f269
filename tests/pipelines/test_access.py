"""What changes a release, by command or by Dagster job: where tokens are configured, nothing without one that may."""

import getpass
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bentos.access.faults import AccessFault
from bentos.cli import app
from bentos.journal import Journal, Recorded
from pipelines import line, trials
from tests.pipelines.test_promotion_jobs import Home


@pytest.mark.parametrize("command", [line.roll_back, trials.end, trials.go_on, trials.settled])
def test_a_release_is_not_changed_without_a_token_that_may(
    command: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RXVISION_ACCESS", "local")
    with pytest.raises(AccessFault, match="no_credentials"):
        command()


def token(role: str, *more: str) -> str:
    return CliRunner().invoke(app, ["token", "--role", role, "--subject", "ann", *more]).output.strip()


def entries(home: Home, action: str) -> list[Recorded]:
    return Journal(home.workspace.settings().journal_url).entries(action=action)


def test_a_dagster_job_changes_no_release_without_a_token_in_its_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tags and configuration of a run are anybody's to write; refusals are entries, and so is whose token it was."""
    home = Home(tmp_path / "home")
    monkeypatch.setenv("RXVISION_HOME", str(home.workspace.root))
    monkeypatch.setenv("RXVISION_ACCESS", "local")
    monkeypatch.setenv("RXVISION_STEP_UP_AMR", '["otp"]')
    home.candidate("one")
    assert not home.run("rollback").success
    assert not home.run("challenge", put_challenger={"version": "1"}).success
    assert not home.run("shadow", put_shadow_beside={"version": "1"}).success
    assert not home.run("promote", "release").success
    monkeypatch.setenv("RXVISION_TOKEN", token("data_scientist"))
    assert not home.run("promote", "release").success
    assert home.workspace.desk().current() is None
    denied = [(entry.payload["method"], entry.payload["code"]) for entry in entries(home, "access_denied")]
    jobs = ("rollback", "challenge", "shadow", "promote")
    unknown = [(f"rxvision dagster {job}", "no_credentials") for job in jobs]
    assert denied == [*unknown, ("rxvision dagster promote", "step_up_needed")]

    monkeypatch.setenv("RXVISION_TOKEN", token("data_scientist", "--amr", "pwd", "--amr", "otp"))
    assert home.run("promote", "release").success
    (released,), access = entries(home, "promote"), entries(home, "access")[-1]
    assert released.actor == access.actor
    assert released.actor.startswith("token:")
    assert access.payload == {"command": "dagster promote", "scope": "rx:promote", "os_user": getpass.getuser()}
    assert home.workspace.desk(actor=released.actor).beside == f"person:{getpass.getuser()}"
    assert home.workspace.desk(actor="person:ann").beside is None
