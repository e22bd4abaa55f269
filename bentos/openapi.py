"""The interface's own description: problem documents, multipart forms and headers, as a client generator reads them."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from bentos.access.table import BY_ROUTE, Operation
from bentos.problems import MEDIA_TYPE, REQUEST_ID_HEADER, Problem
from bentos.rollout.assign import MAX_SESSION_KEY, SESSION_KEY_HEADER
from bentos.runtime.answer import PillMetadata

_SCHEMAS: Final[tuple[type[BaseModel], ...]] = (Problem, PillMetadata)
_REF: Final = "#/components/schemas/"
_TO_RETRY: Final = ("429", "503")
_WORDS: Final = {
    400: "The request cannot be read.",
    401: "Who asks is not known, or has to prove it again.",
    403: "The caller, or the server, may not do this.",
    404: "There is no such thing.",
    405: "This address does not take requests of this method.",
    408: "The request's body did not arrive in time.",
    409: "This is not possible in the present state.",
    413: "The request, a picture or its number of items is too large.",
    415: "The body's or a picture's type is not taken.",
    422: "The request can be read but not used.",
    429: "There is too much of this at once; try again after Retry-After seconds.",
    500: "The service failed on this request.",
    503: "The service cannot answer now; try again after Retry-After seconds.",
    504: "There was no answer in time.",
}
PICTURE: Final = {"type": "string", "format": "binary", "description": "JPEG, PNG or HEIC (image/heic, image/heif)"}
PICTURE_TYPES: Final = "image/jpeg, image/png, image/heic, image/heif"
_SESSION: Final = {
    "name": SESSION_KEY_HEADER,
    "in": "header",
    "required": False,
    "description": "All requests of a session are answered by the same variant; only its HMAC is kept.",
    "schema": {"type": "string", "maxLength": MAX_SESSION_KEY},
}
_HEADERS: Final = {
    REQUEST_ID_HEADER: {
        "description": "Under which the request stands in the journal; the caller's own where it is a UUID.",
        "schema": {"type": "string", "format": "uuid"},
    }
}
_SCHEMES: Final = {
    "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "OAuth 2.0 access token"},
    "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "for machines"},
}
_RETRY_AFTER: Final = {"Retry-After": {"description": "Seconds", "schema": {"type": "integer", "minimum": 1}}}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error responses of an operation, for `responses=`; 500 is said of every one."""
    content = {MEDIA_TYPE: {"schema": {"$ref": f"{_REF}Problem"}}}
    return {status: {"description": _WORDS[status], "content": content} for status in (*statuses, 500)}


def json_body(kind: type[BaseModel]) -> dict[str, Any]:
    """The documented body of an operation that reads its JSON itself, within limits; for `openapi_extra=`."""
    schema = kind.model_json_schema(ref_template=_REF + "{model}")
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def form_body(parts: dict[str, Any], *, required: list[str]) -> dict[str, Any]:
    """The documented multipart body of an operation that reads it itself; for `openapi_extra=`."""
    schema = {"type": "object", "required": required, "properties": parts, "additionalProperties": False}
    encoding = {name: {"contentType": PICTURE_TYPES} for name in parts if name.startswith("image")}
    form = {"multipart/form-data": {"schema": schema, "encoding": encoding}}
    return {"requestBody": {"required": True, "content": form}, "parameters": [_SESSION]}


def described(app: FastAPI) -> None:
    """Make the application describe itself with our error documents and headers."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = openapi


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for kind in _SCHEMAS:
        schemas[kind.__name__] = kind.model_json_schema(ref_template=_REF + "{model}")
    document["components"]["securitySchemes"] = _SCHEMES
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _guard(operation, BY_ROUTE.get(f"{method.upper()} {path}"), enforced=_guarded(app))
            _headers(operation)
            _named_bodies(operation, schemas)
    return document


def _guard(operation: dict[str, Any], rule: Operation | None, *, enforced: bool) -> None:
    """Say what an operation needs, and how it refuses; where access control is off nothing is demanded."""
    operation["security"] = []
    if rule is None or rule.scope is None:
        return
    refused = {str(status): said for status, said in problems(400, 401, 403, 429, 503).items()}
    operation["responses"] = dict(sorted((refused | operation["responses"]).items()))
    if enforced:
        operation["security"] = [{name: [rule.scope.value]} for name in _SCHEMES]


def _guarded(app: FastAPI) -> bool:
    """Whether this service demands credentials; a description without a service is of one that does."""
    answering = getattr(app.state, "answering", None)
    return answering is None or answering.access.on


def _headers(operation: dict[str, Any]) -> None:
    if "application/json" in operation["responses"].get("422", {}).get("content", {}):
        operation["responses"]["422"] = problems(422)[422]  # FastAPI's own form of this error is never sent
    for status, response in operation["responses"].items():
        more = _RETRY_AFTER if status in _TO_RETRY else {}
        response["headers"] = {**response.get("headers", {}), **_HEADERS, **more}


def _named_bodies(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Give JSON bodies their names among the components, so that generated clients have them as types."""
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    name = body.get("schema", {}).get("title")
    if name is not None:
        schemas.setdefault(name, body["schema"])
        body["schema"] = {"$ref": f"{_REF}{name}"}
