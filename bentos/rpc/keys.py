"""Keys of the metadata that our gRPC calls carry; those that REST has too have the names of its headers."""

from typing import Final

from bentos.privacy.reference import SUBJECT_HEADER
from bentos.rollout.assign import SESSION_KEY_HEADER

CODE_KEY: Final = "rxvision-code"
REQUEST_ID_KEY: Final = "x-request-id"
SESSION_KEY: Final = SESSION_KEY_HEADER.lower()
SUBJECT_KEY: Final = SUBJECT_HEADER.lower()
PUSHBACK_KEY: Final = "grpc-retry-pushback-ms"
AUTHORIZATION_KEY: Final = "authorization"
API_KEY_KEY: Final = "x-api-key"
