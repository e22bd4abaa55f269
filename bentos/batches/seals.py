"""What a job leaves on disk, encrypted under a key of the job's own that is destroyed with it.

Files of a service that was told not to encrypt, or of an older one, are read as they are.
"""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from cachetools import LRUCache
from sqlalchemy.exc import SQLAlchemyError

from bentos.faults import ServiceFault
from bentos.privacy.data_keys import DataKey, DataKeys
from bentos.privacy.envelope import seal, unseal
from bentos.privacy.sealed_files import SealedReader, SealedWriter, is_sealed
from bentos.runtime.errors import ContractError

OWNER: Final = "batch:"
_HELD: Final = 64


class JobSeals:
    """Seals and opens texts and files of jobs; without keys they stay as they are. Safe across threads."""

    def __init__(self, keys: DataKeys | None) -> None:
        """`keys` holds one key for each job."""
        self._keys = keys
        self._held: LRUCache[str, DataKey] = LRUCache(_HELD)
        self._lock = threading.Lock()

    def begin(self, job_id: str) -> None:
        """Make the job's key; raises `ServiceFault` privacy_unavailable."""
        if self._keys is not None:
            with _named():
                self._hold(self._keys.get_or_make(OWNER + job_id, now=datetime.now(UTC)))

    def forget(self, job_id: str) -> None:
        """Destroy the job's key: what a backup or the disk still has of it cannot be read."""
        with self._lock:
            self._held.pop(OWNER + job_id, None)
        if self._keys is not None:
            with _named():
                self._keys.destroy(OWNER + job_id)

    def text(self, job_id: str, text: str | None, *, what: str) -> str | bytes | None:
        """A text as it is kept; raises `ServiceFault` privacy_unavailable."""
        key = None if text is None else self._key(job_id)
        if key is None:
            return text
        return seal(text.encode(), key=key.for_purpose("text"), about={"job": job_id, "what": what})

    def read(self, job_id: str, kept: str | bytes | None, *, what: str) -> str | None:
        """The text that was kept; raises `ServiceFault` privacy_unavailable."""
        if not isinstance(kept, bytes):
            return kept
        with _named():
            key = self._known(job_id).for_purpose("text")
            return unseal(kept, key=key, about={"job": job_id, "what": what}).decode()

    def create(self, job_id: str, path: Path) -> BinaryIO:
        """A new file to write; closed, or left because of an error, it is whole or never opens."""
        key = self._key(job_id)
        if key is None:
            return path.open("wb")
        return SealedWriter(path, key=key.for_purpose("file"))  # type: ignore[return-value]

    def open(self, job_id: str, path: Path) -> BinaryIO:
        """A file to read from any place; raises `OSError`, `ServiceFault` privacy_unavailable."""
        if not is_sealed(path):
            return path.open("rb")
        return io.BufferedReader(SealedReader(path, key=self._known(job_id).for_purpose("file")))

    def _known(self, job_id: str) -> DataKey:
        """The job's key; raises `ServiceFault` privacy_unavailable."""
        with _named():
            if (found := self._key(job_id)) is None:
                raise ContractError("the job's key is gone")
            return found

    def _key(self, job_id: str) -> DataKey | None:
        """The job's key; None where it was begun without one."""
        with self._lock:
            held = self._held.get(OWNER + job_id)
        if held is not None:
            return held
        with _named():
            found = None if self._keys is None else self._keys.get(OWNER + job_id)
            return None if found is None else self._hold(found)

    def _hold(self, key: DataKey) -> DataKey:
        with self._lock:
            self._held[key.owner] = key
        return key


@contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, ContractError) as error:
        raise ServiceFault("privacy_unavailable", "The key of this batch cannot be used.") from error
