"""The one decision about access, for REST and gRPC alike: who it is, whether he may, and whether not too often."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from bentos.access.api_keys import ApiKeys
from bentos.access.caller import NOBODY, OPEN, Caller, Shown
from bentos.access.denials import WINDOW, Denials
from bentos.access.faults import AccessFault, missing_scope, no_credentials, step_up_needed
from bentos.access.limits import RateLimits
from bentos.access.table import STEP_UP, Operation
from bentos.access.tokens import TokenVerifier, bad_token
from bentos.faults import ServiceFault
from bentos.settings import Settings

_log = logging.getLogger(__name__)
_FLUSH_S: Final = WINDOW.total_seconds() / 4
Entered = tuple[Caller, dict[str, str]]


class Access:
    """Lets callers in or raises; everything is open where it has no verifiers."""

    def __init__(
        self,
        settings: Settings,
        *,
        tokens: TokenVerifier | None,
        keys: ApiKeys | None,
        limits: RateLimits,
        denials: Denials,
        now: Callable[[], datetime],
    ) -> None:
        """Without `tokens` no token is taken, without `keys` no key; without both access control is off."""
        self._settings = settings
        self._tokens = tokens
        self._keys = keys
        self._limits = limits
        self._denials = denials
        self._now = now
        self.on = tokens is not None or keys is not None

    async def admit(
        self, operation: Operation | None, show: Callable[[], Shown], *, method: str, request_id: str
    ) -> Entered:
        """The caller, and the headers that tell him his rate; an operation that is None is refused to everybody.

        Raises:
            AccessFault: no_credentials, two_credentials, invalid_token, invalid_key, insufficient_scope,
                step_up_needed, rate_limited; it is journalled.
            ServiceFault: keys_unavailable, journal_unavailable.
        """
        if not self.on:
            return OPEN, {}
        if operation is not None and operation.scope is None:
            return NOBODY, {}
        try:
            return await self._entered(operation, show())
        except AccessFault as fault:
            await self.journal(fault, method=method, request_id=request_id)
            raise

    async def journal(self, fault: AccessFault, *, method: str, request_id: str) -> None:
        """Write or count a denial; raises `ServiceFault` journal_unavailable."""
        await asyncio.to_thread(self._denials.note, fault, method=method, request_id=request_id)

    def still(self, caller: Caller) -> None:
        """Refuse a caller whose token ended while his call went on.

        Raises:
            AccessFault: invalid_token.
        """
        if caller.expires_at <= self._now().timestamp():
            raise bad_token("expired", "The token has expired.", actor=caller.actor)

    async def run(self) -> None:
        """Write the counts of denials, until cancelled."""
        while True:
            await asyncio.sleep(_FLUSH_S)
            try:
                await asyncio.to_thread(self._denials.flush)
            except ServiceFault as error:
                _log.error("denials cannot be journalled: %s", error)

    def close(self) -> None:
        """Write what denials were counted."""
        try:
            self._denials.flush(all_of_them=True)
        except ServiceFault as error:
            _log.error("denials cannot be journalled: %s", error)

    async def _entered(self, operation: Operation | None, came: Shown) -> Entered:
        caller = await self._proved(came)
        if operation is None or operation.scope not in caller.scopes:
            raise missing_scope(operation and operation.scope, actor=caller.actor)
        if operation.scope in STEP_UP:
            self._stepped_up(caller)
        standing = await self._limits.count(caller.actor, operation.name)
        if standing.retry_after_s is not None:
            sentence = f"This is asked for too often; try again in {standing.retry_after_s:.0f} s."
            raise AccessFault(
                "rate_limited",
                sentence,
                why="rate",
                actor=caller.actor,
                headers=standing.headers,
                retry_after_s=standing.retry_after_s,
            )
        return caller, standing.headers

    async def _proved(self, came: Shown) -> Caller:
        if came.api_key is not None and self._keys is not None:
            return self._keys.verify(came.api_key)
        if came.token is not None and self._tokens is not None:
            return await self._tokens.verify(came.token)
        raise no_credentials()

    def _stepped_up(self, caller: Caller) -> None:
        wanted = self._settings
        oldest = self._now().timestamp() - (wanted.step_up_max_age_s or 0)
        fresh = wanted.step_up_max_age_s is None or (caller.auth_time is not None and caller.auth_time >= oldest)
        classes = not wanted.step_up_acr or caller.acr in wanted.step_up_acr
        if not (fresh and classes and set(wanted.step_up_amr) <= set(caller.amr)):
            raise step_up_needed(actor=caller.actor, acr=wanted.step_up_acr, max_age_s=wanted.step_up_max_age_s)
