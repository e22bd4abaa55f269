"""Large jobs from an upload: progress, tables, hostile archives, manifests, bounds."""

import csv
import io

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from bentos.journal import Journal
from bentos.settings import Settings
from tests.bentos.archives import hostile, zipped
from tests.bentos.batches.jobs import FILES, MANIFEST, URL, ZIP, post_zip, table, work
from tests.bentos.rest_client import FRONT, is_problem


def test_an_archive_with_a_manifest_becomes_a_table(client: TestClient, app: FastAPI, settings: Settings) -> None:
    job = post_zip(client, FILES | {"manifest.csv": MANIFEST})
    assert (job["state"], job["num_items"], job["results"]) == ("waiting", 4, None)
    is_problem(client.get(f"{URL}/{job['batch_id']}/results"), status=409, code="batch_not_finished")
    work(app.state.batches)
    done = client.get(f"{URL}/{job['batch_id']}").json()
    assert (done["state"], done["num_answered"], done["num_refused"]) == ("finished", 2, 2)
    rows = table(client, job["batch_id"])
    assert [(row["item"], row["image"], row["outcome"], row["problem_code"]) for row in rows] == [
        (0, "b.jpg", "answered", None),
        (1, "a.jpg", "answered", None),
        (2, "bad.jpg", "refused", "unsupported_format"),
        (3, "a.jpg", "refused", "bad_metadata"),
    ]
    lines = list(csv.DictReader(io.StringIO(client.get(done["results"]["csv"]).text)))
    assert [line["status"] for line in lines] == [row["status"] or "" for row in rows]
    numbers = {entry.payload["num_pictures"] for entry in Journal(settings.journal_url).entries(action="predict")[:1]}
    assert numbers == {2}


def test_without_a_manifest_every_picture_is_an_item(client: TestClient, app: FastAPI) -> None:
    job = post_zip(client, {"b/2.jpg": FRONT, "a/1.jpg": FRONT, "__MACOSX/a/._1.jpg": b"x", ".DS_Store": b"x"})
    work(app.state.batches)
    assert [row["image"] for row in table(client, job["batch_id"])] == ["a/1.jpg", "b/2.jpg"]


def test_each_item_is_journalled_and_the_job_without_names_of_files(
    client: TestClient, app: FastAPI, settings: Settings
) -> None:
    job = post_zip(client, {"ann-miller.jpg": FRONT})
    work(app.state.batches)
    (row,) = table(client, job["batch_id"])
    journal = Journal(settings.journal_url)
    (entry,) = journal.entries(action="predict")
    assert entry.payload["request_id"] == row["request_id"]
    assert [entry.outcome for entry in journal.entries(action="batch")] == ["created", "finished"]
    stored = b"".join(path.read_bytes() for path in settings.home.glob("journal.db*"))
    assert b"ann-miller" not in stored


def test_the_pictures_of_a_finished_job_are_gone(client: TestClient, app: FastAPI, settings: Settings) -> None:
    job = post_zip(client, FILES)
    folder = settings.home / "batches" / job["batch_id"]
    assert [path.name for path in folder.iterdir()] == ["pictures.zip"]
    work(app.state.batches)
    assert sorted(path.name for path in folder.iterdir()) == ["results.csv", "results.parquet"]


@pytest.mark.parametrize("name", sorted(hostile(b"x" * 3000)))
def test_a_hostile_archive_is_refused_and_leaves_nothing(client: TestClient, settings: Settings, name: str) -> None:
    response = client.post(URL, content=hostile(FRONT)[name], headers=ZIP)
    is_problem(response, status=422, code="bad_archive")
    assert [path.name for path in (settings.home / "batches").iterdir() if path.is_dir()] == []


@pytest.mark.parametrize(
    ("manifest", "code"),
    [
        (b"picture\na.jpg\n", "bad_manifest"),
        (b"image,patient\na.jpg,Ann\n", "bad_manifest"),
        (b"image,image\na.jpg,a.jpg\n", "bad_manifest"),
        (b"image\nmissing.jpg\n", "bad_manifest"),
        (b"image\n../a.jpg\n", "bad_manifest"),
        (b"image,imprint\na.jpg\n", "bad_manifest"),
        (b"image\na.jpg,b,c\n", "bad_manifest"),
        (b"image,imprint\na.jpg," + b"A" * 10_000 + b"\n", "bad_manifest"),
        (b'image\n"a.jpg', "bad_manifest"),
        (b"\xff\xfe\x00", "bad_manifest"),
        (b"", "bad_manifest"),
        (b"image\n" + b"a.jpg\n" * 21, "too_many_items"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_refused(client: TestClient, manifest: bytes, code: str) -> None:
    response = client.post(URL, content=zipped({"a.jpg": FRONT, "manifest.csv": manifest}), headers=ZIP)
    is_problem(response, status=413 if code == "too_many_items" else 422, code=code)


def test_an_upload_is_bounded(client: TestClient, settings: Settings) -> None:
    is_problem(client.post(URL, content=bytes(2**20 + 1), headers=ZIP), status=413, code="body_too_large")
    many = zipped({f"{i}.jpg": b"" for i in range(200)})
    is_problem(client.post(URL, content=many, headers=ZIP), status=413, code="too_many_items")
    is_problem(client.post(URL, content=b"", headers={"Content-Type": "text/plain"}), status=415,
               code="not_zip_or_json")  # fmt: skip
    for _ in range(3):
        post_zip(client, {"a.jpg": FRONT})
    response = client.post(URL, content=zipped({"a.jpg": FRONT}), headers=ZIP)
    is_problem(response, status=429, code="too_many_batches")
    assert int(response.headers["retry-after"]) >= 1
