"""Answers many items at once: each like a single request, in the order they were sent, an error beside an answer."""

import asyncio
import logging
import uuid
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from bentos.access.caller import ANONYMOUS
from bentos.answering import Answering
from bentos.faults import ServiceFault
from bentos.problems import Problem, describe
from bentos.runtime.answer import Answer
from bentos.runtime.errors import InputError
from bentos.upload import parse_metadata
from bentos.upload_batch import BatchEntry

_log = logging.getLogger(__name__)


class BatchItem(BaseModel):
    """One item's answer, or the problem that stood in its way; never both."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    index: Annotated[int, Field(ge=0)]
    request_id: str
    answer: Answer | None = None
    problem: Problem | None = None


class BatchAnswer(BaseModel):
    """All items of a request, in the order they were sent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    request_id: str
    num_answered: int
    items: tuple[BatchItem, ...]


async def answer_batch(
    answering: Answering,
    entries: Sequence[BatchEntry],
    *,
    request_id: str,
    session_key: str | None = None,
    actor: str = ANONYMOUS,
) -> BatchAnswer:
    """Answer all items, a few at once; what is not done in time says `answer_timeout`."""
    deadline = asyncio.get_running_loop().time() + answering.settings.answer_timeout_s

    async def one(index: int, entry: BatchEntry) -> BatchItem:
        item_id = item_request_id(request_id, index=index)
        try:
            async with asyncio.timeout_at(deadline):
                found = await answer_or_problem(answering, entry, item_id, session_key=session_key, actor=actor)
                return BatchItem(index=index, request_id=item_id, **found)
        except TimeoutError:
            sentence = f"No answer within {answering.settings.answer_timeout_s:g} s; send fewer items."
            answering.refused("answer_timeout")
            late = describe("answer_timeout", sentence=sentence, request_id=item_id)
            return BatchItem(index=index, request_id=item_id, problem=late)

    items = await asyncio.gather(*(one(i, entry) for i, entry in enumerate(entries)))
    num_answered = sum(item.answer is not None for item in items)
    return BatchAnswer(request_id=request_id, num_answered=num_answered, items=tuple(items))


async def answer_or_problem(
    answering: Answering,
    entry: BatchEntry,
    request_id: str,
    *,
    session_key: str | None = None,
    actor: str = ANONYMOUS,
) -> dict[str, Answer | Problem]:
    """`{"answer": ...}` or `{"problem": ...}` for one item; a fault of ours is logged and says `internal`."""
    work = _answer(answering, entry, request_id=request_id, session_key=session_key, actor=actor)
    (outcome,) = await asyncio.gather(work, return_exceptions=True)
    if isinstance(outcome, Answer):
        return {"answer": outcome}
    if isinstance(outcome, InputError | ServiceFault):
        answering.refused(outcome.code)
        return {"problem": describe(outcome.code, sentence=outcome.sentence, request_id=request_id)}
    if not isinstance(outcome, Exception):
        raise outcome
    _log.error("item %s failed", request_id, exc_info=outcome)
    sentence = "The service failed on this item; the fault was logged under the request id."
    return {"problem": describe("internal", sentence=sentence, request_id=request_id, status=500)}


def item_request_id(request_id: str, *, index: int) -> str:
    """The id under which one item of a request stands in the journal; the same for the same item."""
    return str(uuid.uuid5(uuid.UUID(request_id), str(index)))


async def _answer(
    answering: Answering, entry: BatchEntry, *, request_id: str, session_key: str | None, actor: str
) -> Answer:
    metadata = None if entry.metadata is None else parse_metadata(entry.metadata)
    return await answering.answer(
        entry.pictures,
        metadata=metadata,
        request_id=request_id,
        session_key=session_key,
        patient=True,
        actor=actor,
        subject=entry.subject,
    )
