"""The base of the contracts' records: frozen, without unknown fields, and readable across versions."""

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

# Marks a field that came after the first recognisers: left out where it is None, so that they keep their digests.
LATER = "later"


class Record(BaseModel):
    """A frozen part of a contract; a field marked `LATER` is left out where it is None."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_serializer(mode="wrap")
    def _without_what_came_later(self, plain: SerializerFunctionWrapHandler) -> dict[str, object]:
        later = {name for name, field in type(self).model_fields.items() if LATER in field.metadata}
        return {name: value for name, value in plain(self).items() if value is not None or name not in later}
