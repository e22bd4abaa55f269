"""Keeps the checkpoints of a running service less than a second or so behind its journal."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from bentos.audit.checkpoints import AUDIT_DIR, Checkpointer, audit_key
from bentos.journal import Journal
from bentos.runtime.errors import ContractError
from bentos.settings import Settings

EVERY_S: Final = 0.8
_log = logging.getLogger(__name__)


class Sealing:
    """Signs checkpoints while entries come; a trail that does not hold is reported and answers go on."""

    def __init__(self, settings: Settings) -> None:
        """Open the journal; the key is made on first use."""
        self._journal = Journal(settings.journal_url)
        self._checkpointer = Checkpointer(
            settings.home / AUDIT_DIR,
            key=audit_key(settings.keys_dir),
            links=self._journal.links,
            size=self._journal.size,
        )
        self._said = ""

    async def run(self) -> None:
        """Catch up again and again until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            await asyncio.to_thread(self.catch_up)

    def catch_up(self) -> None:
        """Cover what the journal holds now; blocks. What is in the way is said once."""
        try:
            self._checkpointer.catch_up(datetime.now(UTC))
            self._said = ""
        except (ContractError, OSError, SQLAlchemyError) as error:
            if str(error) != self._said:
                _log.error("no checkpoint of the journal: %s", error)
            self._said = str(error)

    def close(self) -> None:
        """Cover the last entries and give the connections back."""
        self.catch_up()
        self._journal.close()
