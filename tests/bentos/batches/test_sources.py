"""Large jobs from places that may be read, and the refusal of all others."""

from pathlib import Path

import fsspec
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.bentos.batches.jobs import URL, table, work
from tests.bentos.rest_client import FRONT, is_problem


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
