"""The REST interface: predict, health and readiness, as a FastAPI application that BentoML mounts at `/`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from bentos import rest_audit, rest_batches, rest_catalogue, rest_feedback, rest_subjects
from bentos.access.rest import actor_of, guard
from bentos.answering import Answering
from bentos.batch import BatchAnswer, answer_batch
from bentos.batches.worker import BatchWorker
from bentos.bodies import in_time, while_connected
from bentos.faults import ServiceFault
from bentos.metrics import MEDIA_TYPE as METRICS_MEDIA_TYPE
from bentos.metrics import exposition
from bentos.openapi import PICTURE, described, form_body, problems
from bentos.privacy.reference import SUBJECT_HEADER, subject_of
from bentos.problems import install
from bentos.rollout.assign import SESSION_KEY_HEADER, session_of
from bentos.runtime.answer import Answer
from bentos.runtime.errors import InputError
from bentos.upload import read_upload
from bentos.upload_batch import read_batch

_METADATA_TEXT: Final = {
    "type": "string",
    "contentMediaType": "application/json",
    "description": "PillMetadata as JSON",
}
_PREDICT_PARTS: Final = {"image": PICTURE, "image_back": PICTURE, "metadata": _METADATA_TEXT}
_BATCH_PARTS: Final = {
    "image": {"type": "array", "minItems": 1, "items": PICTURE, "description": "one part per item, in order"},
    "image_back": {"type": "array", "items": PICTURE, "description": "the other sides, as `backs` says"},
    "backs": {
        "type": "string",
        "contentMediaType": "application/json",
        "description": "JSON array: the number of the item that each `image_back` belongs to, the first is 0; "
        "without it the first back belongs to the first item, and so on",
    },
    "metadata": {
        "type": "string",
        "contentMediaType": "application/json",
        "description": "JSON array, PillMetadata or null for each item",
    },
    "subjects": {
        "type": "string",
        "contentMediaType": "application/json",
        "description": "JSON array, whom each item is about, or null for whom the header names",
    },
}
MAX_BATCHES: Final = 2
_READING: Final = (400, 408, 413, 415, 422, 503)


def create_app() -> FastAPI:
    """The application; whoever runs it wraps it in `Observed` and puts an `Answering` at `app.state.answering`."""
    app = FastAPI(title="RxVision25", version="1", docs_url=None, redoc_url=None, dependencies=[Depends(guard)])
    app.state.batches, app.state.num_batches = None, 0
    install(app)
    described(app)
    app.add_api_route(
        "/api/v1/predict",
        predict,
        methods=["POST"],
        response_model=Answer,
        responses=problems(*_READING, 504),
        operation_id="predictMedication",
        tags=["predict"],
        openapi_extra=form_body(_PREDICT_PARTS, required=["image"]),
    )
    app.add_api_route(
        "/api/v1/predict/batch",
        predict_batch,
        methods=["POST"],
        response_model=BatchAnswer,
        responses=problems(*_READING),
        operation_id="predictBatch",
        tags=["predict"],
        openapi_extra=form_body(_BATCH_PARTS, required=["image"]),
    )
    for part in (rest_audit, rest_batches, rest_catalogue, rest_feedback, rest_subjects):
        app.include_router(part.router)
    _add_probes(app)
    return app


def _add_probes(app: FastAPI) -> None:
    app.add_api_route("/health", health, methods=["GET"], operation_id="getHealth", tags=["process"])
    app.add_api_route(
        "/ready", ready, methods=["GET"], operation_id="getReady", responses=problems(503), tags=["process"]
    )
    app.add_api_route(
        "/metrics",
        prometheus,
        methods=["GET"],
        operation_id="getMetrics",
        tags=["process"],
        response_class=PlainTextResponse,
    )


async def predict(request: Request) -> Response:
    """Identify the medication in one photograph, or in front and back, with what was typed beside it."""
    answering: Answering = request.app.state.answering
    try:
        with answering.admitted():
            reading = read_upload(request)
            upload = await in_time(reading, timeout_s=answering.settings.body_timeout_s)
            work = answering.answer(
                upload.pictures,
                metadata=upload.metadata,
                request_id=request.state.request_id,
                session_key=session_of(request.headers.get(SESSION_KEY_HEADER)),
                actor=actor_of(request),
                subject=subject_of(request.headers.get(SUBJECT_HEADER)),
            )
            answer = await while_connected(request, work)
    except (InputError, ServiceFault) as error:
        answering.refused(error.code)
        raise
    return Response(answer.model_dump_json(), media_type="application/json")


async def predict_batch(request: Request) -> Response:
    """Identify many medications: per item an answer or a problem, in the order of the `image` parts."""
    answering: Answering = request.app.state.answering
    settings = answering.settings
    try:
        with answering.admitted(), _one_of_few(request):
            answering.serving()
            subject = subject_of(request.headers.get(SUBJECT_HEADER))
            reading = read_batch(request, max_items=settings.max_batch_items, max_body_bytes=settings.max_batch_bytes,
                                 subject=subject)  # fmt: skip
            entries = await in_time(reading, timeout_s=settings.body_timeout_s)
            session_key = session_of(request.headers.get(SESSION_KEY_HEADER))
            request_id, actor = request.state.request_id, actor_of(request)
            work = answer_batch(answering, entries, request_id=request_id, session_key=session_key, actor=actor)
            answer = await while_connected(request, work)
    except (InputError, ServiceFault) as error:
        answering.refused(error.code)
        raise
    return Response(answer.model_dump_json(), media_type="application/json")


@contextmanager
def _one_of_few(request: Request) -> Iterator[None]:
    """Hold one of the places for batches, whose bodies are large; raises `ServiceFault` busy."""
    state = request.app.state
    if state.num_batches >= MAX_BATCHES:
        raise ServiceFault("busy", "The service reads as many batches as it can hold; try again in a second.")
    state.num_batches += 1
    try:
        yield
    finally:
        state.num_batches -= 1


async def health(request: Request) -> JSONResponse:
    """Whether the process does its work; a restart helps where not."""
    answering: Answering = request.app.state.answering
    worker: BatchWorker | None = request.app.state.batches
    ended = (
        "release watch ended"
        if not answering.watch.alive
        else "batch worker ended"
        if worker and not worker.alive
        else None
    )
    body = {"status": ended or "ok", "refused_release": answering.watch.refusal}
    return JSONResponse(body, status_code=503 if ended else 200)


async def ready(request: Request) -> JSONResponse:
    """Which release answers; a problem document with status 503 while none does."""
    serving = request.app.state.answering.serving()
    return JSONResponse({"status": "ready", "from": serving.origin, **_release(serving.ref.model_dump())})


def prometheus(request: Request) -> Response:
    """All workers' metrics in Prometheus' text format."""
    answering: Answering = request.app.state.answering
    return Response(exposition(answering.settings.metrics_dir), headers={"Content-Type": METRICS_MEDIA_TYPE})


def _release(ref: dict[str, Any]) -> dict[str, Any]:
    return {name: ref[name] for name in ("recogniser", "gallery", "version")}
