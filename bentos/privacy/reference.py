"""What callers call the subject of a request by; over REST a header, over gRPC the same in metadata, or a field."""

from typing import Final

from bentos.faults import ServiceFault

SUBJECT_HEADER: Final = "X-Subject-Ref"
MAX_SUBJECT: Final = 200


def subject_of(sent: str | None) -> str | None:
    """What a caller calls the subject of a request, over either protocol; nothing where it is empty.

    Raises:
        ServiceFault: bad_request, it is longer than `MAX_SUBJECT`.
    """
    if sent is not None and len(sent) > MAX_SUBJECT:
        raise ServiceFault("bad_request", f"The subject's reference is longer than {MAX_SUBJECT} characters.")
    return sent or None
