"""Data keys: one for each owner, wrapped, bound to their row, rotated without touching data, destroyed for good."""

import os
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from bentos.privacy.data_keys import DataKeys
from bentos.privacy.desk import PrivacyDesk
from bentos.privacy.envelope import derived, seal, unseal
from bentos.privacy.keks import KeyEncryption, KeyFiles
from bentos.runtime.errors import ContractError
from bentos.settings import Settings
from tests.bentos.privacy.conftest import NOON

OWNER = "subject:one"


class KeyService:
    """A key service in memory: the second implementation of the interface, whose keys never come out."""

    def __init__(self) -> None:
        self._keys: dict[int, bytes] = {}

    def newest(self) -> int:
        return max(self._keys, default=0) or self.add()

    def wrap(self, key: bytes, *, version: int, owner: str) -> bytes:
        return seal(key, key=self._keys[version], about={"owner": owner})

    def unwrap(self, wrapped: bytes, *, version: int, owner: str) -> bytes:
        if version not in self._keys:
            raise ContractError(f"version {version} is gone")
        return unseal(wrapped, key=self._keys[version], about={"owner": owner})

    def add(self) -> int:
        version = max(self._keys, default=0) + 1
        self._keys[version] = os.urandom(32)
        return version

    def retire(self, *, before: int) -> None:
        self._keys = {version: key for version, key in self._keys.items() if version >= before}


@pytest.fixture(params=["files", "service"])
def keks(request: pytest.FixtureRequest, settings: Settings) -> KeyEncryption:
    return KeyFiles(settings.keys_dir) if request.param == "files" else KeyService()


@pytest.fixture
def keys(desk: PrivacyDesk, keks: KeyEncryption) -> DataKeys:
    return DataKeys(desk.database, keks=keks)


def rows(settings: Settings) -> list[sqlite3.Row]:
    with sqlite3.connect(settings.home / "privacy.db") as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute("SELECT * FROM data_keys ORDER BY owner").fetchall()


def on_disk(settings: Settings) -> bytes:
    return b"".join(path.read_bytes() for path in settings.home.glob("privacy.db*"))


def test_an_owner_keeps_the_key_and_others_have_others(keys: DataKeys, settings: Settings) -> None:
    first = keys.get_or_make(OWNER, now=NOON)
    assert keys.get_or_make(OWNER, now=NOON) == first
    assert keys.get_or_make("subject:two", now=NOON).secret != first.secret
    assert keys.of_pseudonym(first.pseudonym) == first
    assert first.secret not in on_disk(settings)


def test_rotation_wraps_anew_what_was_wrapped_and_the_data_still_opens(keys: DataKeys, settings: Settings) -> None:
    key = keys.get_or_make(OWNER, now=NOON)
    sealed = seal(b"data", key=key.for_purpose("test"), about={})
    before = bytes(rows(settings)[0]["wrapped"])
    done = keys.rotate()
    assert (done.version, done.num_keys) == (2, 1)
    assert before not in on_disk(settings)
    assert unseal(sealed, key=keys.get(OWNER).for_purpose("test"), about={}) == b"data"
    assert keys.rotate().version == 3


def test_a_backup_from_before_a_rotation_does_not_open_after_it(keys: DataKeys, settings: Settings) -> None:
    keys.get_or_make(OWNER, now=NOON)
    before = rows(settings)[0]
    keys.rotate()
    with sqlite3.connect(settings.home / "privacy.db") as connection:
        connection.execute("UPDATE data_keys SET version = ?, wrapped = ?", (before["version"], before["wrapped"]))
    with pytest.raises(ContractError):
        keys.get(OWNER)


def test_a_wrapped_key_in_another_owners_row_does_not_unwrap(keys: DataKeys, settings: Settings) -> None:
    for owner in (OWNER, "subject:two"):
        keys.get_or_make(owner, now=NOON)
    stolen = rows(settings)[0]["wrapped"]
    with sqlite3.connect(settings.home / "privacy.db") as connection:
        connection.execute("UPDATE data_keys SET wrapped = ? WHERE owner = 'subject:two'", (stolen,))
    with pytest.raises(ContractError):
        keys.get("subject:two")


def test_rotation_where_a_key_does_not_unwrap_destroys_nothing(keys: DataKeys, settings: Settings) -> None:
    kept = keys.get_or_make(OWNER, now=NOON)
    keys.get_or_make("subject:two", now=NOON)
    with sqlite3.connect(settings.home / "privacy.db") as connection:
        connection.execute("UPDATE data_keys SET wrapped = x'00' WHERE owner = 'subject:two'")
    with pytest.raises(ContractError):
        keys.rotate()
    assert keys.get(OWNER) == kept


def test_a_destroyed_key_is_on_no_page_of_the_database(keys: DataKeys, settings: Settings) -> None:
    key = keys.get_or_make(OWNER, now=NOON)
    wrapped = bytes(rows(settings)[0]["wrapped"])
    assert wrapped in on_disk(settings)
    assert keys.destroy(OWNER) == 0
    left = on_disk(settings)
    assert not [found for found in (wrapped, key.pseudonym.encode(), OWNER.encode()) if found in left]
    assert keys.destroy(OWNER) is None
    assert keys.get_or_make(OWNER, now=NOON).pseudonym != key.pseudonym


def test_many_threads_get_one_key_while_it_is_rotated(keys: DataKeys) -> None:
    found: list[bytes] = []
    asking = [threading.Thread(target=lambda: found.append(keys.get_or_make(OWNER, now=NOON).secret)) for _ in range(8)]
    turning = [threading.Thread(target=keys.rotate) for _ in range(3)]
    for thread in (*asking, *turning):
        thread.start()
    for thread in (*asking, *turning):
        thread.join()
    assert len(found) == 8
    assert set(found) == {keys.get(OWNER).secret}


def test_key_files_are_for_the_services_user_alone(settings: Settings) -> None:
    keks = KeyFiles(settings.keys_dir)
    wrapped = keks.wrap(b"k" * 32, version=keks.newest(), owner=OWNER)
    path = settings.keys_dir / "kek" / "1.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    with pytest.raises(ContractError, match="chmod 600"):
        keks.unwrap(wrapped, version=1, owner=OWNER)


def test_a_retired_version_is_gone_and_said_to_be(settings: Settings) -> None:
    keks = KeyFiles(settings.keys_dir)
    wrapped = keks.wrap(b"k" * 32, version=keks.newest(), owner=OWNER)
    keks.retire(before=keks.add())
    with pytest.raises(ContractError, match="version 1 of"):
        keks.unwrap(wrapped, version=1, owner=OWNER)
    assert [path.name for path in Path(settings.keys_dir / "kek").iterdir()] == ["2.key"]


def test_nothing_is_made_before_a_subject_or_a_retention_is_there(desk: PrivacyDesk, settings: Settings) -> None:
    assert desk.retained is not None
    assert not (settings.home / "privacy.db").exists()
    assert not (settings.keys_dir / "kek").exists()


def test_a_sealed_text_opens_for_its_key_and_purpose_only_and_unchanged() -> None:
    key, about = os.urandom(32), {"owner": OWNER, "purpose": "notes"}
    sealed = seal(b"text", key=key, about=about)
    assert unseal(sealed, key=key, about=about) == b"text"
    assert seal(b"text", key=key, about=about) != sealed
    tampered = [sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :] for place in range(len(sealed))]
    attempts = [(found, key, about) for found in (*tampered, sealed[:-1], b"")]
    attempts += [(sealed, os.urandom(32), about), (sealed, key, {**about, "purpose": "pictures"}),
                 (sealed, derived(key, purpose="other"), about)]  # fmt: skip
    for found, tried, bound in attempts:
        with pytest.raises(ContractError):
            unseal(found, key=tried, about=bound)
