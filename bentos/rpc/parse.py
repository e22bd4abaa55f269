"""Our records from gRPC messages; the field names are the same on both sides."""

from typing import Any, get_args

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bentos.model_status import ModelStatus
from bentos.proto.rxvision.v1 import medication_identification_pb2 as pb
from bentos.runtime.answer import Answer


def answer_of(response: pb.PredictMedicationResponse) -> Answer:
    """The envelope of a response, as REST gives it."""
    return Answer.model_validate(_facts(response, Answer))


def model_status_of(response: pb.GetModelStatusResponse) -> ModelStatus:
    """What answers, as REST says it."""
    return ModelStatus.model_validate(_facts(response, ModelStatus))


def _facts(message: Message, kind: type[BaseModel]) -> dict[str, Any]:
    """The fields that the record has, in plain values; an unset one is None where the record may hold that."""
    names = message.DESCRIPTOR.fields_by_name
    return {name: _value(message, names[name], facts) for name, facts in kind.model_fields.items()}


def _value(message: Message, field: FieldDescriptor, facts: FieldInfo) -> Any:
    if field.has_presence and not message.HasField(field.name):
        return None
    value = getattr(message, field.name)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return dict(value)
    if field.message_type is None:
        return list(value) if field.is_repeated else value
    kind = _record_of(facts.annotation)
    if not field.is_repeated:
        return _facts(value, kind)
    return [_facts(each, kind) for each in value] or (None if facts.default is None else [])


def _record_of(annotation: Any) -> type[BaseModel]:
    """The record named anywhere in a field's annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_record_of, get_args(annotation))))
