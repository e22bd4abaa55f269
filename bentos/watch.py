"""Watches the signed release file and swaps the predictor in one step; a bad release changes nothing."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bentos.bundle import open_release
from bentos.release import Ref, read_release
from bentos.runtime.errors import ContractError
from bentos.runtime.predictor import Predictor
from bentos.settings import Settings
from bentos.signing import PUBLIC_KEY_FILE, read_public_key

_log = logging.getLogger(__name__)
Origin = Literal["release", "packed"]


@dataclass(frozen=True)
class Serving:
    """What answers now. A request keeps the one it began with, so a swap disturbs nobody."""

    predictor: Predictor
    ref: Ref
    origin: Origin


@dataclass(frozen=True)
class Change:
    """One attempt to load a release: what was loaded, or why it was refused."""

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
    """Holds the current predictor; `poll` looks at the release file once."""

    def __init__(self, settings: Settings, *, on_change: Callable[[Change], None]) -> None:
        """Nothing is loaded before the first `poll`; `on_change` hears of every load and refusal."""
        self._settings = settings
        self._on_change = on_change
        self._seen: _Source | None = None
        self.current: Serving | None = None
        self.refusal: str | None = None
        self.alive = True

    def poll(self) -> bool:
        """Load the release if its file changed since the last look; True if the predictor was swapped."""
        source = self._source()
        if source is None or source == self._seen:
            return False
        self._seen = source
        try:
            swapped = self._load(source)
        except (ContractError, OSError) as error:
            self.refusal = str(error)
            _log.error("release %s refused: %s", source.path, error)
            self._on_change(Change(None, self.refusal))
            return False
        self.refusal = None
        return swapped

    async def run(self) -> None:
        """Poll until cancelled, off the event loop; `alive` turns False when polling ends."""
        try:
            while True:
                await asyncio.sleep(self._settings.poll_s)
                await asyncio.to_thread(self.poll)
        finally:
            self.alive = False

    def _load(self, source: _Source) -> bool:
        spec = read_release(source.path, key=read_public_key(source.public_key))
        if self.current is not None and (self.current.ref, self.current.origin) == (spec.champion, source.origin):
            return False
        serving = Serving(open_release(spec.champion, home=source.home), spec.champion, source.origin)
        self.current = serving
        _log.info("serving version %s from %s", spec.champion.version, source.path)
        self._on_change(Change(serving, None))
        return True

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
