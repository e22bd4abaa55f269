"""The job drift_report compares the journal's window with what the champion was judged on."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from assets.records import Dataset
from assets.resources import Workspace
from bentos.journal import Entry, Journal
from monitoring.records import write_records
from pipelines.definitions import build_definitions
from pipelines.environments import Environment
from tests.monitoring.making import asked, record

EVALUATION = "ab" * 32
NUM = 60


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A champion that was judged on sixty photographs, all answered with confidence 0.9 to 0.99."""
    records = [record(number, answer=asked(confidence=0.9 + number % 10 / 100)) for number in range(NUM)]
    write_records(records, tmp_path / "evaluations" / EVALUATION[:12] / "records.jsonl")
    workspace = Workspace(home=str(tmp_path))
    photos = pd.DataFrame({"photo_id": [item.photo for item in records], "stat_brightness": 0.5})
    workspace.keep_table(photos, "manifest/dataset.parquet")
    (tmp_path / "records").mkdir()
    kept = Dataset(fingerprint="f", path="manifest/dataset.parquet")
    (tmp_path / "records" / "dataset.json").write_text(kept.model_dump_json())
    return tmp_path


def promoted(journal: Journal) -> None:
    payload = {"evaluation": f"sha256:{EVALUATION}"}
    journal.append(Entry(at=datetime.now(UTC), actor="test", action="promote", outcome="released", payload=payload))


def predicted(journal: Journal, *, confidence: float, hours_ago: float) -> None:
    pill = {"status": "identified", "confidence": confidence, "unknown_probability": 0.05, "num_in_set": 1,
            "route": "fast", "cues": {}, "statistics": [{"brightness": 0.5}]}  # fmt: skip
    at = datetime.now(UTC) - timedelta(hours=hours_ago)
    payload = {"typed": [], "pills": [pill]}
    journal.append(Entry(at=at, actor="anonymous", action="predict", outcome="answered", payload=payload))


def run(home: Path) -> dg.ExecuteInProcessResult:
    job = build_definitions(Environment(home=home)).resolve_job_def("drift_report")
    config = {"ops": {"drift": {"config": {"min_predictions": 30}}}}
    with dg.DagsterInstance.ephemeral() as instance:
        return job.execute_in_process(instance=instance, run_config=config, raise_on_error=False)


@pytest.mark.parametrize(("confidence", "breached"), [(0.9, False), (0.3, True)])
def test_a_fall_of_confidence_breaches_and_a_quiet_day_does_not(home: Path, confidence: float, breached: bool) -> None:
    journal = Journal(Workspace(home=str(home)).settings().journal_url)
    promoted(journal)
    for number in range(NUM):
        predicted(journal, confidence=confidence + number % 10 / 100, hours_ago=1)
        predicted(journal, confidence=0.01, hours_ago=100)
    made = run(home).output_for_node("drift")
    assert (made.breached, made.num_rows) == (breached, NUM)
    assert (home / made.directory / "drift.json").is_file()


def test_before_the_first_promotion_there_is_nothing_to_drift_from(home: Path) -> None:
    assert not run(home).success
