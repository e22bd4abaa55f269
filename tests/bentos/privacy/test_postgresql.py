"""The life of a subject in PostgreSQL, in the journal's own database: asked, rotated, exported, erased."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from bentos.faults import ServiceFault
from bentos.journal import Journal
from bentos.privacy.desk import PrivacyDesk
from bentos.privacy.erasure import erase
from bentos.privacy.export import export
from bentos.privacy.rotation import rotate
from bentos.settings import Settings
from tests.bentos.privacy.conftest import NOON, SUBJECT
from tests.bentos.rest_client import FRONT, app_of, client_of
from tests.servers import PostgreSql


@pytest.fixture
def settings(settings: Settings, postgresql: PostgreSql) -> Settings:
    return settings.model_copy(update={"journal": postgresql.new_database(), "retain_pictures": {"replay": 30.0}})


def num_rows(settings: Settings, table: str) -> int:
    engine = create_engine(settings.privacy_url)
    with engine.connect() as connection:
        found = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
    engine.dispose()
    return found


def test_a_subject_is_asked_about_rotated_exported_and_erased(
    settings: Settings, journal: Journal, desk: PrivacyDesk, tmp_path: Path
) -> None:
    app = app_of(settings)
    client = client_of(app)
    for _ in range(2):
        reply = client.post("/api/v1/predict", files={"image": FRONT}, headers={"X-Subject-Ref": SUBJECT})
        assert reply.status_code == 200
    assert rotate(desk, journal=journal, actor="test", now=NOON).num_keys == 1
    assert export(SUBJECT, into=tmp_path / "out", desk=desk, journal=journal, actor="test", now=NOON) == 2
    assert len(list((tmp_path / "out").glob("*.png"))) == 2
    assert erase(SUBJECT, desk=desk, journal=journal, actor="test", now=NOON).num_retained == 2
    assert (num_rows(settings, "data_keys"), num_rows(settings, "retained")) == (0, 0)
    with pytest.raises(ServiceFault, match="unknown_subject"):
        desk.subjects.key(SUBJECT)
    assert not (settings.home / "privacy.db").exists()
    app.state.answering.close()


def test_several_processes_make_one_key_while_it_is_rotated(settings: Settings, journal: Journal) -> None:
    desks, found = [PrivacyDesk(settings) for _ in range(4)], []
    asking = [threading.Thread(target=_ask, args=(desk, found)) for desk in desks]
    turning = [threading.Thread(target=desk.keys.rotate) for desk in desks[:2]]
    for thread in (*asking, *turning):
        thread.start()
    for thread in (*asking, *turning):
        thread.join()
    assert found == [desks[0].keys.get("subject:x").secret] * 4
    for desk in desks:
        desk.close()


def _ask(desk: PrivacyDesk, found: list[bytes]) -> None:
    found.append(desk.keys.get_or_make("subject:x", now=NOON).secret)
