"""Commands that promote, export or erase: where tokens are configured, who gives one proves who he is."""

import asyncio
import getpass
import uuid
from datetime import UTC, datetime
from typing import Final

from bentos.access.caller import shown
from bentos.access.opening import open_access
from bentos.access.table import Operation, Scope
from bentos.faults import ServiceFault
from bentos.journal import Entry
from bentos.privacy.journal_keys import open_journal
from bentos.settings import Settings

_MODES: Final = ("issuer", "local")
_PROVED: Final = ("token:", "key:")


def prove(settings: Settings, *, scope: Scope, command: str, otherwise: str | None = None) -> str:
    """The actor in whose name the command may go on: the token's caller, who is journalled beside the machine's user.

    The token, or API key, is that of `RXVISION_TOKEN` or `RXVISION_TOKEN_FILE`. Without tokens configured nothing is
    asked for, and it is `otherwise`, or the machine's user. It holds those who keep to the commands; who may write to
    the home needs none, and is what the audit trail is for.

    Raises:
        AccessFault: no_credentials, invalid_token, insufficient_scope, step_up_needed ...; it is journalled.
        ServiceFault: keys_unavailable, access_misconfigured.
    """
    if settings.access_mode not in _MODES:
        return otherwise or os_user()
    journal = open_journal(settings)
    here = settings.model_copy(update={"host": "127.0.0.1", "rate_per_minute": 0, "rate_per_hour": 0})
    access = open_access(here, append=journal.append, now=lambda: datetime.now(UTC))
    text = token_of(settings)
    said = [f"Bearer {text}"] if text else []
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
        return caller.actor
    finally:
        access.close()
        journal.close()


def os_user() -> str:
    """How the journal names the user of this machine."""
    return f"person:{getpass.getuser()}"


def beside(actor: str) -> str | None:
    """Who gave a command on this machine, where another name of the same person stands as its actor."""
    return os_user() if actor.startswith(_PROVED) else None


def token_of(settings: Settings) -> str | None:
    """What who gives a command shows: it stands in no argument, since those are everybody's to see.

    Raises:
        ServiceFault: access_misconfigured, there is no such file.
    """
    if settings.token is not None:
        return settings.token.get_secret_value()
    if settings.token_file is None:
        return None
    try:
        return settings.token_file.read_text().strip()
    except OSError as error:
        sentence = f"RXVISION_TOKEN_FILE cannot be read: {error.strerror}."
        raise ServiceFault("access_misconfigured", sentence) from error
