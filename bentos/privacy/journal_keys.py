"""The journal of a home, opened with its keys: they hang on one data key that key-encryption keys wrap.

Rotation wraps that data key anew like any other; no entry and no export is written again for it.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from bentos.audit.sealed import EntryKeys, not_here
from bentos.faults import ServiceFault
from bentos.journal import Journal
from bentos.privacy.data_keys import DataKey, DataKeys
from bentos.privacy.envelope import derived
from bentos.privacy.keks import KeyEncryption, KeyFiles
from bentos.privacy.tables import Database
from bentos.runtime.errors import ContractError
from bentos.settings import Settings

OWNER: Final = "journal"
_UNUSABLE: Final = "The journal's key cannot be read, or does not unwrap: its key-encryption key is gone, or another."
_log = logging.getLogger(__name__)


class HomeKeys:
    """The keys of a home's journal and exports; read when first needed. Safe across threads."""

    def __init__(self, settings: Settings, *, keks: KeyEncryption | None = None) -> None:
        """`keks` is where a key service goes; without one the keys are files below the home."""
        self._settings = settings
        self._keks = keks or KeyFiles(settings.keys_dir)
        self._lock = threading.Lock()
        self._held: tuple[DataKey, EntryKeys] | None = None

    def sealing(self, last: Callable[[], str | None]) -> EntryKeys | None:
        """What new entries are sealed with, where that is configured; the key is made where the trail has none.

        Raises:
            ServiceFault: privacy_unavailable, the key that the last sealed entry is under is not here.
        """
        if not self._settings.encrypt_journal:
            return None
        before = last()
        return self.opening(self.make() if before is None else before)

    def opening(self, key_id: str) -> EntryKeys:
        """What entries open with; raises `ServiceFault` privacy_unavailable."""
        return self._found(key_id)[1]

    def exporting(self, key_id: str, export_id: str) -> bytes:
        """The key of one export; raises `ServiceFault` privacy_unavailable."""
        return self._found(key_id)[0].for_purpose(f"{OWNER}/export/{export_id}")

    def make(self) -> str:
        """See that there is a key, and say its id; raises `ServiceFault` privacy_unavailable."""
        with self._keys() as keys:
            return keys.get_or_make(OWNER, now=datetime.now(UTC)).key_id

    def _found(self, key_id: str) -> tuple[DataKey, EntryKeys]:
        found = self._known()
        if found is None or found[0].key_id != key_id:
            raise not_here(key_id)
        return found

    def _known(self) -> tuple[DataKey, EntryKeys] | None:
        with self._lock:
            if self._held is None:
                with self._keys() as keys:
                    found = keys.get(OWNER)
                self._held = None if found is None else (found, _of_entries(found))
            return self._held

    @contextmanager
    def _keys(self) -> Iterator[DataKeys]:
        database = Database(self._settings.privacy_url)
        try:
            yield DataKeys(database, keks=self._keks)
        except (SQLAlchemyError, ContractError) as error:
            _log.error("the journal's key cannot be used: %s", error)
            raise ServiceFault("privacy_unavailable", _UNUSABLE) from error
        finally:
            database.close()


def open_journal(settings: Settings, *, keks: KeyEncryption | None = None) -> Journal:
    """The journal of these settings, which seals new entries where that is configured, and opens sealed ones.

    Raises:
        ServiceFault: privacy_unavailable, entries are to be sealed and the key cannot be used.
    """
    return Journal(settings.journal_url, keys=HomeKeys(settings, keks=keks))


def check_keys(settings: Settings) -> None:
    """See that a journal that is to be sealed can be; a database that is not there yet is waited for elsewhere.

    Raises:
        ServiceFault: privacy_unavailable.
    """
    if settings.encrypt_journal:
        with suppress(SQLAlchemyError):
            open_journal(settings).close()


def _of_entries(key: DataKey) -> EntryKeys:
    secret = key.for_purpose(f"{OWNER}/entries")
    return EntryKeys(key.key_id, block=lambda number: derived(secret, purpose=f"{OWNER}/entries/{number}"))
