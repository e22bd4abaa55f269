"""Which look groups no encoder, reader or fusion is ever trained on: the one home of this fact."""

import hashlib

_ONE_IN = 10


def held_out(look_group: str) -> bool:
    """Whether the look group is kept out of training: about a tenth of them, the same ones for ever.

    Decided by a SHA-256 over the group's identifier alone, so that no seed, order or other row changes it.
    """
    digest = hashlib.sha256(f"pretrain held out|{look_group}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % _ONE_IN == 0
