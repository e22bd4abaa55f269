"""Errors as HTTP: RFC 9457 problem documents with a machine-readable code and a sentence."""

import math
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import compile_path

from bentos.access.faults import AccessFault
from bentos.bodies import in_words
from bentos.faults import ServiceFault
from bentos.runtime.errors import InputError

MEDIA_TYPE: Final = "application/problem+json"
REQUEST_ID_HEADER: Final = "X-Request-ID"

STATUS: Final = MappingProxyType(
    {
        "empty_file": 400,
        "two_credentials": 400,
        "no_credentials": 401,
        "invalid_token": 401,
        "invalid_key": 401,
        "step_up_needed": 401,
        "insufficient_scope": 403,
        "access_not_configured": 403,
        "rate_limited": 429,
        "keys_unavailable": 503,
        "access_misconfigured": 503,
        "bad_request": 422,
        "unknown_medication": 404,
        "unknown_request": 404,
        "unknown_batch": 404,
        "unknown_subject": 404,
        "erased": 404,
        "not_empty": 409,
        "personal_data": 422,
        "privacy_unavailable": 503,
        "scrub_incomplete": 503,
        "no_picture": 404,
        "not_covered_yet": 503,
        "source_not_allowed": 403,
        "batch_not_finished": 409,
        "too_many_items": 413,
        "not_json": 415,
        "not_zip_or_json": 415,
        "abandoned": 422,
        "bad_archive": 422,
        "bad_manifest": 422,
        "source_unreadable": 422,
        "too_many_batches": 429,
        "no_room": 503,
        "malformed_multipart": 400,
        "malformed_message": 400,
        "malformed_request": 400,
        "missing_image": 400,
        "unexpected_field": 400,
        "client_gone": 400,
        "slow_body": 408,
        "slow_head": 408,
        "head_too_large": 431,
        "body_too_large": 413,
        "too_large": 413,
        "too_many_pixels": 413,
        "not_multipart": 415,
        "unsupported_format": 415,
        "bad_metadata": 422,
        "too_small": 422,
        "truncated": 422,
        "undecodable": 422,
        "journal_unavailable": 503,
        "no_release": 503,
        "busy": 503,
        "stopping": 503,
        "answer_timeout": 504,
    }
)
_SENTENCES: Final = MappingProxyType(
    {404: "There is nothing at this address.", 405: "This address does not take requests of this method."}
)
_TRY_AGAIN: Final = frozenset(
    {"busy", "stopping", "no_release", "journal_unavailable", "too_many_batches", "no_room", "rate_limited"}
    | {"keys_unavailable", "privacy_unavailable", "scrub_incomplete", "not_covered_yet"}
)


class Problem(BaseModel):
    """An error as RFC 9457 has it; `code` is stable and for programs, `detail` is a sentence for people."""

    model_config = ConfigDict(extra="forbid")

    type: str
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    code: str
    request_id: str


def describe(code: str, *, sentence: str, request_id: str, status: int | None = None) -> Problem:
    """The problem document of an error's code; without `status`, the one that belongs to the code."""
    status = status or STATUS.get(code, 400)
    return Problem(
        type=f"urn:rxvision:problem:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=sentence,
        code=code,
        request_id=request_id,
    )


def retry_after_s(error: InputError | ServiceFault) -> float | None:
    """Seconds after which the same request may be answered; None where trying again does not help."""
    if error.code not in _TRY_AGAIN:
        return None
    known = error.retry_after_s if isinstance(error, ServiceFault) else None
    return 1.0 if known is None else known


def problem(
    request: Request, *, status: int, code: str, sentence: str, retry_after_s: float | None = None
) -> JSONResponse:
    """One problem document; `detail` is the sentence for a person."""
    body = describe(code, sentence=sentence, request_id=request.state.request_id, status=status)
    headers = {REQUEST_ID_HEADER: request.state.request_id}
    if retry_after_s is not None:
        headers["Retry-After"] = str(math.ceil(retry_after_s))
    if status in (408, 413):
        headers["Connection"] = "close"  # the rest of the body is not going to be read
    return JSONResponse(body.model_dump(), status_code=status, headers=headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Make every error of the application a problem document."""
    app.add_exception_handler(InputError, _coded)
    app.add_exception_handler(ServiceFault, _coded)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _plain)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _unexpected)


async def _coded(request: Request, error: InputError | ServiceFault) -> JSONResponse:
    status, wait_s = STATUS.get(error.code, 400), retry_after_s(error)
    response = problem(request, status=status, code=error.code, sentence=error.sentence, retry_after_s=wait_s)
    if isinstance(error, AccessFault):
        response.headers.update(error.headers)
    return response


async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    sentence = f"The request cannot be used: {in_words(error.errors()[0])}."
    return problem(request, status=422, code="bad_request", sentence=sentence)


async def _plain(request: Request, error: HTTPException) -> JSONResponse:
    code = HTTPStatus(error.status_code).name.lower()
    sentence = _SENTENCES.get(error.status_code, str(error.detail))
    response = problem(request, status=error.status_code, code=code, sentence=sentence)
    response.headers.update(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED and (methods := _methods(request)):
        response.headers["Allow"] = ", ".join(methods)
    return response


def _methods(request: Request) -> list[str]:
    """What the address takes, all routes together; the framework names the methods of the first alone."""
    described, path = request.app.openapi()["paths"], request.scope["path"]
    return sorted(
        {name.upper() for template, methods in described.items() if compile_path(template)[0].match(path)
         for name in methods}
    )  # fmt: skip


async def _gone(request: Request, _error: ClientDisconnect) -> JSONResponse:
    return problem(request, status=400, code="client_gone", sentence="The connection ended before the request did.")


async def _unexpected(request: Request, _error: Exception) -> JSONResponse:
    sentence = "The service failed on this request; the fault was logged under the request id."
    return problem(request, status=500, code="internal", sentence=sentence)
