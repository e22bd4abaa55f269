"""Commands that export or erase, where tokens are configured: who gives one proves who he is, and it is journalled."""

import getpass
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bentos.access.faults import AccessFault
from bentos.access.person import beside, prove
from bentos.access.table import Scope
from bentos.cli import app
from bentos.journal import Journal
from bentos.settings import Settings, launch_environment, without_token
from pipelines.environments import Environment


def ran(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def local_token(*arguments: str) -> str:
    return ran("token", "--role", "compliance", *arguments).output.strip()


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("RXVISION_ACCESS", "local")
    return monkeypatch


def code_of(result: Result) -> str:
    assert isinstance(result.exception, AccessFault), result.output
    return result.exception.code


def let_through(result: Result) -> bool:
    """The command did its work, or found that there is no such subject."""
    return result.exit_code == 0 or getattr(result.exception, "code", "") == "unknown_subject"


def test_where_no_tokens_are_configured_none_is_asked_for(tmp_path: Path) -> None:
    assert let_through(ran("privacy", "export", "mrn-1", "--out", str(tmp_path / "a")))
    assert ran("audit", "export", str(tmp_path / "b")).exit_code == 0


@pytest.mark.parametrize(
    "command",
    [
        ("privacy", "export", "mrn-1", "--out", "a"),
        ("privacy", "erase", "mrn-1"),
        ("privacy", "rotate"),
        ("audit", "export", "b"),
    ],
)
def test_a_command_needs_the_scope_and_the_step_up(
    local: pytest.MonkeyPatch, tmp_path: Path, command: tuple[str, ...]
) -> None:
    local.chdir(tmp_path)
    local.setenv("RXVISION_STEP_UP_ACR", '["gold"]')
    assert code_of(ran(*command)) == "no_credentials"
    local.setenv("RXVISION_TOKEN", "nonsense")
    assert code_of(ran(*command)) == "invalid_token"
    local.setenv("RXVISION_TOKEN", ran("token", "--role", "clinician", "--acr", "gold").output.strip())
    assert code_of(ran(*command)) == "insufficient_scope"
    local.setenv("RXVISION_TOKEN", local_token())
    assert code_of(ran(*command)) == "step_up_needed"
    assert not list(tmp_path.glob("[ab]"))
    local.setenv("RXVISION_TOKEN", local_token("--acr", "gold"))
    assert let_through(ran(*command))


def test_who_gave_a_command_and_who_was_refused_is_journalled(local: pytest.MonkeyPatch) -> None:
    with pytest.raises(AccessFault):
        prove(Settings(), scope=Scope.ERASE, command="privacy erase")
    text = local_token()
    local.setenv("RXVISION_TOKEN", text)
    prove(Settings(), scope=Scope.ERASE, command="privacy erase")
    journal = Journal(Settings().journal_url)
    (denied,), given = journal.entries(action="access_denied"), journal.entries(action="access")[-1]
    assert (denied.payload["method"], denied.payload["code"]) == ("rxvision privacy erase", "no_credentials")
    assert (given.outcome, given.payload["command"]) == ("command", "privacy erase")
    assert given.actor.startswith("token:")
    assert text not in str(journal.entries())


def test_the_token_is_in_no_repr_and_not_handed_on(local: pytest.MonkeyPatch) -> None:
    local.setenv("RXVISION_TOKEN", "secret-text")
    local.setenv("RXVISION_TOKEN_FILE", "/secret/place")
    settings = Settings()
    assert "secret-text" not in repr(settings)
    assert "secret" not in str(launch_environment(settings))
    assert "secret" not in str(without_token(Environment().launch_variables()))


def test_the_token_may_lie_in_a_file_or_come_from_standard_input(local: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither stands in the list of processes."""
    local.setenv("RXVISION_TOKEN_FILE", str(tmp_path / "token"))
    assert "cannot be read" in str(ran("privacy", "rotate").exception)
    (tmp_path / "token").write_text(local_token() + "\n")
    assert ran("privacy", "rotate").exit_code == 0
    command = [sys.executable, "-c", "from bentos.cli import main; main()", "whoami"]
    given = {**os.environ, "RXVISION_TOKEN_FILE": "/dev/stdin"}
    said = subprocess.run(command, input=local_token(), env=given, capture_output=True, text=True, check=True).stdout
    assert said == ran("whoami").output
    assert said.startswith("token:")


def test_who_showed_the_token_is_the_actor_of_what_was_done(local: pytest.MonkeyPatch) -> None:
    assert ran("privacy", "rotate").exit_code == 1
    local.setenv("RXVISION_TOKEN", local_token("--subject", "ann"))
    ann = ran("whoami").output.strip()
    assert ran("privacy", "rotate").exit_code == 0
    (entry,) = Journal(Settings().journal_url).entries(action="rotate_keys")
    assert entry.actor == ann
    assert beside(ann) == f"person:{getpass.getuser()}"
    assert beside("person:ann") is None
