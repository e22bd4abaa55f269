"""The methods of `rxvision.v1.MedicationIdentification`, on what REST answers with."""

from bentos.answering import Answering
from bentos.model_status import model_status
from bentos.proto.rxvision.v1 import medication_identification_pb2 as pb
from bentos.proto.rxvision.v1.medication_identification_pb2_grpc import MedicationIdentificationServicer
from bentos.rpc.calls import Call
from bentos.rpc.convert import entry_of, response_of, status_of
from bentos.upload import parse_metadata


class Identification(MedicationIdentificationServicer):
    """Raises our named errors; `Calls` gives them their gRPC status."""

    def __init__(self, answering: Answering) -> None:
        """Answer with the worker's own `Answering`."""
        self._answering = answering

    async def PredictMedication(self, request: pb.PredictMedicationRequest, call: Call) -> pb.PredictMedicationResponse:
        """One pill, or each pill of one photograph."""
        entry = entry_of(request)
        answer = await self._answering.answer(
            entry.pictures,
            metadata=None if entry.metadata is None else parse_metadata(entry.metadata),
            request_id=call.request_id,
            session_key=request.session_key or None,
        )
        return response_of(answer)

    async def GetModelStatus(self, request: pb.GetModelStatusRequest, call: Call) -> pb.GetModelStatusResponse:
        """Which release answers."""
        return status_of(model_status(self._answering))
