"""Keys of the metadata that our gRPC calls carry; request id and session key have the names of REST's headers."""

from typing import Final

from bentos.rollout.assign import SESSION_KEY_HEADER

CODE_KEY: Final = "rxvision-code"
REQUEST_ID_KEY: Final = "x-request-id"
SESSION_KEY: Final = SESSION_KEY_HEADER.lower()
PUSHBACK_KEY: Final = "grpc-retry-pushback-ms"
AUTHORIZATION_KEY: Final = "authorization"
API_KEY_KEY: Final = "x-api-key"
