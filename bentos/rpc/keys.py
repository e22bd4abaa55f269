"""Keys of the metadata that our gRPC calls carry; REST's request id has the same name as a header."""

from typing import Final

CODE_KEY: Final = "rxvision-code"
REQUEST_ID_KEY: Final = "x-request-id"
PUSHBACK_KEY: Final = "grpc-retry-pushback-ms"
