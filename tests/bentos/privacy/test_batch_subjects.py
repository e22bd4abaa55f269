"""Each item of a batch is about whom it says, and erasure of one subject reaches that subject's items alone."""

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from fastapi import FastAPI
from fastapi.testclient import TestClient

from bentos.batches.tables import JOBS_FILE, connected
from bentos.client.items import Item
from bentos.client.rest import RestClient
from bentos.journal import Journal
from bentos.privacy.desk import PrivacyDesk
from bentos.privacy.erasure import Erased, erase
from bentos.privacy.reference import SUBJECT_HEADER
from bentos.settings import Settings
from tests.bentos.archives import zipped
from tests.bentos.batches.jobs import URL, ZIP, post_zip, table, work
from tests.bentos.rest_client import FRONT, is_problem

ANN, BEN, CAL = "mrn-ann-4711", "mrn-ben-4712", "mrn-cal-4713"
FILES = {f"{name}.jpg": FRONT for name in ("ann1", "ben1", "ann2", "nobody")}
MANIFEST = f"image,subject\nann1.jpg,{ANN}\nben1.jpg,{BEN}\nann2.jpg,{ANN}\nnobody.jpg,\n".encode()


def erased(subject: str, *, desk: PrivacyDesk, settings: Settings) -> Erased:
    journal = Journal(settings.journal_url)
    done = erase(subject, desk=desk, journal=journal, actor="test", now=datetime.now(UTC))
    journal.close()
    return done


def refs(settings: Settings) -> list[str | None]:
    """Whom the answers are about, in the order they were given."""
    journal = Journal(settings.journal_url)
    found = [entry.subject_ref for entry in journal.entries(action="predict")]
    journal.close()
    return found


def pseudonym(desk: PrivacyDesk, subject: str) -> str:
    return desk.subjects.key(subject).pseudonym


def on_disk(settings: Settings) -> bytes:
    return b"".join(path.read_bytes() for path in (settings.home / "batches").rglob("*") if path.is_file())


def test_each_item_of_a_request_has_its_own_subject_and_the_header_is_for_the_rest(
    client: TestClient, desk: PrivacyDesk, settings: Settings
) -> None:
    files = [("image", ("a.jpg", FRONT))] * 3
    data = {"subjects": json.dumps([ANN, None, BEN])}
    reply = client.post("/api/v1/predict/batch", files=files, data=data, headers={SUBJECT_HEADER: CAL})
    assert reply.json()["num_answered"] == 3
    assert set(refs(settings)) == {pseudonym(desk, one) for one in (ANN, BEN, CAL)}
    for bad in ('["a"]', '{"a": 1}', "[1, 2, 3]", "nonsense"):
        reply = client.post("/api/v1/predict/batch", files=files, data={"subjects": bad})
        is_problem(reply, status=422, code="bad_metadata")
    reply = client.post("/api/v1/predict/batch", files=files, data={"subjects": json.dumps(["x" * 201, None, None])})
    is_problem(reply, status=422, code="bad_request")


def test_the_client_says_whom_each_item_is_about(client: TestClient, desk: PrivacyDesk, settings: Settings) -> None:
    with RestClient("http://testserver", http=client) as mine:
        outcomes = mine.identify_many([Item(FRONT, subject=ANN), Item(FRONT)], subject=BEN)
    assert len(outcomes) == 2
    assert set(refs(settings)) == {pseudonym(desk, ANN), pseudonym(desk, BEN)}
    assert ANN not in repr(Item(FRONT, subject=ANN))


def test_erasure_reaches_one_subjects_items_of_a_finished_job(
    client: TestClient, app: FastAPI, desk: PrivacyDesk, settings: Settings
) -> None:
    job = post_zip(client, FILES | {"manifest.csv": MANIFEST})
    work(app.state.batches)
    ann, ben = pseudonym(desk, ANN), pseudonym(desk, BEN)
    assert refs(settings) == [ann, ben, ann, None]
    before = table(client, job["batch_id"])
    erased(ANN, desk=desk, settings=settings)
    rows = table(client, job["batch_id"])
    assert [row["problem_code"] for row in rows] == ["erased", None, "erased", None]
    assert [rows[1], rows[3]] == [before[1], before[3]]
    assert not any(value for row in (rows[0], rows[2]) for name, value in row.items()
                   if name not in ("item", "outcome", "problem_code", "problem_detail"))  # fmt: skip
    assert client.get(f"{URL}/{job['batch_id']}").json()["num_refused"] == 2
    csv = client.get(f"{URL}/{job['batch_id']}/results", params={"format": "csv"}).text
    assert "ben1.jpg" in csv
    assert "ann1.jpg" not in csv
    assert pseudonym(desk, BEN) == ben
    entry = Journal(settings.journal_url).entries(action="erase_subject")[-1]
    assert (entry.outcome, entry.subject_ref, entry.payload["num_batch_items"]) == ("erased", ann, 2)


def test_who_is_erased_before_his_items_had_their_turn_is_not_answered(
    client: TestClient, app: FastAPI, desk: PrivacyDesk, settings: Settings
) -> None:
    job = post_zip(client, FILES | {"manifest.csv": MANIFEST})
    assert erased(ANN, desk=desk, settings=settings).subject_ref is None
    work(app.state.batches)
    assert [row["problem_code"] for row in table(client, job["batch_id"])] == ["erased", None, "erased", None]
    assert refs(settings) == [pseudonym(desk, BEN), None]
    assert desk.keys.get(desk.subjects.owner(ANN)) is None


def test_a_job_is_about_whom_its_header_names_where_its_rows_name_nobody(
    client: TestClient, app: FastAPI, desk: PrivacyDesk, settings: Settings
) -> None:
    headers = ZIP | {SUBJECT_HEADER: CAL}
    assert client.post(URL, content=zipped(FILES | {"manifest.csv": MANIFEST}), headers=headers).status_code == 202
    work(app.state.batches)
    assert refs(settings)[-1] == pseudonym(desk, CAL)
    long = client.post(URL, content=zipped(FILES), headers=ZIP | {SUBJECT_HEADER: "x" * 201})
    is_problem(long, status=422, code="bad_request")
    many = b"image,subject\nann1.jpg," + b"x" * 201 + b"\n"
    reply = client.post(URL, content=zipped(FILES | {"manifest.csv": many}), headers=ZIP)
    is_problem(reply, status=422, code="bad_manifest")


def test_a_reference_is_on_disk_in_no_clear_and_after_the_answer_in_no_form(
    client: TestClient, app: FastAPI, settings: Settings
) -> None:
    post_zip(client, FILES | {"manifest.csv": MANIFEST})
    assert ANN.encode() not in on_disk(settings)
    work(app.state.batches)
    with sqlite3.connect(settings.home / "batches" / JOBS_FILE) as connection:
        assert connection.execute("SELECT count(*) FROM items WHERE subject IS NOT NULL").fetchone() == (0,)
        named = [row[0] for row in connection.execute("SELECT key_owner FROM items WHERE key_owner IS NOT NULL")]
    assert len(named) == 3
    assert not [owner for owner in named if "4711" in owner or not owner.startswith("subject:")]


def test_the_file_of_an_older_service_gets_the_columns(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / JOBS_FILE) as old:
        old.execute("CREATE TABLE jobs (job_id TEXT PRIMARY KEY, state TEXT NOT NULL)")
        old.execute("CREATE TABLE items (job_id TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (job_id, number))")
    for _ in range(2):
        connection = connected(tmp_path / JOBS_FILE)
        columns = {row["name"] for row in connection.execute("PRAGMA table_info(items)")}
        assert {"subject", "key_owner"} <= columns
        connection.close()
