"""Who a request is about: an opaque reference of the caller's, never kept as it is.

A data key is found by an HMAC of the reference under a key of the service's. The journal knows the subject by a
pseudonym made with the data key itself, and pictures by an HMAC under it: once the key is destroyed, nothing ties
either to the subject.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bentos.faults import ServiceFault
from bentos.journal import input_hmac
from bentos.privacy.data_keys import DataKey, DataKeys

_INPUT: Final = "input"


@dataclass(frozen=True)
class Identified:
    """How the journal names a request's subject and pictures, and the key that both hang on."""

    subject_ref: str | None
    input_hmac: str
    key: DataKey | None


class Subjects:
    """Finds and makes the keys of subjects."""

    def __init__(self, keys: DataKeys, *, index_key: bytes, service_key: bytes) -> None:
        """`index_key` names owners; `service_key` identifies the pictures of requests without a subject."""
        self._keys = keys
        self._index_key = index_key
        self._service_key = service_key

    def owner(self, subject: str) -> str:
        """Under what a subject's key is kept."""
        return "subject:" + hmac.digest(self._index_key, subject.encode(), "sha256").hex()

    def key(self, subject: str) -> DataKey:
        """The subject's key.

        Raises:
            ServiceFault: unknown_subject, there is none: nothing is kept of such a subject.
        """
        found = self._keys.get(self.owner(subject))
        if found is None:
            raise ServiceFault("unknown_subject", "Nothing is kept of a subject of this reference.")
        return found

    def identified(self, subject: str | None, pictures: Sequence[bytes], *, now: datetime) -> Identified:
        """What names a request in the journal; a subject that is new gets a key."""
        if subject is None:
            return Identified(None, input_hmac(pictures, key=self._service_key), None)
        key = self._keys.get_or_make(self.owner(subject), now=now)
        return Identified(key.pseudonym, input_hmac(pictures, key=key.for_purpose(_INPUT)), key)

    def input_key(self, subject_ref: str | None) -> bytes | None:
        """The key that pictures of an entry are identified by; None where it was destroyed."""
        if subject_ref is None:
            return self._service_key
        found = self._keys.of_pseudonym(subject_ref)
        return None if found is None else found.for_purpose(_INPUT)
