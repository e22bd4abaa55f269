"""Reads the multipart request of a batch: pictures in order, backs by index, metadata as one JSON array."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from pydantic import Field, TypeAdapter, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from bentos.bodies import first_fault
from bentos.faults import ServiceFault
from bentos.privacy.reference import subject_of
from bentos.runtime.errors import InputError
from bentos.upload import MAX_METADATA_BYTES, multipart

_FILES: Final = ("image", "image_back")
_TEXTS: Final = ("backs", "metadata", "subjects")
_BACKS: Final = TypeAdapter(tuple[Annotated[int, Field(ge=0, strict=True)], ...])
_SUBJECTS: Final = TypeAdapter(tuple[str | None, ...])
_METADATA: Final = TypeAdapter(tuple[dict[str, Any] | None, ...])


@dataclass(frozen=True)
class BatchEntry:
    """One item as sent: one or two pictures, its metadata as JSON, not yet looked at, and whom it is about."""

    pictures: tuple[bytes, ...]
    metadata: str | None
    subject: str | None = field(default=None, repr=False)


async def read_batch(
    request: Request, *, max_items: int, max_body_bytes: int, subject: str | None = None
) -> list[BatchEntry]:
    """The items of a batch, in the order of the `image` parts; they are about `subject` unless they name their own.

    Raises:
        ServiceFault: not_multipart, malformed_multipart, body_too_large, missing_image, too_many_items,
            unexpected_field, bad_request: a subject's reference is too long.
        InputError: bad_metadata, where `backs`, `metadata` or `subjects` is no array that fits.
    """
    form = await multipart(request, max_body_bytes=max_body_bytes, max_files=2 * max_items + 1, max_fields=4)
    _refuse_unexpected(form)
    fronts, others = [await _pictures(form, name=name) for name in _FILES]
    if not fronts:
        raise ServiceFault("missing_image", "The request has no file part named 'image'.")
    if len(fronts) > max_items:
        raise ServiceFault("too_many_items", f"The request has more than {max_items} items.")
    backs = dict(zip(_backs(form, num_fronts=len(fronts), num_backs=len(others)), others, strict=True))
    metadata = [None if one is None else json.dumps(one) for one in _each(form, "metadata", _METADATA, fronts)]
    subjects = [subject_of(one) or subject for one in _each(form, "subjects", _SUBJECTS, fronts)]
    pictures = [(front, backs[i]) if i in backs else (front,) for i, front in enumerate(fronts)]
    return [BatchEntry(*parts) for parts in zip(pictures, metadata, subjects, strict=True)]


def _refuse_unexpected(form: FormData) -> None:
    for name in form:
        if name not in (*_FILES, *_TEXTS):
            raise ServiceFault("unexpected_field", f"Unknown part; the parts are {', '.join((*_FILES, *_TEXTS))}.")
        if name in _TEXTS and len(form.getlist(name)) > 1:
            raise ServiceFault("unexpected_field", f"The part '{name}' is sent more than once.")


async def _pictures(form: FormData, *, name: str) -> list[bytes]:
    parts = form.getlist(name)
    if not all(isinstance(part, UploadFile) for part in parts):
        raise ServiceFault("missing_image", f"The parts '{name}' must be files; one was sent as text.")
    return [await part.read() for part in parts]


def _backs(form: FormData, *, num_fronts: int, num_backs: int) -> tuple[int, ...]:
    """The item that each `image_back` part belongs to; without `backs` the first belongs to the first item."""
    text = _text(form, "backs")
    backs = tuple(range(num_backs)) if text is None else _array(_BACKS, text, name="backs")
    if len(backs) != num_backs or len(set(backs)) != num_backs or any(i >= num_fronts for i in backs):
        sentence = f"'backs' names {len(backs)} items for {num_backs} backs of {num_fronts} items; each at most once."
        raise InputError("bad_metadata", sentence)
    return backs


def _each(form: FormData, name: str, kind: TypeAdapter, items: Sequence[bytes]) -> Sequence[Any]:
    """An entry for each item; None for all where the part was not sent."""
    text = _text(form, name)
    if text is None:
        return [None] * len(items)
    entries = _array(kind, text, name=name)
    if len(entries) != len(items):
        raise InputError("bad_metadata", f"'{name}' has {len(entries)} entries for {len(items)} items.")
    return entries


def _array(kind: TypeAdapter, text: str | bytes, *, name: str) -> tuple:
    try:
        return kind.validate_json(text)
    except ValidationError as error:
        raise InputError("bad_metadata", f"'{name}' cannot be used: {first_fault(error)}.") from error


def _text(form: FormData, name: str) -> str | bytes | None:
    part = form.get(name)
    text = part.file.read(MAX_METADATA_BYTES) if isinstance(part, UploadFile) else part
    return text if text and text.strip() else None
