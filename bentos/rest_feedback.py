"""REST: what the pill really was, and what model answers."""

import asyncio

from fastapi import APIRouter, Request, Response

from bentos.access.rest import actor_of
from bentos.answering import Answering
from bentos.bodies import json_record
from bentos.feedback import Feedback, FeedbackReceipt
from bentos.model_status import ModelStatus
from bentos.openapi import json_body, problems
from bentos.status import model_status

router = APIRouter(prefix="/api/v1", tags=["model"])


@router.post(
    "/feedback",
    status_code=201,
    response_model=FeedbackReceipt,
    responses=problems(404, 408, 413, 415, 422, 503),
    operation_id="giveFeedback",
    openapi_extra=json_body(Feedback),
)
async def feedback(request: Request) -> Response:
    """Say what the pill of an earlier answer really was; it becomes an entry of the journal."""
    answering: Answering = request.app.state.answering
    with answering.admitted():
        said = await json_record(request, Feedback, timeout_s=answering.settings.body_timeout_s)
        entry = await asyncio.to_thread(answering.record_feedback, said, actor=actor_of(request))
    receipt = FeedbackReceipt(
        entry_id=entry.entry_id, request_id=str(said.request_id), pill=said.pill, agrees=entry.payload["agrees"]
    )
    return Response(receipt.model_dump_json(), status_code=201, media_type="application/json")


@router.get("/model", response_model=ModelStatus, responses=problems(503), operation_id="getModelStatus")
async def model(request: Request) -> Response:
    """Which release answers: versions, digests, variants with their share, members, gallery, calibration domain."""
    return Response(model_status(request.app.state.answering).model_dump_json(), media_type="application/json")
