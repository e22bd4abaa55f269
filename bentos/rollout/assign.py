"""Who is answered by the challenger: a share of the callers, always the same ones."""

import hashlib
from typing import Final

SESSION_KEY_HEADER: Final = "X-Session-Key"
_RANGE: Final = 2**64


def takes_challenger(key: str, *, experiment: str, share: float) -> bool:
    """Whether this caller belongs to the challenger's share.

    The same key gets the same answer for as long as `experiment` (what names the pair compared) stays; a larger
    share keeps everybody who was in the smaller one. Keys are dealt anew for every experiment, so that nobody
    is the guinea pig each time.
    """
    digest = hashlib.sha256(f"{experiment}\0{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * _RANGE
