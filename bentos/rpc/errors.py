"""Errors as gRPC: a status code, and our machine-readable code in the trailing metadata.

The metadata holds `rxvision-code`, `x-request-id`, `grpc-retry-pushback-ms` where trying again helps (gRFC A6), and
the same as google.rpc.Status with ErrorInfo and RetryInfo in `grpc-status-details-bin` (AIP-193).
"""

from types import MappingProxyType
from typing import Final

import grpc
from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from bentos.problems import STATUS
from bentos.rpc.keys import CODE_KEY, PUSHBACK_KEY, REQUEST_ID_KEY

DOMAIN: Final = "rxvision"
INTERNAL: Final = "internal"

# By the HTTP status of the error's code, so that both protocols have one table (bentos/problems.py).
_BY_HTTP: Final = MappingProxyType(
    {
        400: grpc.StatusCode.INVALID_ARGUMENT,
        401: grpc.StatusCode.UNAUTHENTICATED,
        403: grpc.StatusCode.PERMISSION_DENIED,
        404: grpc.StatusCode.NOT_FOUND,
        408: grpc.StatusCode.DEADLINE_EXCEEDED,
        409: grpc.StatusCode.FAILED_PRECONDITION,
        413: grpc.StatusCode.INVALID_ARGUMENT,
        415: grpc.StatusCode.INVALID_ARGUMENT,
        422: grpc.StatusCode.INVALID_ARGUMENT,
        431: grpc.StatusCode.INVALID_ARGUMENT,
        429: grpc.StatusCode.RESOURCE_EXHAUSTED,
        500: grpc.StatusCode.INTERNAL,
        503: grpc.StatusCode.UNAVAILABLE,
        504: grpc.StatusCode.DEADLINE_EXCEEDED,
    }
)
_BY_CODE: Final = MappingProxyType({"busy": grpc.StatusCode.RESOURCE_EXHAUSTED, INTERNAL: grpc.StatusCode.INTERNAL})


def status_code(code: str) -> grpc.StatusCode:
    """The gRPC status of one of our codes."""
    return _BY_CODE.get(code) or _BY_HTTP[STATUS.get(code, 400)]


def trailing_metadata(
    code: str, *, sentence: str, request_id: str, retry_after_s: float | None
) -> tuple[tuple[str, str | bytes], ...]:
    """What a failed call carries beside its status."""
    info = error_details_pb2.ErrorInfo(reason=code.upper(), domain=DOMAIN, metadata={"request_id": request_id})
    details = [_packed(info)]
    plain: list[tuple[str, str | bytes]] = [(CODE_KEY, code), (REQUEST_ID_KEY, request_id)]
    if retry_after_s is not None:
        delay = Duration()
        delay.FromMilliseconds(round(1e3 * retry_after_s))
        details.append(_packed(error_details_pb2.RetryInfo(retry_delay=delay)))
        plain.append((PUSHBACK_KEY, str(round(1e3 * retry_after_s))))
    status = status_pb2.Status(code=status_code(code).value[0], message=sentence, details=details)
    return (*plain, *rpc_status.to_status(status).trailing_metadata)


def _packed(detail: error_details_pb2.ErrorInfo | error_details_pb2.RetryInfo) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(detail)
    return packed
