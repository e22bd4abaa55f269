"""REST: what a caller verifies his receipts with, away from the service: checkpoints, the public key, proofs."""

import asyncio
import uuid
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from bentos.access.faults import AccessFault
from bentos.access.rest import actor_of, hide
from bentos.answering import Answering
from bentos.openapi import problems
from bentos.published import CheckpointQuery, checkpoint_lines, proof, public_key
from bentos.signing import Signed

router = APIRouter(prefix="/api/v1/audit", tags=["audit"])
_LINES: Final = "application/jsonl"
_PEM: Final = "application/x-pem-file"


@router.get(
    "/checkpoints",
    response_class=Response,
    responses={200: {"content": {_LINES: {"schema": {"type": "string", "description": "a signed checkpoint a line"}}}}}
    | problems(422, 503),
    operation_id="getCheckpoints",
)
async def checkpoints(request: Request, wanted: Annotated[CheckpointQuery, Query()]) -> Response:
    """Signed checkpoints, a line each, as `rxvision audit verify --checkpoints` takes them.

    The page after the one whose last checkpoint has `size` N begins with `from_entry` N + 1; where that is answered
    with a checkpoint that does not reach it, there is no later one yet.
    """
    answering: Answering = request.app.state.answering
    with answering.admitted():
        lines = await asyncio.to_thread(checkpoint_lines, answering.settings, wanted)
    return Response(b"".join(line + b"\n" for line in lines), media_type=_LINES)


@router.get(
    "/key",
    response_class=Response,
    responses={200: {"content": {_PEM: {"schema": {"type": "string"}}}}} | problems(503),
    operation_id="getAuditKey",
)
async def key(request: Request) -> Response:
    """The public key (Ed25519, PEM) that signs receipts, checkpoints and proofs; have it from elsewhere, too."""
    return Response(await asyncio.to_thread(public_key, request.app.state.answering.settings), media_type=_PEM)


@router.get(
    "/proofs/{request_id}",
    response_model=Signed,
    responses=problems(404, 422, 503),
    operation_id="getProof",
)
async def proved(request: Request, request_id: uuid.UUID) -> Response:
    """A signed proof that the entry of an answer to you stands in the tree of a checkpoint (RFC 6962)."""
    answering: Answering = request.app.state.answering
    try:
        with answering.admitted():
            signed = await asyncio.to_thread(proof, answering.settings, str(request_id), actor=actor_of(request))
    except AccessFault as fault:
        raise await hide(request, fault.code, fault.sentence) from fault
    return Response(signed.model_dump_json(), media_type="application/json")
