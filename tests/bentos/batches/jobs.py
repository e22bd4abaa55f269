"""Uploads a job, works it off, and reads its table."""

import asyncio
import io
from contextlib import suppress

import pyarrow.parquet as pq
from fastapi.testclient import TestClient

from bentos.batches.worker import BatchWorker
from tests.bentos.archives import zipped
from tests.bentos.pictures import unusable
from tests.bentos.rest_client import BACK, FRONT

ZIP = {"Content-Type": "application/zip"}
URL = "/api/v1/batches"
MANIFEST = b"image,image_back,imprint,size_mm\nb.jpg,back.jpg,A2,10\na.jpg,,,\nbad.jpg,,,\na.jpg,,,nan\n"
FILES = {"a.jpg": FRONT, "b.jpg": FRONT, "back.jpg": BACK, "bad.jpg": unusable()["text_named_jpg"][0]}


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
