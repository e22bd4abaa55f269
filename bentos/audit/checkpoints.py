"""Signed checkpoints of the journal in a file outside the database: what was there cannot be rewritten unseen."""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict

from bentos.audit.chain import GENESIS, Link, holds
from bentos.audit.merkle import Frontier
from bentos.runtime.contract import canonical_json
from bentos.runtime.errors import ContractError
from bentos.signing import parse_signed, sign, signing_key, verify

CHECKPOINTS_FILE: Final = "checkpoints.jsonl"
AUDIT_DIR: Final = "audit"
PRIVATE_KEY_FILE: Final = "audit.key"
PUBLIC_KEY_FILE: Final = "audit.pub"
PURPOSE: Final = "audit-checkpoint"
TAG_DIGITS: Final = 16
_MOST: Final = 10_000


class Checkpoint(BaseModel):
    """The journal's first `size` entries: the root of their Merkle tree, and what lets the tree grow.

    `before` is the SHA-256 of the line before, `head` the hash of the last entry. `tags` are the first 16 hex digits
    of the hash of every entry since the checkpoint before: they name the entry that a wrong root only announces.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    number: int
    before: str
    at: datetime
    size: int
    head: str
    root: str
    frontier: tuple[str, ...]
    tags: tuple[str, ...]


def audit_key(keys_dir: Path) -> Ed25519PrivateKey:
    """The key that checkpoints, exports and proofs are signed with; not the one of releases."""
    return signing_key(keys_dir, private=PRIVATE_KEY_FILE, public=PUBLIC_KEY_FILE)


class Checkpointer:
    """Signs what the journal holds and the file does not yet; safe across threads and processes."""

    def __init__(
        self,
        directory: Path,
        *,
        key: Ed25519PrivateKey,
        links: Callable[[int], Iterator[Link]],
        size: Callable[[], int],
    ) -> None:
        """`links` gives the journal's rows behind a place, `size` the place of its last entry."""
        self._path = directory / CHECKPOINTS_FILE
        self._key = key
        self._links = links
        self._size = size
        self._covered = -1

    def catch_up(self, now: datetime) -> int:
        """Checkpoints until every entry is covered; how many were written. Blocks on database and disk.

        Raises:
            ContractError: an entry does not hold, some are gone, or the file's last checkpoint is not of this key:
            nothing is signed.
        """
        if self._size() == self._covered:
            return 0
        num = 0
        with _locked(self._path) as file:
            last, before = _last(file, key=self._key.public_key())
            if last is not None and (size := self._size()) < last.size:
                raise ContractError(
                    f"the journal has {size} entries, but {last.size} are under checkpoints: it was cut"
                )
            while made := self._next(last, before, now=now):
                line = canonical_json(sign(made.model_dump(mode="json"), key=self._key, purpose=PURPOSE).model_dump())
                _write(file, line)
                last, before, num = made, hashlib.sha256(line).hexdigest(), num + 1
        self._covered = last.size if last else 0
        return num

    def _next(self, last: Checkpoint | None, before: str, *, now: datetime) -> Checkpoint | None:
        size, head = (last.size, last.head) if last else (0, GENESIS)
        hashes: list[str] = []
        for link in islice(self._links(size), _MOST):
            if link.entry_id != size + len(hashes) + 1 or not holds(link, previous=hashes[-1] if hashes else head):
                raise ContractError(f"entry {link.entry_id} of the journal does not hold: no checkpoint is signed")
            hashes.append(link.entry_hash or "")
        if not hashes:
            return None
        roots = tuple(bytes.fromhex(root) for root in last.frontier) if last else ()
        tree = Frontier(size, roots).extended(bytes.fromhex(one) for one in hashes)
        return Checkpoint(
            number=last.number + 1 if last else 1,
            before=before,
            at=now,
            size=tree.size,
            head=hashes[-1],
            root=tree.root.hex(),
            frontier=tuple(root.hex() for root in tree.roots),
            tags=tuple(one[:TAG_DIGITS] for one in hashes),
        )


def read_checkpoints(path: Path, *, key: Ed25519PublicKey, whole: bool = True) -> list[Checkpoint]:
    """All checkpoints of a file, none where there is no file; a last line that was cut off while written is no line.

    Unless it has to be the `whole` file, it may begin at any checkpoint.

    Raises:
        ContractError: a line is not signed with this key, or is not the one that follows the line before.
    """
    return linked(_lines(path), key=key, origin=str(path), whole=whole)


def linked(lines: Iterable[bytes], *, key: Ed25519PublicKey, origin: str, whole: bool) -> list[Checkpoint]:
    """The checkpoints of lines that follow each other; raises as `read_checkpoints`."""
    found: list[Checkpoint] = []
    expected = (1, GENESIS, 0) if whole else None
    for place, line in enumerate(lines, start=1):
        one = _parsed(line, key=key, origin=f"checkpoint {place} in {origin}")
        if expected is not None and (one.number, one.before, one.size - len(one.tags)) != expected:
            raise ContractError(f"checkpoint {place} in {origin} does not follow the one before: lines are missing")
        expected = (one.number + 1, hashlib.sha256(line).hexdigest(), one.size)
        found.append(one)
    return found


def checkpoint_of(line: bytes) -> Checkpoint:
    """What a line of one's own file says, its signature not looked at."""
    return Checkpoint.model_validate(parse_signed(line, origin="a checkpoint").payload)


def _lines(path: Path) -> Iterator[bytes]:
    if path.is_file():
        with path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield line[:-1]


def _parsed(line: bytes, *, key: Ed25519PublicKey, origin: str) -> Checkpoint:
    return Checkpoint.model_validate(verify(parse_signed(line, origin=origin), key=key, purpose=PURPOSE))


def last_line(file: BinaryIO) -> tuple[bytes, int]:
    """The last whole line, and where it ends; what stands behind is being written, or was cut off meanwhile."""
    end = file.seek(0, os.SEEK_END)
    start, tail = end, b""
    while start and tail.count(b"\n") < 2:
        step = min(start, 1 << 16)
        start = file.seek(start - step)
        tail = file.read(step) + tail
    whole = tail.rfind(b"\n") + 1
    return b"".join(tail[:whole].splitlines()[-1:]), end - len(tail) + whole


@contextmanager
def _locked(path: Path) -> Iterator[BinaryIO]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def _last(file: BinaryIO, *, key: Ed25519PublicKey) -> tuple[Checkpoint | None, str]:
    """The last whole line's checkpoint and hash; what was cut off behind it while written is removed."""
    line, end = last_line(file)
    file.truncate(end)
    if not line:
        return None, GENESIS
    return _parsed(line, key=key, origin="the last checkpoint"), hashlib.sha256(line).hexdigest()


def _write(file: BinaryIO, line: bytes) -> None:
    file.write(line + b"\n")
    file.flush()
    os.fsync(file.fileno())
