"""The named errors of the running service; adapters translate them to HTTP, gRPC or an exit code."""

from bentos.runtime.errors import RuntimeFault


class ServiceFault(RuntimeFault):
    """The service cannot answer now, or cannot read the request.

    `code` is machine-readable and stable; `sentence` is for a person. Every code stands in `bentos.problems.STATUS`.
    `retry_after_s` says when trying again may help, where that is known better than by the code.
    """

    def __init__(self, code: str, sentence: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(f"{code}: {sentence}")
        self.code = code
        self.sentence = sentence
        self.retry_after_s = retry_after_s
