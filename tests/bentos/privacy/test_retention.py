"""Retention: each class of data goes when its period ends, not before, and the journal says how much went."""

from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient

from bentos.journal import Entry, Journal
from bentos.privacy.desk import PrivacyDesk
from bentos.privacy.retention import RetentionReport, enforce
from bentos.settings import Settings
from tests.bentos.batches.jobs import post_zip
from tests.bentos.rest_client import FRONT, app_of, client_of


@pytest.fixture
def settings(settings: Settings) -> Settings:
    kept = {"retain_pictures": {"replay": 30.0, "quality": 90.0}, "keep_subjects_days": 400.0, "keep_drift_days": 50.0,
            "keep_logs_days": 20.0, "job_keep_h": 24.0}  # fmt: skip
    return settings.model_copy(update=kept)


@pytest.fixture
def desk(settings: Settings, desk: PrivacyDesk) -> PrivacyDesk:
    """Two retained pictures of a subject, a batch, a drift report, a log, an upload that was killed."""
    app = app_of(settings)
    client: TestClient = client_of(app)
    headers = {"X-Subject-Ref": "ann"}
    assert client.post("/api/v1/predict", files={"image": FRONT}, headers=headers).status_code == 200
    post_zip(client, {"a.jpg": FRONT})
    app.state.answering.close()
    (settings.home / "drift" / "20250101").mkdir(parents=True)
    (settings.home / "logs").mkdir()
    (settings.home / "logs" / "service.log").write_text("a line\n")
    desk.keys.get_or_make("batch:killed", now=datetime.now(UTC))
    return desk


def deleted(report: RetentionReport) -> dict[str, tuple[int, int]]:
    return {row.name: (row.num_deleted, row.num_kept) for row in report.classes}


def after(desk: PrivacyDesk, journal: Journal, *, days: float) -> dict[str, tuple[int, int]]:
    now = datetime.now(UTC) + timedelta(days=days)
    return deleted(enforce(desk, journal=journal, actor="test", now=now))


def test_each_class_goes_at_its_own_time(desk: PrivacyDesk, journal: Journal, settings: Settings) -> None:
    size = journal.size()
    assert after(desk, journal, days=0.5) == {
        "pictures for quality": (0, 1), "pictures for replay": (0, 1), "subjects": (0, 1), "batches": (0, 1),
        "drift reports": (0, 1), "logs": (0, 1), "journal": (0, size)}  # fmt: skip
    found = after(desk, journal, days=31)
    assert found["pictures for replay"] == (1, 0)
    assert found["pictures for quality"] == (0, 1)
    assert found["batches"] == (1, 0)
    assert found["logs"] == (1, 0)
    assert found["drift reports"] == (0, 1)
    assert not [path for path in (settings.home / "batches").iterdir() if path.is_dir()]
    assert [owner for owner, _ in desk.keys.owners(before=datetime.max.replace(tzinfo=UTC)) if "batch" in owner] == []
    assert after(desk, journal, days=91)["drift reports"] == (1, 0)
    assert after(desk, journal, days=401)["subjects"] == (1, 0)
    assert journal.entries(action="erase_subject")[-1].payload["why"] == "retention"
    assert journal.entries(action="retention")[1].payload["deleted"] == {
        "pictures for replay": 1, "batches": 1, "logs": 1}  # fmt: skip


def test_a_subject_that_came_back_is_kept(desk: PrivacyDesk, journal: Journal, settings: Settings) -> None:
    pseudonym = desk.subjects.key("ann").pseudonym
    seen = journal.entries(action="predict")[0]
    again = seen.model_dump(exclude={"entry_id"}) | {"at": datetime.now(UTC) + timedelta(days=300)}
    journal.append(Entry(**again))
    assert after(desk, journal, days=401)["subjects"] == (0, 1)
    assert desk.subjects.key("ann").pseudonym == pseudonym


def test_where_nothing_is_kept_nothing_is_made(settings: Settings, journal: Journal) -> None:
    desk = PrivacyDesk(settings)
    assert set(after(desk, journal, days=1000).values()) == {(0, 0)}
    assert not (settings.home / "privacy.db").exists()
