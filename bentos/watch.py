"""Watches the signed release file and swaps what answers in one step; a bad release changes nothing."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bentos.release import ReleaseSpec, read_release
from bentos.rollout.decisions import NO_DECISION, Standing
from bentos.rollout.variants import Origin, Serving, Variants, open_variants
from bentos.runtime.errors import ContractError
from bentos.settings import Settings
from bentos.signing import PUBLIC_KEY_FILE, read_public_key

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Change:
    """One attempt to load a release, or one variant of it: what was loaded, or why it was refused."""

    serving: Serving | None
    refusal: str | None


@dataclass(frozen=True)
class _Source:
    origin: Origin
    path: Path
    home: Path
    public_key: Path
    stamp: tuple[int, int, int]


class ReleaseWatch:
    """Holds what answers; `poll` looks once at the release file and at what was decided about the release."""

    def __init__(
        self,
        settings: Settings,
        *,
        on_change: Callable[[Change], None],
        standing: Callable[[ReleaseSpec], Standing] = lambda spec: NO_DECISION,
    ) -> None:
        """Nothing is loaded before the first `poll`; `on_change` hears of every load and refusal.

        `standing` says what was decided about a release; it is asked at every poll.
        """
        self._settings = settings
        self._on_change = on_change
        self._standing = standing
        self._seen: _Source | None = None
        self._opened_from: _Source | None = None
        self._tried: tuple[ReleaseSpec, Standing] | None = None
        self.variants: Variants | None = None
        self.refusal: str | None = None
        self.alive = True

    @property
    def current(self) -> Serving | None:
        """The champion, None before the first release."""
        return None if self.variants is None else self.variants.champion

    def poll(self) -> bool:
        """Load the release if its file changed since the last look, or decisions about it; True if so."""
        source = self._source()
        if source is None or source == self._seen:
            return self._follow_decisions()
        self._seen = source
        return self._try(lambda: self._load(source), of=source.path)

    async def run(self) -> None:
        """Poll until cancelled, off the event loop; `alive` turns False when polling ends."""
        try:
            while True:
                await asyncio.sleep(self._settings.poll_s)
                await asyncio.to_thread(self.poll)
        finally:
            self.alive = False

    def _try(self, load: Callable[[], bool], *, of: Path) -> bool:
        try:
            return load()
        except (ContractError, OSError) as error:
            self.refusal = str(error)
            _log.error("release %s refused: %s", of, error)
            self._on_change(Change(None, self.refusal))
            return False

    def _load(self, source: _Source) -> bool:
        spec = read_release(source.path, key=read_public_key(source.public_key))
        swapped = self._open(spec, source=source)
        self.refusal = None
        return swapped

    def _follow_decisions(self) -> bool:
        held, source = self.variants, self._opened_from
        if held is None or source is None or (held.spec, self._decided(held.spec, source)) == self._tried:
            return False
        return self._try(lambda: self._open(held.spec, source=source), of=source.path)

    def _open(self, spec: ReleaseSpec, *, source: _Source) -> bool:
        before, standing = self.variants, self._decided(spec, source)
        self._tried = (spec, standing)
        if before is not None and (before.spec, before.origin, before.standing) == (spec, source.origin, standing):
            return False
        found = open_variants(spec, home=source.home, origin=source.origin, standing=standing, before=before)
        self.variants, self._opened_from = found, source
        self._tell(found, before)
        return True

    def _decided(self, spec: ReleaseSpec, source: _Source) -> Standing:
        """A packed release holds nothing that could take the champion's place."""
        return self._standing(spec) if source.origin == "release" else NO_DECISION

    def _tell(self, found: Variants, before: Variants | None) -> None:
        known = before.running() if before else ()
        for serving in found.running():
            if serving not in known:
                _log.info("%s is version %s from %s", serving.variant, serving.ref.version, serving.origin)
                self._on_change(Change(serving, None))
        for role, reason in found.left_out.items():
            _log.error("%s of the release is left out: %s", role, reason)
            self._on_change(Change(None, f"{role}: {reason}"))

    def _source(self) -> _Source | None:
        settings = self._settings
        if (stamp := _stamp(settings.release_path)) is not None:
            return _Source("release", settings.release_path, settings.home, settings.public_key_path, stamp)
        if self.current is not None or not settings.allow_fallback:
            return None
        packed = settings.packed_home
        path = packed / "release" / "release.json"
        stamp = _stamp(path)
        return None if stamp is None else _Source("packed", path, packed, packed / "keys" / PUBLIC_KEY_FILE, stamp)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        facts = path.stat()
    except FileNotFoundError:
        return None
    return facts.st_mtime_ns, facts.st_ino, facts.st_size
