"""Drift is called where the world moved, not where too little was seen, and not on quiet days."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bentos.journal import Entry, Journal, Recorded
from bentos.records import prediction_payload
from monitoring.drift import DriftPolicy, drift_report, journal_frame, reference_frame
from tests.monitoring.conftest import Scene
from tests.monitoring.making import record


def frame(num: int, *, seed: int, confidence: tuple[float, float] = (6, 2), brightness: float = 0.6) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "confidence": rng.beta(*confidence, num),
            "unknown_probability": rng.beta(1, 9, num),
            "num_in_set": rng.integers(1, 6, num),
            "status": rng.choice(["identified", "uncertain"], num, p=[0.7, 0.3]),
            "route": rng.choice(["fast", "ensemble"], num),
            "stat_brightness": rng.normal(brightness, 0.1, num),
            "stat_sharpness": rng.normal(20, 5, num),
        }
    )


def test_a_quiet_day_is_no_breach(tmp_path: Path) -> None:
    found = drift_report(frame(400, seed=1), frame(600, seed=2), out=tmp_path)
    assert found.decided
    assert not found.breached, found.reason
    assert {item.column for item in found.columns} >= {"confidence", "status", "stat_sharpness"}


def test_confidence_that_fell_is_a_breach_of_its_own(tmp_path: Path) -> None:
    found = drift_report(frame(400, seed=1, confidence=(2, 3)), frame(600, seed=2), out=tmp_path)
    assert found.breached
    assert found.columns[0].column == "confidence"
    assert "confidence" in found.reason


def test_one_uncritical_column_alone_is_told_but_no_breach(tmp_path: Path) -> None:
    found = drift_report(frame(400, seed=1, brightness=0.3), frame(600, seed=2), out=tmp_path)
    assert not found.breached
    assert [item.column for item in found.columns if item.drifted] == ["stat_brightness"]


@pytest.mark.parametrize("num", [0, 1, 199])
def test_too_few_predictions_decide_nothing(tmp_path: Path, num: int) -> None:
    found = drift_report(frame(num, seed=1, confidence=(1, 9)), frame(600, seed=2), out=tmp_path)
    assert not found.decided
    assert not found.breached
    assert found.html is None
    assert "too few" in found.reason


def test_an_empty_journal_decides_nothing(tmp_path: Path) -> None:
    assert not drift_report(journal_frame([]), frame(600, seed=2), out=tmp_path).decided


def test_a_column_that_is_mostly_missing_is_left_out_and_named(tmp_path: Path) -> None:
    current = frame(400, seed=1)
    current.loc[20:, "confidence"] = np.nan
    current.loc[100:, "status"] = None
    found = drift_report(current, frame(600, seed=2), out=tmp_path)
    assert set(found.left_out) == {"confidence", "status"}
    assert not found.breached


def test_gaps_in_a_column_are_not_drift(tmp_path: Path) -> None:
    current = frame(700, seed=1)
    current.loc[400:, ["confidence", "status", "route"]] = None
    found = drift_report(current, frame(600, seed=2), out=tmp_path)
    assert not found.breached, found.reason
    assert found.left_out == ()


def test_html_and_json_are_written_and_load_nothing_from_elsewhere(tmp_path: Path) -> None:
    found = drift_report(frame(300, seed=1), frame(300, seed=2), out=tmp_path)
    assert json.loads(Path(found.json_path).read_text())["breached"] is False
    page = Path(found.html).read_text("utf-8")
    assert not re.search(r"<(?:link|script|img|iframe)[^>]*(?:src|href)=.?https?:", page)


def test_the_policy_decides_how_many_predictions_are_enough(tmp_path: Path) -> None:
    found = drift_report(frame(40, seed=1), frame(600, seed=2), out=tmp_path, policy=DriftPolicy(min_rows=30))
    assert found.decided


def journalled(scene: Scene, tmp_path: Path, *, typed: bool) -> list[Recorded]:
    """Three photographs answered by the real predictor and kept by the real journal."""
    from bentos.runtime.answer import PillMetadata

    journal = Journal(f"sqlite:///{tmp_path / 'journal.db'}")
    metadata = PillMetadata(imprint="A1") if typed else None
    for path in scene.rows["path"].head(3):
        observation = scene.predictor.observe([(scene.home / path).read_bytes()])
        answer = scene.predictor.answer(observation, metadata=metadata, request_id="r")
        payload = prediction_payload(answer, observation, metadata=metadata)
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        journal.append(Entry(at=moment, actor="anonymous", action="predict", outcome="answered", payload=payload))
        journal.append(Entry(at=moment, actor="anonymous", action="predict", outcome="refused", payload={"code": "x"}))
    entries = journal.entries(action="predict")
    journal.close()
    return entries


def test_the_journal_of_the_real_service_becomes_rows_with_the_references_columns(scene: Scene, tmp_path: Path) -> None:
    rows = journal_frame(journalled(scene, tmp_path, typed=False))
    reference = reference_frame([record(photo=scene.rows["photo_id"][0])], dataset=scene.rows)
    assert len(rows) == 3
    assert set(reference.columns) - {"photo_id"} <= set(rows.columns)
    assert reference["stat_brightness"][0] == 0.5


def test_answers_helped_by_typed_text_are_not_held_against_the_picture_alone(scene: Scene, tmp_path: Path) -> None:
    rows = journal_frame(journalled(scene, tmp_path, typed=True))
    assert "confidence" not in rows
    assert rows["stat_brightness"].count() == 3
