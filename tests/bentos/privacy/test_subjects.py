"""Subjects over REST: named by a pseudonym, their pictures by their own key, exported, erased without a trace."""

import json
import sys
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from bentos import cli
from bentos.audit.checkpoints import AUDIT_DIR, CHECKPOINTS_FILE, audit_key, read_checkpoints
from bentos.audit.sealing import Sealing
from bentos.audit.verify import verify_trail
from bentos.faults import ServiceFault
from bentos.journal import HMAC_KEY_FILE, Journal, input_hmac
from bentos.privacy.desk import PrivacyDesk
from bentos.privacy.erasure import erase
from bentos.privacy.export import export
from bentos.settings import Settings
from bentos.signing import secret
from tests.bentos.privacy.conftest import NOON, SUBJECT
from tests.bentos.rest_client import BACK, FRONT, is_problem, post_batch

HEADERS = {"X-Subject-Ref": SUBJECT}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"retain_pictures": {"replay": 30.0}})


def predict(client: TestClient, *, about: str | None = SUBJECT, front: bytes = FRONT) -> str:
    headers = {"X-Subject-Ref": about} if about else {}
    reply = client.post("/api/v1/predict", files={"image": front}, data={"metadata": '{"imprint": "A2"}'},
                        headers=headers)  # fmt: skip
    assert reply.status_code == 200, reply.text
    return reply.json()["request_id"]


def rxvision(monkeypatch: pytest.MonkeyPatch, settings: Settings, *arguments: str) -> int:
    monkeypatch.setenv("RXVISION_HOME", str(settings.home))
    monkeypatch.setattr(sys, "argv", ["rxvision", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code or 0


def test_a_subject_is_a_pseudonym_that_only_its_key_explains(
    client: TestClient, journal: Journal, desk: PrivacyDesk, settings: Settings
) -> None:
    for about in (SUBJECT, SUBJECT, "another", None):
        predict(client, about=about)
    first, again, other, nobody = journal.entries(action="predict")
    assert first.subject_ref == again.subject_ref == desk.subjects.key(SUBJECT).pseudonym
    assert len({first.subject_ref, other.subject_ref, nobody.subject_ref}) == 3
    assert nobody.subject_ref is None
    assert first.input_hmac == again.input_hmac == input_hmac([FRONT], key=desk.subjects.input_key(first.subject_ref))
    assert nobody.input_hmac == input_hmac([FRONT], key=secret(settings.keys_dir, name=HMAC_KEY_FILE))
    assert len({first.input_hmac, other.input_hmac, nobody.input_hmac}) == 3


def test_the_items_of_a_batch_and_the_feedback_are_the_subjects_too(
    client: TestClient, journal: Journal, desk: PrivacyDesk
) -> None:
    files = [("image", ("a.jpg", FRONT)), ("image", ("b.jpg", BACK))]
    assert client.post("/api/v1/predict/batch", files=files, headers=HEADERS).json()["num_answered"] == 2
    said = {"request_id": predict(client), "not_in_catalogue": True, "known_from": "package"}
    assert client.post("/api/v1/feedback", json=said).status_code == 201
    assert post_batch(client, [FRONT]).json()["num_answered"] == 1
    named = [entry.subject_ref == desk.subjects.key(SUBJECT).pseudonym for entry in journal.entries()]
    actions = [entry.action for entry in journal.entries()]
    assert dict(zip(actions, named, strict=True)) | {"predict": True} == {
        "load_release": False, "predict": True, "feedback": True}  # fmt: skip
    assert named.count(True) == 4


def test_a_reference_that_is_too_long_is_refused(client: TestClient) -> None:
    reply = client.post("/api/v1/predict", files={"image": FRONT}, headers={"X-Subject-Ref": "x" * 201})
    is_problem(reply, status=422, code="bad_request")


def test_without_the_key_encryption_key_a_subjects_request_gets_no_answer(
    client: TestClient, settings: Settings
) -> None:
    predict(client)
    (settings.keys_dir / "kek" / "1.key").unlink()
    is_problem(client.post("/api/v1/predict", files={"image": FRONT}, headers=HEADERS), status=503,
               code="privacy_unavailable")  # fmt: skip
    assert predict(client, about=None)


def test_an_export_holds_answers_feedback_and_pictures_in_clear(
    client: TestClient, journal: Journal, desk: PrivacyDesk, tmp_path: Path
) -> None:
    request_id = predict(client)
    predict(client, about="another")
    said = {"request_id": request_id, "not_in_catalogue": True, "known_from": "package"}
    client.post("/api/v1/feedback", json=said)
    into = tmp_path / "export"
    export(SUBJECT, into=into, desk=desk, journal=journal, actor="test", now=NOON)
    data = json.loads((into / "data.json").read_text())
    assert data["subject"] == SUBJECT
    assert [entry["payload"]["request_id"] for entry in data["answers"]] == [request_id]
    assert [entry["payload"]["request_id"] for entry in data["feedback"]] == [request_id]
    assert {"request_id": request_id, "typed": {"imprint": "A2", "heat_map": False}}.items() <= {
        key: value for one in data["retained"] for key, value in one.items()
    }.items()
    assert (into / f"{request_id}-replay-picture-0.png").read_bytes().startswith(b"\x89PNG")
    assert {path.stat().st_mode & 0o777 for path in into.iterdir()} == {0o600}
    assert journal.entries()[-1].action == "export_subject"
    with pytest.raises(ServiceFault, match="not_empty"):
        export(SUBJECT, into=into, desk=desk, journal=journal, actor="test", now=NOON)


def test_an_erased_subject_leaves_a_tombstone_and_no_link(
    client: TestClient, journal: Journal, desk: PrivacyDesk, settings: Settings
) -> None:
    request_id = predict(client)
    before = journal.entries(action="predict")[0]
    done = erase(SUBJECT, desk=desk, journal=journal, actor="test", now=NOON)
    assert (done.num_retained, done.subject_ref) == (2, before.subject_ref)
    assert desk.retained.of_request(request_id) == []
    assert desk.subjects.input_key(before.subject_ref) is None
    assert [entry.outcome for entry in journal.entries(action="erase_subject")] == ["begun", "erased"]
    for attempt in (lambda: desk.subjects.key(SUBJECT),
                    lambda: erase(SUBJECT, desk=desk, journal=journal, actor="test", now=NOON)):  # fmt: skip
        with pytest.raises(ServiceFault, match="unknown_subject"):
            attempt()
    predict(client)
    after = journal.entries(action="predict")[-1]
    assert after.subject_ref != before.subject_ref
    assert after.input_hmac != before.input_hmac


def test_after_erasure_nothing_that_the_service_keeps_leads_from_the_subject_to_its_entries(
    client: TestClient, journal: Journal, desk: PrivacyDesk, settings: Settings
) -> None:
    """Whoever holds every key and file that are left tries every way that the code has."""
    predict(client)
    entry = journal.entries(action="predict")[0]
    erase(SUBJECT, desk=desk, journal=journal, actor="test", now=NOON)
    secrets = [path.read_bytes() for path in settings.keys_dir.rglob("*") if path.is_file()]
    assert secrets
    for key in secrets:
        assert input_hmac([FRONT], key=key) != entry.input_hmac
    files = [path for path in settings.home.rglob("privacy.db*") if path.is_file()]
    stored = b"".join(path.read_bytes() for path in files)
    assert entry.subject_ref.encode() not in stored
    assert desk.subjects.owner(SUBJECT).encode() not in stored
    assert desk.subjects.identified(SUBJECT, [FRONT], now=NOON).subject_ref != entry.subject_ref


def test_the_trail_verifies_after_erasures_and_rotations(
    client: TestClient, journal: Journal, desk: PrivacyDesk, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealing = Sealing(settings)
    predict(client)
    sealing.catch_up()
    assert rxvision(monkeypatch, settings, "privacy", "rotate") == 0
    assert rxvision(monkeypatch, settings, "privacy", "erase", SUBJECT) == 0
    predict(client)
    sealing.close()
    key = audit_key(settings.keys_dir).public_key()
    checkpoints = read_checkpoints(settings.home / AUDIT_DIR / CHECKPOINTS_FILE, key=key)
    verdict = verify_trail(journal.links(), checkpoints=checkpoints, receipts={})
    assert (verdict.finding, verdict.num_covered) == (None, journal.size())
    assert [entry.outcome for entry in journal.entries(action="rotate_keys")] == ["rotated"]
    assert rxvision(monkeypatch, settings, "audit", "verify") == 0


def test_the_commands_take_the_subject_from_standard_input_and_say_where_there_is_none(
    client: TestClient,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    predict(client)
    typed = tmp_path / "typed"
    typed.write_text(f"{SUBJECT}\n")
    for arguments in (("export", "-", "--out", str(tmp_path / "out")), ("erase", "-")):
        monkeypatch.setattr(sys, "stdin", typed.open())
        assert rxvision(monkeypatch, settings, "privacy", *arguments) == 0
    assert (tmp_path / "out" / "data.json").is_file()
    assert "2 retained parts are deleted" in capsys.readouterr().out
    assert rxvision(monkeypatch, settings, "privacy", "erase", SUBJECT) == 1
    assert SUBJECT not in capsys.readouterr().err


def test_a_subject_is_erased_over_rest(client: TestClient, journal: Journal, desk: PrivacyDesk) -> None:
    predict(client)
    reply = client.post("/api/v1/subjects/erase", json={"subject": SUBJECT})
    assert (reply.status_code, reply.json()["num_retained"]) == (200, 2)
    assert journal.entries(action="erase_subject")[-1].entry_id == reply.json()["entry_id"]
    again = client.post("/api/v1/subjects/erase", json={"subject": SUBJECT})
    is_problem(again, status=404, code="unknown_subject")
    assert SUBJECT not in again.text
