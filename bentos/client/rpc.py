"""The typed client of the gRPC interface."""

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import Any, Final

import grpc
from google.protobuf.message import Message
from pydantic import ValidationError

from bentos.client.credentials import Token, shown
from bentos.client.failure import CallFailed, deadline_passed
from bentos.client.items import Item, Outcome
from bentos.client.retries import Retries
from bentos.model_status import ModelStatus
from bentos.proto.rxvision.v1 import medication_identification_pb2 as pb
from bentos.proto.rxvision.v1.medication_identification_pb2_grpc import MedicationIdentificationStub
from bentos.rpc.keys import CODE_KEY, PUSHBACK_KEY, REQUEST_ID_KEY
from bentos.rpc.parse import answer_of, model_status_of
from bentos.runtime.answer import Answer, PillMetadata
from bentos.signing import Signed

_OWN_CODES: Final = MappingProxyType({grpc.StatusCode.UNAVAILABLE: "unreachable"})
_OPTIONS: Final = (
    ("grpc.enable_retries", 0),  # ours are the only ones
    ("grpc.max_receive_message_length", 2**26),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
)


class GrpcClient(AbstractContextManager):
    """Calls a service over gRPC; one client may be used by many threads, and should be closed.

    Every method takes `deadline_s` for all its attempts together, and raises `CallFailed`. Calls that were refused
    or found no connection (RESOURCE_EXHAUSTED, UNAVAILABLE) are tried again: all methods here only read.
    """

    def __init__(
        self,
        address: str,
        *,
        token: Token | None = None,
        api_key: str | None = None,
        credentials: grpc.ChannelCredentials | None = None,
        retries: Retries | None = None,
    ) -> None:
        """`host:port`; in plain text without credentials. Nothing is sent."""
        self._shown = lambda: shown(token, api_key)
        self._retries = retries or Retries()
        if credentials is None:
            self._channel = grpc.insecure_channel(address, options=_OPTIONS)
        else:
            self._channel = grpc.secure_channel(address, credentials, options=_OPTIONS)
        self._stub = MedicationIdentificationStub(self._channel)

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """End the connections."""
        self._channel.close()

    def identify(
        self,
        front: bytes,
        *,
        back: bytes | None = None,
        metadata: PillMetadata | None = None,
        session: str | None = None,
        subject: str | None = None,
        deadline_s: float = 10.0,
    ) -> Answer:
        """Identify one pill, or each pill of one photograph; calls of one `session` meet one variant of the release.

        `subject` is whom it is about, kept as a pseudonym.
        """
        request = _request(Item(front, back, metadata), session=session, subject=subject)
        return self._call(self._stub.PredictMedication, request, answer_of, deadline_s=deadline_s)

    def identify_many(
        self,
        items: Sequence[Item],
        *,
        session: str | None = None,
        subject: str | None = None,
        deadline_s: float = 60.0,
    ) -> tuple[Outcome, ...]:
        """An answer or a failure for each item, in their order; a request holds as many as the service allows (32)."""
        if not items:
            return ()
        sent = [_request(item, session=session, subject=subject) for item in items]
        request = pb.PredictBatchRequest(items=sent)
        return self._call(self._stub.PredictBatch, request, _outcomes, deadline_s=deadline_s)

    def identify_stream(
        self,
        items: Iterable[tuple[str, Item]],
        *,
        session: str | None = None,
        subject: str | None = None,
        deadline_s: float | None = None,
    ) -> Iterator[tuple[str, Outcome]]:
        """Bulk: each item's answer or failure as soon as it is there, under the id it was given; never tried again.

        Items are taken from `items`, in another thread, as fast as the service answers.
        """
        request_id = str(uuid.uuid4())
        sent = ((name, _request(item, session=session, subject=subject)) for name, item in items)
        requests = (pb.PredictStreamRequest(item_id=name, item=item) for name, item in sent)
        responses = self._stub.PredictStream(requests, timeout=deadline_s, metadata=self._metadata(request_id))
        try:
            for response in responses:
                yield response.item_id, _outcome(response)
        except grpc.RpcError as error:
            raise _failure(error, request_id=request_id) from error
        finally:
            responses.cancel()

    def model_status(self, *, deadline_s: float = 5.0) -> ModelStatus:
        """Which release answers, and what it is made of."""
        request = pb.GetModelStatusRequest()
        return self._call(self._stub.GetModelStatus, request, model_status_of, deadline_s=deadline_s)

    def checkpoints(
        self, *, from_entry: int | None = None, limit: int | None = None, deadline_s: float = 5.0
    ) -> tuple[bytes, ...]:
        """Signed checkpoints from the one that covers an entry on, else the newest; `client.checkpoints` reads them."""
        request = pb.GetCheckpointsRequest(from_entry=from_entry or 0, limit=limit or 0)
        return self._call(self._stub.GetCheckpoints, request, _lines, deadline_s=deadline_s)

    def audit_key(self, *, deadline_s: float = 5.0) -> bytes:
        """PEM of the public key that signs receipts; hold it against one that you have from elsewhere."""
        request = pb.GetAuditKeyRequest()
        return self._call(self._stub.GetAuditKey, request, lambda said: said.public_key_pem.encode(),
                          deadline_s=deadline_s)  # fmt: skip

    def proof(self, request_id: str, *, deadline_s: float = 10.0) -> Signed:
        """That the entry of an answer to you stands in a checkpoint's tree; waits where it is not under one yet."""
        request = pb.GetProofRequest(request_id=request_id)
        return self._call(self._stub.GetProof, request, lambda said: Signed.model_validate_json(said.proof),
                          deadline_s=deadline_s)  # fmt: skip

    def _call(
        self, method: grpc.UnaryUnaryMultiCallable, request: Message, parse: Callable[[Any], Any], *, deadline_s: float
    ) -> Any:
        request_id = str(uuid.uuid4())

        def attempt(left_s: float) -> Message:
            try:
                return method(request, timeout=left_s, metadata=self._metadata(request_id))
            except grpc.RpcError as error:
                raise _failure(error, request_id=request_id) from error

        response = self._retries.call(attempt, deadline_s=deadline_s)
        try:
            return parse(response)
        except ValidationError as error:
            raise _unreadable(error, request_id=request_id) from error

    def _metadata(self, request_id: str) -> tuple[tuple[str, str], ...]:
        return ((REQUEST_ID_KEY, request_id), *self._shown().items())


def _request(item: Item, *, session: str | None, subject: str | None) -> pb.PredictMedicationRequest:
    typed = None if item.metadata is None else pb.PillMetadata(**item.metadata.model_dump(exclude_none=True))
    return pb.PredictMedicationRequest(
        image_data=item.front,
        back_image_data=item.back,
        metadata=typed,
        session_key=session or "",
        subject_ref=item.subject or subject or "",
    )


def _lines(response: pb.GetCheckpointsResponse) -> tuple[bytes, ...]:
    return tuple(line.encode() for line in response.checkpoints)


def _outcomes(response: pb.PredictBatchResponse) -> tuple[Outcome, ...]:
    return tuple(_outcome(item) for item in response.items)


def _outcome(item: pb.BatchItem | pb.PredictStreamResponse) -> Outcome:
    if item.HasField("answer"):
        try:
            return answer_of(item.answer)
        except ValidationError as error:
            return _unreadable(error, request_id=item.request_id)
    return CallFailed(item.problem.code, item.problem.detail, request_id=item.request_id)


def _unreadable(error: ValidationError, *, request_id: str) -> CallFailed:
    sentence = f"The service's answer cannot be read: {error.errors()[0]['msg']}."
    return CallFailed("unreadable", sentence, request_id=request_id)


def _failure(error: grpc.RpcError, *, request_id: str) -> CallFailed:
    """What a failed call says; without a code of ours it came from gRPC itself or from a proxy."""
    said, status = dict(error.trailing_metadata() or ()), error.code()
    if status is grpc.StatusCode.DEADLINE_EXCEEDED and CODE_KEY not in said:
        return deadline_passed(request_id)
    pushback_s = float(said[PUSHBACK_KEY]) / 1e3 if PUSHBACK_KEY in said else None
    # gRPC also calls a message that is too large RESOURCE_EXHAUSTED: no second attempt makes it smaller.
    refused = status is grpc.StatusCode.UNAVAILABLE or (
        status is grpc.StatusCode.RESOURCE_EXHAUSTED and CODE_KEY in said
    )
    return CallFailed(
        said.get(CODE_KEY) or _OWN_CODES.get(status) or status.name.lower(),
        error.details() or "The call failed.",
        request_id=said.get(REQUEST_ID_KEY, request_id),
        retry_after_s=pushback_s,
        again=refused and (pushback_s is None or pushback_s >= 0),  # below nought: do not try again (gRFC A6)
    )
