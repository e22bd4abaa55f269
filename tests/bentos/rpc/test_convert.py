"""Messages and records have the same fields, and an answer is the same after the way there and back."""

from typing import Any, get_args

import pytest
from google.protobuf.descriptor import Descriptor
from pydantic import BaseModel

from bentos.faults import ServiceFault
from bentos.model_status import ModelStatus
from bentos.proto.rxvision.v1 import medication_identification_pb2 as pb
from bentos.rpc.convert import entry_of, response_of
from bentos.rpc.parse import answer_of
from bentos.runtime.answer import Answer, PillMetadata
from bentos.runtime.errors import InputError
from bentos.runtime.predictor import Predictor
from tests.builders import jpeg, tiny_catalogue, tiny_picture

PICTURE = jpeg(tiny_picture(tiny_catalogue()[1]))


@pytest.fixture(scope="module")
def predictor(bundle) -> Predictor:
    return Predictor.from_bundle(bundle)


def records_of(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [record for inner in get_args(annotation) for record in records_of(inner)]


def differences(record: type[BaseModel], message: Descriptor, *, at: str) -> list[str]:
    fields = message.fields_by_name
    found = [f"{at}.{name}" for name in record.model_fields if name not in fields]
    for name, facts in record.model_fields.items():
        for inner in records_of(facts.annotation) if name in fields else ():
            found += differences(inner, fields[name].message_type, at=f"{at}.{name}")
    return found


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (Answer, pb.PredictMedicationResponse),
        (PillMetadata, pb.PillMetadata),
        (ModelStatus, pb.GetModelStatusResponse),
    ],
)
def test_every_field_of_a_record_is_in_its_message(record: type[BaseModel], message: type) -> None:
    assert differences(record, message.DESCRIPTOR, at=record.__name__) == []


@pytest.mark.parametrize("metadata", [None, PillMetadata(imprint="A2 TEST", color="WHITE", shape="ROUND", size_mm=8)])
def test_an_answer_comes_back_as_it_was(predictor: Predictor, metadata: PillMetadata | None) -> None:
    answer = predictor.identify([PICTURE], metadata=metadata)
    response = pb.PredictMedicationResponse.FromString(response_of(answer).SerializeToString())
    assert answer_of(response) == answer


def test_the_flat_fields_are_the_first_pills(predictor: Predictor) -> None:
    answer = predictor.identify([PICTURE])
    (pill,), response = answer.pills, response_of(answer)
    assert (response.status, response.confidence) == (pill.status, pill.confidence)
    assert response.explanation == response.pills[0].explanation
    assert response.medication_id == (pill.medication.medication_id if pill.medication else "")


def test_a_request_without_a_picture_or_of_a_foreign_format_is_refused() -> None:
    with pytest.raises(ServiceFault, match="missing_image"):
        entry_of(pb.PredictMedicationRequest(back_image_data=PICTURE))
    with pytest.raises(InputError, match="unsupported_format"):
        entry_of(pb.PredictMedicationRequest(image_data=PICTURE, image_format="tiff"))


@pytest.mark.parametrize("named", ["", "jpeg", "JPG", "image/heic", ".png"])
def test_formats_are_named_as_people_name_them(named: str) -> None:
    assert entry_of(pb.PredictMedicationRequest(image_data=PICTURE, image_format=named)).pictures == (PICTURE,)
