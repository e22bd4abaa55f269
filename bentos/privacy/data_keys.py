"""Data keys, one for each owner: a subject, a batch job, or the service; kept wrapped, destroyed to erase.

Every new key is another one: what was sealed or named with a destroyed key has no link to its owner any more.
"""

import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from bentos.privacy.envelope import KEY_BYTES, derived
from bentos.privacy.keks import KeyEncryption
from bentos.privacy.tables import KEYS, RETAINED, Database
from bentos.runtime.errors import ContractError

SERVICE: Final = "service"


@dataclass(frozen=True)
class DataKey:
    """An owner's key, and the name it goes by in the journal, which only the key's holder can tie to the owner."""

    owner: str
    key_id: str
    pseudonym: str
    secret: bytes

    def for_purpose(self, purpose: str) -> bytes:
        """A key of 32 bytes for one purpose."""
        return derived(self.secret, purpose=purpose)


@dataclass(frozen=True)
class Rotation:
    """A new version of the key-encryption key, and how many data keys it wraps now."""

    version: int
    num_keys: int


class DataKeys:
    """Makes, finds, re-wraps and destroys data keys; safe across threads and processes."""

    def __init__(self, database: Database, *, keks: KeyEncryption) -> None:
        """Nothing is opened yet."""
        self._database = database
        self._keks = keks

    def get(self, owner: str) -> DataKey | None:
        """The owner's key, None where there is none."""
        return self._one(KEYS.c.owner == owner) if self._database.is_there else None

    def of_pseudonym(self, pseudonym: str) -> DataKey | None:
        """The key that goes by this name in the journal, None where it was destroyed."""
        return self._one(KEYS.c.pseudonym == pseudonym)

    def get_or_make(self, owner: str, *, now: datetime) -> DataKey:
        """The owner's key; a new one where there is none."""
        return self.get(owner) or self._made(owner, now=now)

    def destroy(self, owner: str) -> int | None:
        """Delete the owner's key and all that is retained of it; how many parts that was, None where no key was."""
        with self._database.writing() as connection:
            num = connection.execute(delete(RETAINED).where(RETAINED.c.owner == owner)).rowcount
            found = connection.execute(delete(KEYS).where(KEYS.c.owner == owner)).rowcount
        self._database.scrub()
        return num if found else None

    def owners(self, *, before: datetime) -> list[tuple[str, str]]:
        """Owners whose key was made before a moment, with their pseudonyms."""
        query = select(KEYS.c.owner, KEYS.c.pseudonym).where(KEYS.c.created_at < before)
        with self._database.engine.connect() as connection:
            return [(row.owner, row.pseudonym) for row in connection.execute(query)]

    def rotate(self) -> Rotation:
        """Wrap every data key by a new version and destroy the older versions; no data is touched.

        Making and re-wrapping keys exclude each other, so that none is left behind with a version that is gone.

        Raises:
            ContractError: a key does not unwrap; all versions stay.
        """
        with self._database.writing() as connection:
            self._keks.newest()
            version = self._keks.add()
            rows = connection.execute(select(KEYS)).mappings().all()
            for row in rows:
                wrapped = self._keks.wrap(self._unwrapped(row), version=version, owner=_bound(row))
                again = update(KEYS).where(KEYS.c.owner == row["owner"])
                connection.execute(again.values(version=version, wrapped=wrapped))
        self._keks.retire(before=version)
        self._database.scrub()
        return Rotation(version=version, num_keys=len(rows))

    def _one(self, condition: object) -> DataKey | None:
        """Twice, since a rotation may come between reading the row and the version."""
        for last in (False, True):
            with self._database.engine.connect() as connection:
                row = connection.execute(select(KEYS).where(condition)).mappings().first()
            if row is None:
                return None
            try:
                return self._key(row)
            except ContractError:
                if last:
                    raise
        return None

    def _made(self, owner: str, *, now: datetime) -> DataKey:
        with self._database.writing() as connection:
            row = connection.execute(select(KEYS).where(KEYS.c.owner == owner)).mappings().first()
            return self._key(row) if row is not None else self._new(connection, owner, now=now)

    def _new(self, connection: Connection, owner: str, *, now: datetime) -> DataKey:
        key, key_id = secrets.token_bytes(KEY_BYTES), secrets.token_hex(16)
        pseudonym = hmac.digest(derived(key, purpose="pseudonym"), owner.encode(), "sha256").hex()
        row = {"owner": owner, "key_id": key_id, "pseudonym": pseudonym, "created_at": now}
        version = self._keks.newest()
        wrapped = self._keks.wrap(key, version=version, owner=_bound(row))
        connection.execute(insert(KEYS).values(**row, version=version, wrapped=wrapped))
        return DataKey(owner, key_id, pseudonym, key)

    def _key(self, row: RowMapping) -> DataKey:
        return DataKey(row["owner"], row["key_id"], row["pseudonym"], self._unwrapped(row))

    def _unwrapped(self, row: RowMapping) -> bytes:
        return self._keks.unwrap(row["wrapped"], version=row["version"], owner=_bound(row))


def is_there(connection: Connection, key: DataKey) -> bool:
    """Whether the key was not destroyed meanwhile; inside the transaction that is about to keep something under it."""
    query = select(KEYS.c.owner).where(KEYS.c.owner == key.owner, KEYS.c.key_id == key.key_id)
    return connection.execute(query).first() is not None


def _bound(row: "RowMapping | dict[str, object]") -> str:
    """What a wrapped key is bound to: put into another owner's row it does not unwrap."""
    parts: Iterable[object] = (row["owner"], row["key_id"], row["pseudonym"])
    return "/".join(map(str, parts))
