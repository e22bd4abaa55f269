"""Large jobs in process: upload, progress, tables, hostile archives, places that may be read, leases, expiry."""

import asyncio
import csv
import io
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import fsspec
import pyarrow.parquet as pq
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from bentos.batches.worker import BatchWorker
from bentos.journal import Journal
from bentos.settings import Settings
from tests.bentos.archives import hostile, zipped
from tests.bentos.pictures import unusable
from tests.bentos.rest_client import BACK, FRONT, app_of, batch_worker, client_of, is_problem

ZIP = {"Content-Type": "application/zip"}
URL = "/api/v1/batches"
MANIFEST = b"image,image_back,imprint,size_mm\nb.jpg,back.jpg,A2,10\na.jpg,,,\nbad.jpg,,,\na.jpg,,,nan\n"
FILES = {"a.jpg": FRONT, "b.jpg": FRONT, "back.jpg": BACK, "bad.jpg": unusable()["text_named_jpg"][0]}


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    readable = tmp_path / "readable"
    readable.mkdir()
    return settings.model_copy(
        update={
            "job_sources": (str(readable), "memory://pills/open"),
            "job_max_items": 20,
            "job_max_unfinished": 3,
            "job_max_bytes": 2**20,
            "job_lease_s": 0.2,
        }
    )


@pytest.fixture
def app(settings: Settings) -> Iterator[FastAPI]:
    app = app_of(settings)
    yield app
    app.state.answering.close()


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    return client_of(app)


def post_zip(client: TestClient, files: dict[str, bytes]) -> dict:
    response = client.post(URL, content=zipped(files), headers=ZIP)
    assert response.status_code == 202, response.text
    assert response.headers["location"] == f"{URL}/{response.json()['batch_id']}"
    return response.json()


def work(worker: BatchWorker, *, seconds: float = 20) -> None:
    """Let the worker run until no job waits or runs."""

    async def until_done() -> None:
        running = asyncio.create_task(worker.run())
        while worker.store.num_unfinished():
            await asyncio.sleep(0.01)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    asyncio.run(asyncio.wait_for(until_done(), seconds))


def table(client: TestClient, batch_id: str) -> list[dict]:
    response = client.get(f"{URL}/{batch_id}/results", params={"format": "parquet"})
    assert response.headers["content-type"] == "application/vnd.apache.parquet"
    return pq.read_table(io.BytesIO(response.content)).to_pylist()


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


def test_a_directory_that_is_allowed_is_read(client: TestClient, app: FastAPI, tmp_path: Path) -> None:
    folder = tmp_path / "readable" / "today"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(FRONT)
    (folder / "notes.txt").write_text("no picture")
    (tmp_path / "secret.jpg").write_bytes(FRONT)
    (folder / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    job = client.post(URL, json={"source": str(folder)}).json()
    work(app.state.batches)
    rows = table(client, job["batch_id"])
    assert [(row["image"], row["problem_code"]) for row in rows] == [("a.jpg", None), ("link.jpg", "source_unreadable")]
    assert (folder / "a.jpg").exists()


def test_an_object_store_prefix_that_is_allowed_is_read(client: TestClient, app: FastAPI) -> None:
    store = fsspec.filesystem("memory")
    store.pipe("/pills/open/day/x/a.jpg", FRONT)
    store.pipe("/pills/open/day/manifest.csv", b"image,imprint\nx/a.jpg,A2\n")
    store.pipe("/pills/closed/a.jpg", FRONT)
    job = client.post(URL, json={"source": "memory://pills/open/day"}).json()
    work(app.state.batches)
    assert [row["image"] for row in table(client, job["batch_id"])] == ["x/a.jpg"]
    is_problem(client.post(URL, json={"source": "memory://pills/open/none"}), status=422, code="source_unreadable")


@pytest.mark.parametrize(
    "source",
    [
        "/etc",
        "/",
        "relative",
        "readable/../../etc",
        "file:///etc",
        "memory://pills",
        "memory://pills/openness",
        "memory://pills/open/../closed",
        "memory://pills/open/%2e%2e/closed",
        "simplecache::memory://pills/open",
        "zip://a.zip::memory://pills/open",
        "s3://pills/open",
        "http://169.254.169.254/latest",
        "memory://pills/open//day",
        "a\0b",
    ],
)
def test_nothing_else_is_read(client: TestClient, source: str) -> None:
    is_problem(client.post(URL, json={"source": source}), status=403, code="source_not_allowed")


def test_by_default_no_place_is_read(client: TestClient, app: FastAPI, tmp_path: Path) -> None:
    app.state.batches.settings = app.state.batches.settings.model_copy(update={"job_sources": ()})
    for source in (str(tmp_path / "readable"), "memory://pills/open"):
        is_problem(client.post(URL, json={"source": source}), status=403, code="source_not_allowed")


def test_a_job_is_deleted_with_all_it_has(client: TestClient, settings: Settings, app: FastAPI) -> None:
    job = post_zip(client, FILES)
    assert client.delete(f"{URL}/{job['batch_id']}").status_code == 204
    is_problem(client.get(f"{URL}/{job['batch_id']}"), status=404, code="unknown_batch")
    is_problem(client.delete(f"{URL}/{job['batch_id']}"), status=404, code="unknown_batch")
    assert not (settings.home / "batches" / job["batch_id"]).exists()
    assert [entry.outcome for entry in Journal(settings.journal_url).entries(action="batch")] == ["created", "deleted"]


def test_a_job_expires(client: TestClient, app: FastAPI, settings: Settings) -> None:
    app.state.batches.settings = settings.model_copy(update={"job_keep_h": 1e-9})
    job = post_zip(client, FILES)
    time.sleep(0.01)
    work(app.state.batches)
    is_problem(client.get(f"{URL}/{job['batch_id']}"), status=404, code="unknown_batch")


def test_a_worker_that_was_stopped_or_killed_is_followed_by_another(client: TestClient, app: FastAPI) -> None:
    job = post_zip(client, {f"{i}.jpg": FRONT for i in range(6)})
    store, first = app.state.batches.store, "a worker that was killed"
    held = store.claim(first, now=time.time(), lease_s=0.3)
    item = store.next_item(held.job_id, owner=first, now=time.time(), lease_s=0.3)
    assert store.claim("another", now=time.time(), lease_s=9) is None
    began = time.monotonic()
    work(batch_worker(app.state.answering))
    assert time.monotonic() - began > 0.25
    assert [row["item"] for row in table(client, job["batch_id"])] == list(range(6))
    assert item.number == 0


def test_an_item_that_ends_its_worker_is_given_up_at_the_third_time(client: TestClient, app: FastAPI) -> None:
    job = post_zip(client, {"a.jpg": FRONT, "b.jpg": FRONT})
    store = app.state.batches.store
    for time_s in (10.0, 20.0, 30.0):
        store.claim(f"killed at {time_s}", now=time_s, lease_s=1)
        store.next_item(job["batch_id"], owner=f"killed at {time_s}", now=time_s, lease_s=1)
    work(app.state.batches)
    assert [row["problem_code"] for row in table(client, job["batch_id"])] == ["abandoned", None]


def test_an_archive_that_is_gone_fails_the_job_and_not_the_worker(
    client: TestClient, app: FastAPI, settings: Settings
) -> None:
    lost, kept = post_zip(client, FILES), post_zip(client, FILES)
    (settings.home / "batches" / lost["batch_id"] / "pictures.zip").unlink()
    work(app.state.batches)
    states = {key: client.get(f"{URL}/{key}").json() for key in (lost["batch_id"], kept["batch_id"])}
    assert [(state["state"], state["problem"]) for state in states.values()] == [
        ("failed", "bad_archive"),
        ("finished", None),
    ]


def test_a_batch_waits_for_people_but_not_for_ever(client: TestClient, app: FastAPI, settings: Settings) -> None:
    worker = app.state.batches
    worker.settings = settings.model_copy(update={"job_patience_s": 0.3})
    post_zip(client, {"a.jpg": FRONT, "b.jpg": FRONT})
    with app.state.answering.admitted():
        began = time.monotonic()
        work(worker)
    assert 0.6 < time.monotonic() - began < 5


@pytest.mark.parametrize("path", ["ann", "00000000-0000-0000-0000-000000000000"])
def test_a_job_that_never_was_is_not_found(client: TestClient, path: str) -> None:
    for response in (client.get(f"{URL}/{path}"), client.get(f"{URL}/{path}/results"), client.delete(f"{URL}/{path}")):
        assert response.status_code in (404, 422)
        is_problem(response, status=response.status_code, code=response.json()["code"])


def test_a_worker_that_ended_shows_in_the_health(client: TestClient, app: FastAPI) -> None:
    assert client.get("/health").json()["status"] == "ok"
    app.state.batches.alive = False
    response = client.get("/health")
    assert (response.status_code, response.json()["status"]) == (503, "batch worker ended")
