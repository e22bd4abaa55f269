"""The whole line as a person runs it, in small: killed while training, started again, and refused at its gates.

One run serves every test here: fourteen medications, a few photographs of each, two epochs. What such networks are
worth is little, so the honest end of this run is a refusal, and nothing may be released.
"""

import csv
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
import yaml
from mlflow import MlflowClient

from data.catalogue.formulary import FORMULARY
from pipelines.environments import Environment

NUM_MEDICATIONS = 14
RUN = [sys.executable, "-c", "from bentos.cli import main; main()", "run", "--once", "--config"]
LOOPBACK = re.compile(r"127\.0\.0\.1|localhost|::1|/(tmp|var|run)/|None|b?'0\.0\.0\.0'")


@dataclass(frozen=True)
class Line:
    """A home in which the line was killed in training and run again."""

    home: Path
    killed_after: str
    output: str
    status: int
    connections: str
    traced: str


def small_configuration(folder: Path) -> Path:
    with FORMULARY.open(newline="") as handle:
        rows = list(csv.reader(handle))
    with (folder / "catalogue.csv").open("w", newline="") as handle:
        csv.writer(handle).writerows(rows[: NUM_MEDICATIONS + 1])
    catalogue = {"source": "CSV", "path": str(folder / "catalogue.csv")}
    photographs = {"train_photos_per_side": 8, "test_photos_per_side": 2, "references_per_side": 1, "workers": 1}
    member = {"epochs": 2, "batch_size": 8}
    configuration = {
        "catalogue": catalogue, "photographs": photographs, "fast_member": member, "accurate_member": member,
        "recogniser": {"max_photos": 50}, "evaluation": {"max_photos": 50},
    }  # fmt: skip
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump({"ops": {name: {"config": value} for name, value in configuration.items()}}))
    return path


def environment(folder: Path) -> dict[str, str]:
    audit = str(Path(__file__).parent / "audit")
    own = {"RXVISION_TEST_CONNECTIONS": str(folder / "connections.log"), "PYTHONPATH": audit, "COLUMNS": "200"}
    return {**os.environ, **Environment(home=folder / "home").variables(), **own}


def kill_in_training(command: list[str], *, folder: Path) -> str:
    """Start the line, and kill its whole process group once the first network has a checkpoint."""
    with (folder / "killed.log").open("wb") as output:
        process = subprocess.Popen(
            command, env=environment(folder), stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    members = folder / "home" / "members"
    while not (found := list(members.glob("*/checkpoint.pt"))):
        assert process.poll() is None, (folder / "killed.log").read_text()[-3000:]
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return found[0].parent.name


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Line:
    folder = tmp_path_factory.mktemp("line")
    command = [*RUN, str(small_configuration(folder))]
    killed_after = kill_in_training(command, folder=folder)
    trace = folder / "strace.log"
    tracer = ["strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=connect", "-o", str(trace)]
    again = [*tracer, *command] if shutil.which("strace") else command
    done = subprocess.run(again, env=environment(folder), capture_output=True, text=True, check=False)
    traced = trace.read_text() if trace.is_file() else ""
    log = (folder / "connections.log").read_text() if (folder / "connections.log").is_file() else ""
    return Line(folder / "home", killed_after, done.stdout + done.stderr, done.returncode, log, traced)


def runs(line: Line, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    monkeypatch.setenv("DAGSTER_HOME", str(line.home / "dagster"))
    with dg.DagsterInstance.get() as instance:
        return [(run.job_name, run.status.value) for run in reversed(instance.get_runs())]


@pytest.mark.timeout(600)
def test_the_line_ends_with_the_gates_that_refused(line: Line) -> None:
    assert line.status == 1, line.output
    assert re.search(r"retrain failed at check (gates|gallery_gate)", line.output), line.output
    assert "Traceback" not in line.output


def test_nothing_is_released_without_a_passing_verdict(line: Line) -> None:
    assert not (line.home / "release").exists()


def test_the_killed_run_and_the_refused_run_are_failures(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    assert runs(line, monkeypatch) == [
        ("ingest", "SUCCESS"), ("retrain", "FAILURE"), ("ingest", "SUCCESS"), ("retrain", "FAILURE"),
    ]  # fmt: skip


def test_no_mlflow_run_of_a_failed_job_shows_that_it_finished(line: Line) -> None:
    client = MlflowClient(f"sqlite:///{line.home / 'mlflow' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("rxvision")
    found = client.search_runs([experiment.experiment_id])
    jobs = sorted(run.info.status for run in found if run.info.run_name == "retrain")
    assert jobs == ["FAILED", "KILLED"]
    assert "RUNNING" not in {run.info.status for run in found}
    assert {"fast_member", "accurate_member", "recogniser"} <= {run.info.run_name for run in found}


def test_training_went_on_from_the_killed_runs_checkpoint(line: Line) -> None:
    members = {path.name for path in (line.home / "members").iterdir()}
    assert line.killed_after in members
    assert len(members) == 2
    assert all((line.home / "members" / name / "member.json").is_file() for name in members)


def test_photographs_are_read_once(line: Line) -> None:
    stored = sum(1 for path in (line.home / "photos").rglob("*") if path.is_file())
    assert stored == NUM_MEDICATIONS * 2 * (8 + 2 + 1)


def test_no_connection_leaves_the_machine(line: Line) -> None:
    abroad = [entry for entry in line.connections.splitlines() if not LOOPBACK.search(entry)]
    assert abroad == []
    families = [entry for entry in line.traced.splitlines() if "AF_INET" in entry and "127.0.0.1" not in entry]
    assert families == []


def test_nothing_in_the_home_is_pickled(line: Line) -> None:
    """Torch's checkpoints are read with weights_only; nothing else carries the suffixes of pickles."""
    assert [path for path in line.home.rglob("*") if path.suffix in {".pkl", ".pickle", ".joblib"}] == []
