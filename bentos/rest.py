"""The REST interface: predict, health and readiness, as a FastAPI application that BentoML mounts at `/`."""

import asyncio
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from bentos.answering import Answering
from bentos.faults import ServiceFault
from bentos.metrics import MEDIA_TYPE as METRICS_MEDIA_TYPE
from bentos.metrics import exposition
from bentos.problems import MEDIA_TYPE, install
from bentos.runtime.answer import Answer, PillMetadata
from bentos.runtime.errors import InputError
from bentos.upload import Upload, read_upload

_PICTURE: Final = {"type": "string", "format": "binary", "description": "JPEG, PNG or HEIC"}
_REQUEST_BODY: Final = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["image"],
                "properties": {
                    "image": _PICTURE,
                    "image_back": _PICTURE,
                    "metadata": {"type": "string", "description": "JSON object, see PillMetadata"},
                },
            }
        }
    },
}
_PROBLEM: Final = {"description": "A problem document with a code and a sentence", "content": {MEDIA_TYPE: {}}}


def create_app() -> FastAPI:
    """The application; whoever runs it wraps it in `Observed` and puts an `Answering` at `app.state.answering`."""
    app = FastAPI(title="RxVision25", version="1", docs_url=None, redoc_url=None)
    install(app)
    app.add_api_route(
        "/api/v1/predict",
        predict,
        methods=["POST"],
        response_model=Answer,
        responses=dict.fromkeys((400, 408, 413, 415, 422, 503, 504), _PROBLEM),
        openapi_extra={"requestBody": _REQUEST_BODY, "x-metadata": PillMetadata.model_json_schema()},
    )
    app.add_api_route("/health", health, methods=["GET"])
    app.add_api_route("/ready", ready, methods=["GET"])
    app.add_api_route("/metrics", prometheus, methods=["GET"])
    return app


async def predict(request: Request) -> Response:
    """Identify the medication in one photograph, or in front and back, with what was typed beside it."""
    answering: Answering = request.app.state.answering
    try:
        with answering.admitted():
            upload = await _read(request, answering)
            answer = await answering.answer(
                upload.pictures, metadata=upload.metadata, request_id=request.state.request_id
            )
    except (InputError, ServiceFault) as error:
        answering.refused(error.code)
        raise
    return Response(answer.model_dump_json(), media_type="application/json")


async def health(request: Request) -> JSONResponse:
    """Whether the process does its work; a restart helps where not."""
    answering: Answering = request.app.state.answering
    alive = answering.watch.alive
    body = {"status": "ok" if alive else "release watch ended", "refused_release": answering.watch.refusal}
    return JSONResponse(body, status_code=200 if alive else 503)


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


async def _read(request: Request, answering: Answering) -> Upload:
    timeout_s = answering.settings.body_timeout_s
    try:
        return await asyncio.wait_for(read_upload(request), timeout_s)
    except TimeoutError as error:
        sentence = f"The request's body did not arrive within {timeout_s:g} s."
        raise ServiceFault("slow_body", sentence) from error
