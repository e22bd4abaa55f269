"""Between gRPC messages and our records; the field names are the same on both sides."""

import json
from typing import Final

from google.protobuf.message import Message

from bentos.faults import ServiceFault
from bentos.model_status import ModelStatus
from bentos.problems import Problem
from bentos.proto.rxvision.v1 import medication_identification_pb2 as pb
from bentos.rpc.errors import status_code
from bentos.runtime.answer import Answer
from bentos.runtime.errors import InputError
from bentos.upload_batch import BatchEntry

FORMATS: Final = frozenset({"", "jpeg", "jpg", "png", "heic", "heif"})


def entry_of(request: pb.PredictMedicationRequest) -> BatchEntry:
    """Pictures and metadata as sent, not yet looked at.

    Raises:
        ServiceFault: missing_image.
        InputError: unsupported_format, of the format that was named; the bytes are looked at when they are decoded.
    """
    if not request.HasField("image_data"):
        raise ServiceFault("missing_image", "The request has no image_data.")
    for named in (request.image_format, request.back_image_format):
        if named.lower().removeprefix("image/").removeprefix(".") not in FORMATS:
            raise InputError("unsupported_format", "Pictures are taken as JPEG, PNG or HEIC.")
    backs = (request.back_image_data,) if request.HasField("back_image_data") else ()
    return BatchEntry((request.image_data, *backs), _metadata(request), request.subject_ref or None)


def response_of(answer: Answer) -> pb.PredictMedicationResponse:
    """The envelope, with the first pill's facts beside it."""
    facts = answer.model_dump()
    first = facts["pills"][0]
    medication = first["medication"] or {"medication_id": "", "name": ""}
    shared = ("confidence", "alternatives", "explanation", "status", "uncertainty", "prediction_set")
    return pb.PredictMedicationResponse(
        medication_id=medication["medication_id"],
        medication_name=medication["name"],
        degraded=answer.degraded,
        **{name: first[name] for name in shared},
        **facts,
    )


def outcome_of(answer: Answer | None = None, problem: Problem | None = None) -> dict[str, Message]:
    """The field of an item's `outcome` that is to be set."""
    if answer is not None:
        return {"answer": response_of(answer)}
    grpc_code = status_code(problem.code).value[0]
    return {"problem": pb.Problem(code=problem.code, detail=problem.detail, grpc_code=grpc_code)}


def status_of(status: ModelStatus) -> pb.GetModelStatusResponse:
    """What answers now."""
    return pb.GetModelStatusResponse(**status.model_dump())


def _metadata(request: pb.PredictMedicationRequest) -> str | None:
    """The metadata as REST takes it: one JSON object; none where nothing was typed."""
    typed = {field.name: value for field, value in request.metadata.ListFields()}
    return json.dumps(typed) if typed else None
