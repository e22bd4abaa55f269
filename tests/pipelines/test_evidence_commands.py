"""From the commands' side: approve with a person's own key, promote, change log, evidence archive, verify."""

import getpass
import zipfile
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from bentos.access.faults import AccessFault
from bentos.cli import app as cli
from bentos.cli import load_commands
from bentos.evidence.approvals import ApprovalError
from bentos.journal import Journal
from bentos.settings import Settings
from pipelines import commands
from tests.monitoring.evidence.home import judged_home
from tests.monitoring.evidence.making import with_rules
from tests.pipelines.test_promotion_jobs import Home

RUN = CliRunner()


def said(*arguments: str, status: int = 0, answers: str = "") -> str:
    result = RUN.invoke(commands.app, list(arguments), input=answers)
    assert result.exit_code == status, (result.output, result.exception)
    return result.output


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = judged_home(tmp_path / "home", needed=0)
    monkeypatch.setenv("RXVISION_HOME", str(made.desk.home))
    return made


def rules_with(home, snippet: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A policy that asks the person whose lines these are."""
    path = with_rules(home.desk, needed=0).rules_path
    (person,) = yaml.safe_load(snippet)
    path.write_text(yaml.safe_dump({"name": "one pharmacist", "approvals": {"needed": 1, "approvers": [person]}}))
    monkeypatch.setenv("RXVISION_PROMOTION_RULES", str(path))


def test_an_approver_makes_a_key_approves_and_the_bundle_is_promoted_and_told(
    home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, bundle = tmp_path / "anna.key", str(home.desk.home / home.folder)
    snippet = said("approver-key", str(key), "--name", "Anna", "--role", "pharmacist", "--account", "person:anna",
                   answers="a long sentence\na long sentence\n")  # fmt: skip
    assert key.stat().st_mode & 0o777 == 0o600
    assert b"ENCRYPTED" in key.read_bytes()
    rules_with(home, snippet[snippet.index("- name:") :], monkeypatch)
    refused = RUN.invoke(commands.app, ["promote", bundle, "--verdict", str(home.verdict)])
    assert refused.exit_code == 1
    assert "1 approvals are needed, 0 count" in str(refused.exception)
    assert isinstance(refused.exception.__cause__, ApprovalError)
    told = RUN.invoke(commands.app, ["approve", bundle, "--key", str(key), "--reason", "call 415-555-2671"])
    assert "personal data in the reason" in str(told.exception)
    said("approve", bundle, "--key", str(key), "--reason", "read the report", "--verdict", str(home.verdict),
         answers="a long sentence\n")  # fmt: skip
    said("promote", bundle, "--verdict", str(home.verdict))
    told = said("changelog")
    assert "read the report" in told
    assert f"by person:{getpass.getuser()}" in told
    actions = [entry.action for entry in Journal(Settings().journal_url).entries()]
    assert actions[-3:] == ["refuse_promote", "approve", "promote"]
    out = tmp_path / "evidence.zip"
    said("evidence", bundle, "--out", str(out), "--verdict", str(home.verdict))
    with zipfile.ZipFile(out) as packed:
        assert {"index.html", "verify.py"} <= set(packed.namelist())


def test_verify_names_what_differs(home) -> None:
    bundle = str(home.desk.home / home.folder)
    assert "everything is as it was signed" in said("verify", bundle, "--verdict", str(home.verdict))
    card = home.evaluation / "model_card.html"
    card.write_text(card.read_text().replace("decision aid", "medical device"))
    output = said("verify", bundle, "--verdict", str(home.verdict), status=1)
    assert "DIFFERS: model_card.html differs" in output


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "anna.key").write_text("mine")
    result = RUN.invoke(commands.app, ["approver-key", str(tmp_path / "anna.key"), "--name", "A", "--role", "r",
                                       "--account", "person:a"], input="\n\n")  # fmt: skip
    assert "never overwritten" in str(result.exception)


def test_the_commands_are_those_of_rxvision() -> None:
    load_commands(cli)
    names = {command.name or command.callback.__name__ for command in cli.registered_commands}
    groups = {group.typer_instance for group in cli.registered_groups}
    nested = {c.name or c.callback.__name__ for group in groups for c in group.registered_commands}
    assert {"approve", "approver-key", "promote", "changelog", "evidence", "verify", "sbom"} <= names | nested


def test_where_tokens_are_configured_promotion_and_evidence_ask_for_one(
    home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RXVISION_ACCESS", "local")
    bundle, verdict = str(home.desk.home / home.folder), str(home.verdict)
    for arguments in (["promote", bundle], ["evidence", bundle, "--out", str(tmp_path / "e.zip")]):
        result = RUN.invoke(commands.app, [*arguments, "--verdict", verdict])
        assert isinstance(result.exception, AccessFault)
    assert home.desk.current().champion.version == "1"
    assert not (tmp_path / "e.zip").exists()


def test_the_dagster_job_is_refused_without_the_approvals_that_the_rules_ask_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home")
    home.candidate("one")
    strict = with_rules(home.workspace.desk(), needed=1)
    monkeypatch.setenv("RXVISION_PROMOTION_RULES", str(strict.rules_path))
    assert not home.run("promote", "release").success
    assert home.workspace.desk().current() is None
    (entry,) = Journal(Settings(home=home.workspace.root).journal_url).entries(action="refuse_promote")
    assert (entry.outcome, "is not recorded" in entry.payload["why"]) == ("approvals", True)
