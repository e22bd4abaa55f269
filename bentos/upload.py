"""Reads the multipart request of a prediction, within fixed limits of memory and time."""

from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from bentos.bodies import first_fault, limited, media_type
from bentos.faults import ServiceFault
from bentos.runtime.answer import PillMetadata
from bentos.runtime.decode import MAX_BYTES
from bentos.runtime.errors import InputError

MAX_METADATA_BYTES: Final = 2**16
MAX_BODY_BYTES: Final = 2 * MAX_BYTES + 2 * MAX_METADATA_BYTES  # two pictures, the metadata, the multipart frame
_FIELDS: Final = ("image", "image_back", "metadata")


@dataclass(frozen=True)
class Upload:
    """One or two pictures as sent, and what a person typed beside them."""

    pictures: tuple[bytes, ...]
    metadata: PillMetadata | None


async def read_upload(request: Request, *, max_body_bytes: int = MAX_BODY_BYTES) -> Upload:
    """Read `image`, `image_back` and `metadata` of a multipart request; nothing touches the disk.

    Raises:
        ServiceFault: not_multipart, malformed_multipart, body_too_large, missing_image, unexpected_field.
        InputError: bad_metadata.
    """
    form = await multipart(request, max_body_bytes=max_body_bytes, max_files=3, max_fields=3)
    _refuse_unexpected(form)
    pictures = [await _picture(form, name) for name in _FIELDS[:2] if name in form]
    if "image" not in form:
        raise ServiceFault("missing_image", "The request has no file part named 'image'.")
    return Upload(tuple(pictures), await _metadata(form))


def parse_metadata(text: str | bytes) -> PillMetadata:
    """The metadata object of a request.

    Raises:
        InputError: bad_metadata, with the first fault in words.
    """
    try:
        return PillMetadata.model_validate_json(text)
    except ValidationError as error:
        raise InputError("bad_metadata", f"The metadata cannot be used: {first_fault(error)}.") from error


async def multipart(request: Request, *, max_body_bytes: int, max_files: int, max_fields: int) -> FormData:
    """The parts of a multipart request, in memory.

    Raises:
        ServiceFault: not_multipart, malformed_multipart, body_too_large.
    """
    if media_type(request) != "multipart/form-data":
        raise ServiceFault("not_multipart", "Send multipart/form-data with a file part named 'image'.")
    parser = MultiPartParser(
        request.headers,
        limited(request, limit=max_body_bytes),
        max_files=max_files,
        max_fields=max_fields,
        max_part_size=MAX_METADATA_BYTES,
    )
    parser.spool_max_size = max_body_bytes  # pictures stay in memory: the service writes none to disk
    try:
        return await parser.parse()
    except MultiPartException as error:
        raise ServiceFault("malformed_multipart", f"The multipart body cannot be read: {error.message}") from error


def _refuse_unexpected(form: FormData) -> None:
    for name in form:
        if name not in _FIELDS:
            raise ServiceFault("unexpected_field", f"Unknown part; the parts are {', '.join(_FIELDS)}.")
        if len(form.getlist(name)) > 1:
            raise ServiceFault("unexpected_field", f"The part '{name}' is sent more than once.")


async def _picture(form: FormData, name: str) -> bytes:
    part = form[name]
    if not isinstance(part, UploadFile):
        raise ServiceFault("missing_image", f"The part '{name}' must be a file; it was sent as text.")
    return await part.read()


async def _metadata(form: FormData) -> PillMetadata | None:
    part = form.get("metadata")
    text = await part.read(MAX_METADATA_BYTES) if isinstance(part, UploadFile) else part
    return parse_metadata(text) if text and text.strip() else None
