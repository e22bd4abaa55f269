"""All of the privacy part of one home, opened by its settings: keys, subjects, retained pictures."""

from typing import Final

from bentos.journal import HMAC_KEY_FILE
from bentos.privacy.data_keys import DataKeys
from bentos.privacy.keks import KeyEncryption, KeyFiles
from bentos.privacy.retained import Retained
from bentos.privacy.subjects import Subjects
from bentos.privacy.tables import Database
from bentos.settings import Settings
from bentos.signing import secret

SUBJECTS_KEY_FILE: Final = "subjects_hmac.key"


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

    def close(self) -> None:
        """Give the connections back."""
        self.database.close()

