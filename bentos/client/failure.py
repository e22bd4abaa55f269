"""The one error of the clients."""

from bentos.runtime.errors import RuntimeFault


class CallFailed(RuntimeFault):
    """A call, or one item of it, that got no answer.

    `code` is the service's (docs/service.md lists them), or one of the client's own: `unreachable` (no connection came
    about), `connection_lost`, `deadline_passed` (the caller's time is over), `unreadable` (what came back is not of
    this interface); or `http_502` or a gRPC status such as `unimplemented`, where somebody else answered. `sentence`
    is for a person. `request_id` is what the service's log and journal know the call by. `retry_after_s` is when the
    service says that trying again may help. `again`: whether a client tries again itself.
    """

    def __init__(
        self, code: str, sentence: str, *, request_id: str, retry_after_s: float | None = None, again: bool = False
    ) -> None:
        super().__init__(f"{code}: {sentence}")
        self.code = code
        self.sentence = sentence
        self.request_id = request_id
        self.retry_after_s = retry_after_s
        self.again = again


def deadline_passed(request_id: str) -> CallFailed:
    """The caller's time is over; whether the service still answers is not known."""
    return CallFailed("deadline_passed", "No answer came before the deadline.", request_id=request_id)
