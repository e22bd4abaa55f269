"""The methods of `rxvision.v1.MedicationIdentification`, on what REST answers with."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

from google.protobuf.message import Message
from pydantic import ValidationError

from bentos.access.faults import AccessFault
from bentos.answering import Answering
from bentos.audit.pages import MAX_LINES
from bentos.batch import answer_or_problem, item_request_id
from bentos.bodies import in_words
from bentos.faults import ServiceFault
from bentos.privacy.reference import subject_of
from bentos.problems import describe
from bentos.proto.rxvision.v1 import medication_identification_pb2 as pb
from bentos.proto.rxvision.v1.medication_identification_pb2_grpc import MedicationIdentificationServicer
from bentos.published import CheckpointQuery, checkpoint_lines, proof, public_key
from bentos.rollout.assign import session_of
from bentos.rpc.calls import PREFIX, Call
from bentos.rpc.convert import entry_of, outcome_of, response_of, status_of
from bentos.rpc.stream import as_done
from bentos.runtime.errors import InputError
from bentos.status import model_status
from bentos.upload import parse_metadata


class Identification(MedicationIdentificationServicer):
    """Raises our named errors; `Calls` gives them their gRPC status."""

    def __init__(self, answering: Answering) -> None:
        """Answer with the worker's own `Answering`."""
        self._answering = answering
        self._num_streams = 0
        self.stopping = asyncio.Event()

    async def PredictMedication(self, request: pb.PredictMedicationRequest, call: Call) -> pb.PredictMedicationResponse:
        """One pill, or each pill of one photograph."""
        entry = entry_of(request)
        answer = await self._answering.answer(
            entry.pictures,
            metadata=None if entry.metadata is None else parse_metadata(entry.metadata),
            request_id=call.request_id,
            session_key=session_of(request.session_key or call.session_key),
            limit_s=call.limit_s,
            actor=call.caller.actor,
            subject=subject_of(entry.subject or call.subject),
        )
        return response_of(answer)

    async def PredictBatch(self, request: pb.PredictBatchRequest, call: Call) -> pb.PredictBatchResponse:
        """Many at once, in the order sent; what is not done in time says `answer_timeout`."""
        settings = self._answering.settings
        if not request.items:
            raise ServiceFault("missing_image", "The request has no items.")
        if len(request.items) > settings.max_batch_items:
            raise ServiceFault("too_many_items", f"The request has more than {settings.max_batch_items} items.")
        deadline = asyncio.get_running_loop().time() + settings.answer_timeout_s

        async def one(index: int, item: pb.PredictMedicationRequest) -> pb.BatchItem:
            item_id = item_request_id(call.request_id, index=index)
            return pb.BatchItem(
                index=index, request_id=item_id, **await self._outcome(item, item_id, deadline, call=call)
            )

        items = await asyncio.gather(*(one(index, item) for index, item in enumerate(request.items)))
        num_answered = sum(item.HasField("answer") for item in items)
        return pb.PredictBatchResponse(request_id=call.request_id, num_answered=num_answered, items=items)

    async def PredictStream(
        self, requests: AsyncIterator[pb.PredictStreamRequest], call: Call
    ) -> AsyncIterator[pb.PredictStreamResponse]:
        """Bulk, as fast as there are threads for it."""
        settings = self._answering.settings
        if self._num_streams >= settings.max_streams:
            raise ServiceFault("busy", "The service has as many streams as it can hold; try again.")

        async def one(index: int, sent: pb.PredictStreamRequest) -> pb.PredictStreamResponse:
            item_id = item_request_id(call.request_id, index=index)
            deadline = asyncio.get_running_loop().time() + settings.answer_timeout_s
            outcome = await self._outcome(sent.item, item_id, deadline, call=call)
            return pb.PredictStreamResponse(item_id=sent.item_id, request_id=item_id, **outcome)

        self._num_streams += 1
        try:
            async for response in as_done(
                requests, one, at_once=settings.threads + 1, idle_s=settings.body_timeout_s, stopping=self.stopping
            ):
                yield response
        finally:
            self._num_streams -= 1

    async def GetModelStatus(self, request: pb.GetModelStatusRequest, call: Call) -> pb.GetModelStatusResponse:
        """Which release answers."""
        return status_of(model_status(self._answering))

    async def GetCheckpoints(self, request: pb.GetCheckpointsRequest, call: Call) -> pb.GetCheckpointsResponse:
        """Signed checkpoints, a page."""
        try:
            wanted = CheckpointQuery(from_entry=request.from_entry or None, limit=request.limit or MAX_LINES)
        except ValidationError as error:
            raise ServiceFault("bad_request", f"The request cannot be used: {in_words(error.errors()[0])}.") from error
        lines = await asyncio.to_thread(checkpoint_lines, self._answering.settings, wanted)
        return pb.GetCheckpointsResponse(checkpoints=[line.decode() for line in lines])

    async def GetAuditKey(self, request: pb.GetAuditKeyRequest, call: Call) -> pb.GetAuditKeyResponse:
        """The public key of the audit trail."""
        pem = await asyncio.to_thread(public_key, self._answering.settings)
        return pb.GetAuditKeyResponse(public_key_pem=pem.decode())

    async def GetProof(self, request: pb.GetProofRequest, call: Call) -> pb.GetProofResponse:
        """A proof for one of the caller's own answers."""
        try:
            signed = await asyncio.to_thread(
                proof, self._answering.settings, request.request_id, actor=call.caller.actor
            )
        except AccessFault as fault:
            method = PREFIX + "GetProof"
            await self._answering.access.journal(fault, method=method, request_id=call.request_id)
            raise
        return pb.GetProofResponse(proof=signed.model_dump_json())

    async def _outcome(
        self, item: pb.PredictMedicationRequest, request_id: str, deadline: float, *, call: Call
    ) -> dict[str, Message]:
        """`{"answer": ...}` or `{"problem": ...}` of one of many."""
        try:
            async with asyncio.timeout_at(deadline):
                session_key = session_of(item.session_key or call.session_key)
                entry = entry_of(item)
                entry = replace(entry, subject=subject_of(entry.subject or call.subject))
                found = await answer_or_problem(
                    self._answering, entry, request_id, session_key=session_key, actor=call.caller.actor
                )
                return outcome_of(**found)
        except (InputError, ServiceFault) as error:
            code, sentence = error.code, error.sentence
        except TimeoutError:
            code, sentence = "answer_timeout", "There was no time for an answer; send fewer items."
        self._answering.refused(code)
        return outcome_of(problem=describe(code, sentence=sentence, request_id=request_id))
