"""Pictures that are kept for a configured purpose and period: pixels only, encrypted, deleted when the period ends."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import cv2
from sqlalchemy import RowMapping, Select, delete, insert, select

from bentos.privacy.data_keys import SERVICE, DataKey, DataKeys, is_there
from bentos.privacy.envelope import seal, unseal
from bentos.privacy.tables import RETAINED, Database
from bentos.runtime.answer import PillMetadata
from bentos.runtime.decode import decode
from bentos.runtime.errors import ContractError

TYPED: Final = "typed"
_SEALING: Final = "retained"
_FAST_PNG: Final = (cv2.IMWRITE_PNG_COMPRESSION, 3)


@dataclass(frozen=True)
class Kept:
    """One retained part of a request: `picture-0.png`, `picture-1.png` or `typed` (PillMetadata as JSON)."""

    request_id: str
    purpose: str
    part: str
    at: datetime
    expires_at: datetime
    data: bytes


class Retained:
    """Keeps, opens and deletes retained parts; safe across threads and processes."""

    def __init__(self, database: Database, *, keys: DataKeys) -> None:
        """Nothing is opened yet."""
        self._database = database
        self._keys = keys

    def keep(
        self,
        pictures: Sequence[bytes],
        *,
        typed: PillMetadata | None,
        request_id: str,
        key: DataKey | None,
        purposes: Mapping[str, float],
        now: datetime,
    ) -> int:
        """Keep a request's pictures and what was typed, for days by purpose; how many parts were kept.

        Under the subject's key, else the service's. Where the subject was erased meanwhile, nothing is kept.
        """
        if not purposes:
            return 0
        key = key or self._keys.get_or_make(SERVICE, now=now)
        parts = {f"picture-{number}.png": pixels_only(data) for number, data in enumerate(pictures)}
        if typed is not None:
            parts[TYPED] = typed.model_dump_json(exclude_none=True).encode()
        rows = [
            _row(key, data, request_id=request_id, purpose=purpose, part=part, at=now, days=days)
            for purpose, days in purposes.items()
            for part, data in parts.items()
        ]
        with self._database.writing() as connection:
            if not is_there(connection, key):
                return 0
            connection.execute(insert(RETAINED), rows)
        return len(rows)

    def of_request(self, request_id: str) -> list[Kept]:
        """What is kept of a request, pictures in the order they were sent."""
        return self._opened(select(RETAINED).where(RETAINED.c.request_id == request_id))

    def of_owner(self, owner: str) -> list[Kept]:
        """All that is kept of a subject."""
        return self._opened(select(RETAINED).where(RETAINED.c.owner == owner))

    def expire(self, *, now: datetime) -> Counter[str]:
        """Delete what is past its period; how many parts of each purpose."""
        past = RETAINED.c.expires_at <= now
        with self._database.writing() as connection:
            gone = Counter(connection.execute(select(RETAINED.c.purpose).where(past)).scalars())
            connection.execute(delete(RETAINED).where(past))
        if gone:
            self._database.scrub()
        return gone

    def _opened(self, query: Select) -> list[Kept]:
        with self._database.engine.connect() as connection:
            rows = connection.execute(query.order_by(RETAINED.c.at, RETAINED.c.part)).mappings().all()
        keys = {owner: self._keys.get(owner) for owner in {row["owner"] for row in rows}}
        return [_kept(row, keys[row["owner"]]) for row in rows]


def pixels_only(data: bytes) -> bytes:
    """A picture as a PNG of what is seen and nothing else: no EXIF, place, profile, comment, thumbnail or tail.

    At most as large as the runtime looks at, so that the same answer can be given once more.

    Raises:
        InputError: as `bentos.runtime.decode.decode`.
    """
    picture = decode(data)
    pixels_HWC = cv2.cvtColor(picture.rgb_HWC, cv2.COLOR_RGB2BGR)
    if picture.alpha_HW is not None:
        pixels_HWC = cv2.merge((*cv2.split(pixels_HWC), picture.alpha_HW))
    done, encoded = cv2.imencode(".png", pixels_HWC, _FAST_PNG)
    if not done:
        raise ContractError("a decoded picture could not be encoded")
    return encoded.tobytes()


def _row(
    key: DataKey, data: bytes, *, request_id: str, purpose: str, part: str, at: datetime, days: float
) -> dict[str, object]:
    facts = {"owner": key.owner, "request_id": request_id, "purpose": purpose, "part": part}
    sealed = seal(data, key=key.for_purpose(_SEALING), about=facts)
    return {**facts, "at": at, "expires_at": at + timedelta(days=days), "sealed": sealed}


def _kept(row: RowMapping, key: DataKey | None) -> Kept:
    if key is None:
        raise ContractError("the key of a retained picture is gone")
    facts = {name: row[name] for name in ("owner", "request_id", "purpose", "part")}
    data = unseal(row["sealed"], key=key.for_purpose(_SEALING), about=facts)
    return Kept(row["request_id"], row["purpose"], row["part"], row["at"], row["expires_at"], data)
