"""The named errors of the running service; adapters translate them to HTTP, gRPC or an exit code."""

from bentos.runtime.errors import RuntimeFault


class ServiceFault(RuntimeFault):
    """The service cannot answer now, or cannot read the request.

    `code` is machine-readable and stable; `sentence` is for a person. Codes in use: busy, no_release,
    journal_unavailable, answer_timeout, slow_body, body_too_large, not_multipart, malformed_multipart,
    missing_image, unexpected_field.
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(f"{code}: {sentence}")
        self.code = code
        self.sentence = sentence
