"""A released home: a tiny real recogniser and gallery, signed, and settings that point to them."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from bentos.release import ReleaseSpec, pin, write_release
from bentos.settings import Settings
from bentos.signing import signing_key
from tests.bentos.processes import free_port, running
from tests.builders import tiny_bundle

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle to read; copy it before changing it."""
    return tiny_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def home(tmp_path: Path, bundle: Path) -> Path:
    """A home whose release names the bundle as version 1."""
    return tiny_home(tmp_path / "home", bundle=bundle)


@pytest.fixture
def settings(home: Path) -> Settings:
    """Settings of that home; a service polls it often."""
    return Settings(home=home, poll_s=0.1, packed_home=home / "nothing-packed")


@pytest.fixture(params=["sqlite", "postgresql"])
def journal_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where there is no journal yet, in each of the databases."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'deep' / 'journal.db'}"
    return request.getfixturevalue("postgresql").new_database()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, bundle: Path) -> Settings:
    """Settings of a service that the tests of one module ask, and that waits two seconds for a body."""
    home = tiny_home(tmp_path_factory.mktemp("served") / "home", bundle=bundle)
    return Settings(home=home, port=free_port(), poll_s=0.1, body_timeout_s=2, packed_home=home / "none")


@pytest.fixture(scope="module")
def client(served: Settings) -> Iterator[httpx.Client]:
    """A client of that service, whose processes run meanwhile."""
    with running(served) as client:
        yield client


def tiny_home(home: Path, *, bundle: Path) -> Path:
    """Make `home` hold a copy of the bundle and a release of it as version 1."""
    for kind in ("recogniser", "gallery"):
        shutil.copytree(bundle / kind, home / kind)
    release(home, version="1")
    return home


def release(home: Path, *, version: str, recogniser: str = "recogniser", gallery: str = "gallery") -> ReleaseSpec:
    """Sign and write a release of two directories of the home."""
    champion = pin(home / recogniser, gallery=home / gallery, home=home, version=version)
    spec = ReleaseSpec(released_at=NOW.isoformat(), champion=champion)
    write_release(home / "release" / "release.json", spec, key=signing_key(home / "keys"))
    return spec


def change_a_byte(path: Path, *, at: int = -10) -> None:
    """Flip one bit of one byte."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
