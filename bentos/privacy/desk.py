"""All of the privacy part of one home, opened by its settings: keys, subjects, retained pictures."""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from bentos.faults import ServiceFault
from bentos.journal import HMAC_KEY_FILE
from bentos.privacy.data_keys import DataKeys
from bentos.privacy.keks import KeyEncryption, KeyFiles
from bentos.privacy.retained import Retained
from bentos.privacy.subjects import Identified, Subjects
from bentos.privacy.tables import Database
from bentos.runtime.answer import PillMetadata
from bentos.runtime.errors import ContractError
from bentos.settings import Settings
from bentos.signing import secret

SUBJECTS_KEY_FILE: Final = "subjects_hmac.key"
_log = logging.getLogger(__name__)


class PrivacyDesk:
    """What the service, the commands and the pipelines share; safe across threads and processes."""

    def __init__(self, settings: Settings, *, keks: KeyEncryption | None = None) -> None:
        """`keks` is where a key service goes; without one the keys are files below the home."""
        self.settings = settings
        self.database = Database(settings.privacy_url)
        self.keys = DataKeys(self.database, keks=keks or KeyFiles(settings.keys_dir))
        self.subjects = Subjects(
            self.keys,
            index_key=secret(settings.keys_dir, name=SUBJECTS_KEY_FILE),
            service_key=secret(settings.keys_dir, name=HMAC_KEY_FILE),
        )
        self.retained = Retained(self.database, keys=self.keys)

    def identified(self, subject: str | None, pictures: Sequence[bytes], *, now: datetime) -> Identified:
        """What names a request in the journal.

        Raises:
            ServiceFault: privacy_unavailable, the subject's key cannot be read or made.
        """
        try:
            return self.subjects.identified(subject, pictures, now=now)
        except (SQLAlchemyError, ContractError) as error:
            _log.error("no key for the subject of a request: %s", type(error).__name__)
            raise ServiceFault("privacy_unavailable", "The subject's key cannot be used now; try again.") from error

    def keep(
        self,
        pictures: Sequence[bytes],
        *,
        typed: PillMetadata | None,
        request_id: str,
        who: Identified,
        now: datetime,
    ) -> None:
        """Keep an answered request's pictures where a purpose is configured; the answer stands where that fails."""
        purposes = self.settings.retain_pictures
        try:
            self.retained.keep(pictures, typed=typed, request_id=request_id, key=who.key, purposes=purposes, now=now)
        except (SQLAlchemyError, ContractError) as error:
            _log.error("the pictures of %s are not kept: %s", request_id, type(error).__name__)

    def close(self) -> None:
        """Give the connections back."""
        self.database.close()
