"""REST: erasure of a subject, for compliance officers; the reference is in the body, since addresses are logged."""

import asyncio
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import SQLAlchemyError

from bentos.access.rest import actor_of
from bentos.answering import Answering
from bentos.bodies import json_record
from bentos.faults import ServiceFault
from bentos.openapi import json_body, problems
from bentos.privacy.erasure import Erased, erase
from bentos.privacy.journal_keys import open_journal
from bentos.privacy.reference import MAX_SUBJECT

router = APIRouter(prefix="/api/v1", tags=["subjects"])


class SubjectReference(BaseModel):
    """Whom, as callers name him in `X-Subject-Ref`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    subject: Annotated[str, Field(min_length=1, max_length=MAX_SUBJECT)]


class Erasure(BaseModel):
    """The journal's tombstone, and how many retained parts were deleted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    entry_id: int
    num_retained: int


@router.post(
    "/subjects/erase",
    response_model=Erasure,
    responses=problems(404, 408, 413, 415, 422, 503),
    operation_id="eraseSubject",
    openapi_extra=json_body(SubjectReference),
)
async def erase_subject(request: Request) -> Response:
    """Destroy a subject's key and all that is kept under it; entries of the journal lose their link to him."""
    answering: Answering = request.app.state.answering
    with answering.admitted():
        named = await json_record(request, SubjectReference, timeout_s=answering.settings.body_timeout_s)
        done = await asyncio.to_thread(_erased, answering, named.subject, actor=actor_of(request))
    said = Erasure(entry_id=done.entry_id, num_retained=done.num_retained)
    return Response(said.model_dump_json(), media_type="application/json")


def _erased(answering: Answering, subject: str, *, actor: str) -> Erased:
    try:
        with closing(open_journal(answering.settings)) as journal:
            return erase(subject, desk=answering.privacy, journal=journal, actor=actor, now=datetime.now(UTC))
    except SQLAlchemyError as error:
        raise ServiceFault("privacy_unavailable", "Keys or journal cannot be written now; try again.") from error
