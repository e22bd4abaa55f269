"""Commands that promote, export or erase: where tokens are configured, who gives one proves who he is."""

import asyncio
import getpass
import uuid
from datetime import UTC, datetime
from typing import Final

from bentos.access.caller import shown
from bentos.access.opening import open_access
from bentos.access.table import Operation, Scope
from bentos.journal import Entry
from bentos.privacy.journal_keys import open_journal
from bentos.settings import Settings

_MODES: Final = ("issuer", "local")


def prove(settings: Settings, *, scope: Scope, command: str) -> None:
    """Let the command go on, and journal who proved to be whom: the token's caller beside the user of this machine.

    The token, or API key, is that of `RXVISION_TOKEN`. Without tokens configured nothing is asked for. It holds those
    who keep to the commands; who may write to the home needs none, and is what the audit trail is for.

    Raises:
        AccessFault: no_credentials, invalid_token, insufficient_scope, step_up_needed ...; it is journalled.
        ServiceFault: keys_unavailable, access_misconfigured.
    """
    if settings.access_mode not in _MODES:
        return
    journal = open_journal(settings)
    here = settings.model_copy(update={"host": "127.0.0.1", "rate_per_minute": 0, "rate_per_hour": 0})
    access = open_access(here, append=journal.append, now=lambda: datetime.now(UTC))
    said = [f"Bearer {settings.token.get_secret_value()}"] if settings.token else []
    try:
        entered = access.admit(
            Operation(command, scope),
            lambda: shown(said, []),
            method=f"rxvision {command}",
            request_id=str(uuid.uuid4()),
        )
        caller, _ = asyncio.run(entered)
        payload = {"command": command, "scope": scope, "os_user": getpass.getuser()}
        journal.append(
            Entry(at=datetime.now(UTC), actor=caller.actor, action="access", outcome="command", payload=payload)
        )
    finally:
        access.close()
        journal.close()
