"""Who is answered by the challenger: a share of the callers, always the same ones."""

import hashlib
from typing import Final

from bentos.faults import ServiceFault

SESSION_KEY_HEADER: Final = "X-Session-Key"
MAX_SESSION_KEY: Final = 200
_RANGE: Final = 2**64


def session_of(key: str | None) -> str | None:
    """What a caller names its session by, over either protocol; nothing where it is empty.

    Raises:
        ServiceFault: bad_request, it is longer than `MAX_SESSION_KEY`.
    """
    if key is not None and len(key) > MAX_SESSION_KEY:
        raise ServiceFault("bad_request", f"The session key is longer than {MAX_SESSION_KEY} characters.")
    return key or None


def takes_challenger(key: str, *, experiment: str, share: float) -> bool:
    """Whether this caller belongs to the challenger's share.

    The same key gets the same answer for as long as `experiment` (what names the pair compared) stays; a larger
    share keeps everybody who was in the smaller one. Keys are dealt anew for every experiment, so that nobody
    is the guinea pig each time.
    """
    digest = hashlib.sha256(f"{experiment}\0{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * _RANGE
