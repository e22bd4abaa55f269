"""The commands around a running release, on homes that hold nothing, a champion, or a trial."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipelines.showing import CommandFault
from pipelines.trial_commands import app
from tests.monitoring.desk import bundle, signed_verdict
from tests.monitoring.test_experiment import SPEC, Past
from tests.pipelines.test_promotion_jobs import Home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    monkeypatch.setenv("RXVISION_HOME", str(home))
    home.mkdir()
    return home


def said(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_a_bundle_challenges_stands_in_the_shadow_and_both_end(home: Path) -> None:
    made = Home(home)
    made.candidate("one")
    assert made.run("promote", "release").success
    desk = made.workspace.desk()
    recogniser, _ = bundle(desk, "two", name="other")
    verdict = signed_verdict(desk, recogniser)
    pair = ("--bundle", str(home / "two"))
    assert said("challenge", *pair, "--verdict", str(verdict), "--share", "0.2").exit_code == 0
    assert said("shadow", *pair).exit_code == 0
    spec = desk.current()
    assert (spec.challenger.version, spec.shadow.version, spec.challenger_share) == ("2", "2", 0.2)
    assert made.registry.aliases() == {"champion": "1", "challenger": "2", "shadow": "2"}
    assert "nothing was withdrawn" in said("experiment", "settle").output
    assert said("experiment", "end").exit_code == 0
    assert desk.current().named().keys() == {"champion"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("challenge", "--version", "7"), "no version 7"),
        (("shadow", "--version", "7"), "no version 7"),
        (("experiment", "end"), "nothing is released"),
        (("experiment", "resume"), "nothing is released"),
        (("experiment", "report"), "ever released"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(home: Path, words: tuple[str, ...], sentence: str) -> None:
    fault = said(*words).exception
    assert isinstance(fault, CommandFault)
    assert sentence in str(fault)


def test_the_report_is_written_as_figures_and_as_a_page(home: Path) -> None:
    past = Past(f"sqlite:///{home / 'journal.db'}")
    past.signed(SPEC, "challenge")
    past.traffic(200, abstains={"champion": 0.2, "challenger": 0.9}, ms={"champion": 30, "challenger": 30})
    done = said("experiment", "report", "--json", str(home / "r.json"), "--page", str(home / "r.html"))
    assert "the challenger has more" in done.output
    assert json.loads((home / "r.json").read_text())["measures"]["abstentions"]["decided"]
    assert "<svg" in (home / "r.html").read_text()
