"""Large jobs leave nothing readable on disk, and nothing at all once they are deleted."""

import csv
import io
import sqlite3

from fastapi import FastAPI
from fastapi.testclient import TestClient

from bentos.privacy.desk import PrivacyDesk
from bentos.settings import Settings
from tests.bentos.archives import zipped
from tests.bentos.batches.jobs import URL, ZIP, post_zip, table, work
from tests.bentos.rest_client import FRONT, app_of, client_of, is_problem

NAME = "ann-miller_MRN-4711.jpg"
MANIFEST = f"image,imprint\n{NAME},ANN MILLER 415-555-2671\n".encode()


def on_disk(settings: Settings) -> bytes:
    files = [path for path in settings.home.rglob("*") if path.is_file() and path.parent.name != "keys"]
    return b"".join(path.read_bytes() for path in files)


def test_uploads_names_metadata_and_results_are_encrypted_on_disk(
    client: TestClient, app: FastAPI, settings: Settings
) -> None:
    job = post_zip(client, {NAME: FRONT, "manifest.csv": MANIFEST})
    folder = settings.home / "batches" / job["batch_id"]
    assert (folder / "pictures.zip").read_bytes()[:5] == b"RXSF1"
    for stage in ("uploaded", "finished"):
        stored = on_disk(settings)
        assert not [word for word in (b"miller", b"MILLER", b"4711", b"415-555", FRONT[:200]) if word in stored], stage
        work(app.state.batches)
    (row,) = table(client, job["batch_id"])
    assert (row["image"], row["outcome"]) == ("ann-miller_MRN-[number].jpg", "answered")
    text = client.get(f"{URL}/{job['batch_id']}/results", params={"format": "csv"})
    assert next(csv.DictReader(io.StringIO(text.text)))["request_id"] == row["request_id"]
    assert int(text.headers["content-length"]) == len(text.content)
    assert {path.name: path.read_bytes()[:5] for path in folder.iterdir()} == {
        "results.csv": b"RXSF1", "results.parquet": b"RXSF1"}  # fmt: skip


def test_a_deleted_job_takes_its_key_with_it(client: TestClient, settings: Settings, desk: PrivacyDesk) -> None:
    job = post_zip(client, {NAME: FRONT})
    assert desk.keys.get(f"batch:{job['batch_id']}") is not None
    client.delete(f"{URL}/{job['batch_id']}")
    assert desk.keys.get(f"batch:{job['batch_id']}") is None


def test_an_upload_that_is_refused_leaves_no_key(client: TestClient, settings: Settings, desk: PrivacyDesk) -> None:
    is_problem(client.post(URL, content=b"no archive", headers=ZIP), status=422, code="bad_archive")
    is_problem(client.post(URL, json={"source": "/etc"}), status=403, code="source_not_allowed")
    post_zip(client, {"a.jpg": FRONT})
    with sqlite3.connect(settings.home / "privacy.db") as connection:
        assert connection.execute("SELECT count(*) FROM data_keys").fetchone() == (1,)


def test_where_personal_data_are_refused_names_of_files_are_looked_at(settings: Settings) -> None:
    app = app_of(settings.model_copy(update={"personal_data": "refuse"}))
    reply = client_of(app).post(URL, content=zipped({NAME: FRONT}), headers=ZIP)
    is_problem(reply, status=422, code="personal_data")
    assert "4711" not in reply.text
    app.state.answering.close()


def test_a_service_that_is_told_not_to_encrypt_does_not_and_reads_both(client: TestClient, settings: Settings) -> None:
    sealed = post_zip(client, {NAME: FRONT})
    app = app_of(settings.model_copy(update={"encrypt_batches": False}))
    plain = post_zip(client_of(app), {NAME: FRONT})
    archive = settings.home / "batches" / plain["batch_id"] / "pictures.zip"
    assert archive.read_bytes()[:2] == b"PK"
    work(app_of(settings).state.batches)
    for job in (sealed, plain):
        assert table(client, job["batch_id"])[0]["outcome"] == "answered"
    app.state.answering.close()
