"""REST: large jobs, from an uploaded archive or a place that the server may read; progress, results, deletion."""

import asyncio
import os
import shutil
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, BinaryIO, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from bentos.access.rest import actor_of, caller_of, hide
from bentos.access.table import Scope
from bentos.batches.manifest import items_of
from bentos.batches.results import MEDIA_TYPES, Format, result_path
from bentos.batches.sources import ARCHIVE_FILE
from bentos.batches.store import UPLOAD, Job, State, too_many
from bentos.batches.worker import BatchWorker
from bentos.bodies import in_time, json_record, limited, media_type
from bentos.faults import ServiceFault
from bentos.openapi import problems
from bentos.privacy.reference import SUBJECT_HEADER, subject_of
from bentos.privacy.typed import refuse

router = APIRouter(prefix="/api/v1/batches", tags=["batches"])
_ZIP: Final = frozenset({"application/zip", "application/x-zip-compressed", "application/octet-stream"})
_SPARE_BYTES: Final = 2**28
_MAX_UPLOADS: Final = 2
_PIECE: Final = 2**18


class BatchSource(BaseModel):
    """Where the pictures lie: an absolute directory, or the URL of an object-store prefix, that the server may read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Annotated[str, Field(min_length=1, max_length=1000)]


class BatchResults(BaseModel):
    """Where the tables of a finished batch are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    parquet: str
    csv: str


class BatchStatus(BaseModel):
    """A job and how far it is; `problem` is the code of what ended a failed one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch_id: str
    state: State
    num_items: int
    num_answered: int
    num_refused: int
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime
    problem: str | None
    results: BatchResults | None


_ARCHIVE: Final = {
    "type": "string",
    "format": "binary",
    "description": "A ZIP of pictures (.jpg, .jpeg, .png, .heic, .heif) and, where wanted, manifest.csv with the "
    "columns image, image_back, imprint, color, shape, size_mm, subject; else every picture is an item",
}
_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {
            "application/zip": {"schema": _ARCHIVE},
            "application/json": {"schema": BatchSource.model_json_schema()},
        },
    }
}


@router.post(
    "",
    status_code=202,
    response_model=BatchStatus,
    responses=problems(400, 403, 408, 413, 415, 422, 429, 503),
    operation_id="createBatch",
    openapi_extra=_BODY,
)
async def create(request: Request) -> Response:
    """Begin a large job; the answer says where to ask for its progress."""
    worker: BatchWorker = request.app.state.batches
    settings = worker.settings
    if await asyncio.to_thread(worker.store.num_unfinished) >= settings.job_max_unfinished:
        raise too_many()
    batch_id, subject = str(uuid.uuid4()), subject_of(request.headers.get(SUBJECT_HEADER))
    kind = media_type(request)
    if kind == "application/json":
        place = await json_record(request, BatchSource, timeout_s=settings.body_timeout_s)
        job = await asyncio.to_thread(
            _add, worker, batch_id, source=place.source, actor=actor_of(request), subject=subject
        )
    elif kind in _ZIP:
        job = await _uploaded(request, worker, batch_id, subject=subject)
    else:
        raise ServiceFault("not_zip_or_json", "Send a ZIP as application/zip, or a source as application/json.")
    worker.wake()
    return _json(job, status=202)


@router.get("/{batch_id}", response_model=BatchStatus, responses=problems(404, 422), operation_id="getBatch")
async def status(request: Request, batch_id: uuid.UUID) -> Response:
    """How far the job is."""
    return _json(await _job(request, batch_id))


@router.get(
    "/{batch_id}/results",
    response_class=FileResponse,
    responses={
        200: {"content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES.values()}},
        **problems(404, 409, 422),
    },
    operation_id="getBatchResults",
)
async def results(request: Request, batch_id: uuid.UUID, *, format: Annotated[Format, Query()] = "parquet") -> Response:  # noqa: A002
    """The answers as a table, one row per pill, once the job has finished."""
    job = await _job(request, batch_id)
    path = result_path(request.app.state.batches.store.folder(job.job_id), format)
    if job.state != "finished" or not path.is_file():
        raise ServiceFault("batch_not_finished", f"The batch is {job.state}; there are no results of it.")
    file = await asyncio.to_thread(request.app.state.batches.store.seals.open, job.job_id, path)
    headers = {
        "Content-Disposition": f'attachment; filename="{job.job_id}.{format}"',
        "Content-Length": str(file.seek(0, os.SEEK_END)),
    }
    file.seek(0)
    return StreamingResponse(_pieces(file), media_type=MEDIA_TYPES[format], headers=headers)


@router.delete(
    "/{batch_id}",
    status_code=204,
    response_class=Response,
    responses=problems(404, 422, 503),
    operation_id="deleteBatch",
)
async def delete(request: Request, batch_id: uuid.UUID) -> Response:
    """Stop the job where it runs, and delete its pictures and results."""
    worker: BatchWorker = request.app.state.batches
    job = await _job(request, batch_id)
    if not await asyncio.to_thread(worker.forget, job.job_id, why="deleted", actor=actor_of(request)):
        raise _unknown()
    return Response(status_code=204)


async def _uploaded(request: Request, worker: BatchWorker, batch_id: str, *, subject: str | None) -> Job:
    if worker.num_uploads >= _MAX_UPLOADS:
        raise too_many()
    folder = worker.store.folder(batch_id)
    worker.num_uploads += 1
    try:
        await asyncio.to_thread(_make_room, folder, num_bytes=worker.settings.job_max_bytes)
        await asyncio.to_thread(worker.store.seals.begin, batch_id)
        await in_time(_save(request, folder, worker=worker), timeout_s=worker.settings.job_upload_timeout_s)
        return await asyncio.to_thread(_add, worker, batch_id, source=UPLOAD, actor=actor_of(request), subject=subject)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        worker.store.seals.forget(batch_id)
        raise
    finally:
        worker.num_uploads -= 1


async def _save(request: Request, folder: Path, *, worker: BatchWorker) -> None:
    """Write the body to the job's archive file as it arrives; a sender that pauses is given up."""
    chunks = limited(request, limit=worker.settings.job_max_bytes)
    with await asyncio.to_thread(worker.store.seals.create, folder.name, folder / ARCHIVE_FILE) as file:
        while (chunk := await in_time(anext(chunks, None), timeout_s=worker.settings.body_timeout_s)) is not None:
            await asyncio.to_thread(file.write, chunk)


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(_PIECE):
            yield piece


def _make_room(folder: Path, *, num_bytes: int) -> None:
    if shutil.disk_usage(folder.parent).free < num_bytes + _SPARE_BYTES:
        raise ServiceFault("no_room", "There is no room for an upload now; try again later.")
    folder.mkdir()


def _add(worker: BatchWorker, batch_id: str, *, source: str, actor: str, subject: str | None) -> Job:
    """Check the source, list its items and queue the job."""
    settings = worker.settings
    pictures = worker.source(batch_id, source)
    try:
        items = items_of(pictures.names(), pictures.manifest(), max_items=settings.job_max_items, subject=subject)
    finally:
        pictures.close()
    names = [name for item in items for name in (item.image, item.image_back)]
    refuse(names, policy=settings.personal_data, what="the names of the pictures")
    return worker.add(batch_id, items, source=source, actor=actor)


async def _job(request: Request, batch_id: uuid.UUID) -> Job:
    """The job of an id, where it is the caller's own; another's is as unknown as none."""
    job, caller = await asyncio.to_thread(request.app.state.batches.store.get, str(batch_id)), caller_of(request)
    if job is None:
        raise _unknown()
    if job.actor != caller.actor and Scope.ALL_BATCHES not in caller.scopes:
        raise await hide(request, _unknown().code, _unknown().sentence)
    return job


def _unknown() -> ServiceFault:
    return ServiceFault("unknown_batch", "There is no batch of this id; it may have expired.")


def _json(job: Job, *, status: int = 200) -> Response:
    href = f"/api/v1/batches/{job.job_id}"
    links = BatchResults(parquet=f"{href}/results?format=parquet", csv=f"{href}/results?format=csv")
    body = BatchStatus(
        batch_id=job.job_id,
        state=job.state,
        num_items=job.num_items,
        num_answered=job.num_answered,
        num_refused=job.num_refused,
        created_at=_moment(job.created_at),
        finished_at=None if job.finished_at is None else _moment(job.finished_at),
        expires_at=_moment(job.expires_at),
        problem=job.problem,
        results=links if job.state == "finished" else None,
    )
    headers = {"Location": href} if status == 202 else {}
    return Response(body.model_dump_json(), status_code=status, headers=headers, media_type="application/json")


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
