"""A service whose journal is sealed: feedback, a subject's export and replay read it with the key; it needs the key."""

import json
from pathlib import Path

import pytest

from bentos.audit.replay import answered_by, replay, supplied
from bentos.audit.sealed import SEALED
from bentos.faults import ServiceFault
from bentos.privacy.desk import PrivacyDesk
from bentos.privacy.export import export
from bentos.privacy.journal_keys import open_journal
from bentos.rollout.ledger import rows_after
from bentos.serve import check_before_start
from bentos.settings import Settings
from tests.bentos.privacy.conftest import NOON, SUBJECT
from tests.bentos.processes import free_port
from tests.bentos.rest_client import FRONT, MEDICATION, app_of, client_of


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"encrypt_journal": True, "grpc_port": free_port()})


def test_feedback_a_subjects_export_rollouts_and_replay_read_it(settings: Settings, tmp_path: Path) -> None:
    app = app_of(settings)
    client = client_of(app)
    answer = client.post("/api/v1/predict", files={"image": FRONT}, headers={"X-Subject-Ref": SUBJECT}).json()
    said = {"request_id": answer["request_id"], "medication_id": MEDICATION.medication_id, "known_from": "package"}
    assert client.post("/api/v1/feedback", json=said).status_code == 201
    desk, journal = PrivacyDesk(settings), open_journal(settings)
    assert {link.actor for link in journal.links()} == {SEALED}
    assert export(SUBJECT, into=tmp_path / "out", desk=desk, journal=journal, actor="test", now=NOON) == 2
    exported = json.loads((tmp_path / "out" / "data.json").read_text())
    assert exported["answers"][0]["payload"]["pills"]
    assert exported["feedback"][0]["actor"] == "anonymous"
    entry = journal.of_request(answer["request_id"])
    asked = supplied(entry, [FRONT], metadata=None, settings=settings)
    assert replay(entry, asked, predictor=answered_by(entry, settings)) == []
    assert [(row.action, row.variant) for row in rows_after(journal, 0)] == [
        ("predict", "champion"), ("feedback", "champion"),
    ]  # fmt: skip
    journal.close()
    desk.close()
    app.state.answering.close()


def test_it_does_not_start_without_the_key_of_its_trail(settings: Settings) -> None:
    app_of(settings).state.answering.close()
    check_before_start(settings)
    (settings.keys_dir / "kek" / "1.key").unlink()
    with pytest.raises(ServiceFault, match="does not unwrap"):
        check_before_start(settings)
