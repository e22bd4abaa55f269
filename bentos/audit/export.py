"""The journal in sealed Parquet segments for cold storage, which verify without database and service."""

import shutil
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, ValidationError

from bentos.audit.chain import Link
from bentos.audit.checkpoints import CHECKPOINTS_FILE, PUBLIC_KEY_FILE
from bentos.runtime.contract import file_sha256
from bentos.runtime.errors import ContractError
from bentos.signing import parse_signed, public_pem, sign, verify

PURPOSE: Final = "audit-segment"
SEGMENT: Final = 100_000
_SCHEMA: Final = pa.schema(
    [
        (name, pa.int64() if name == "entry_id" else pa.timestamp("us", tz="UTC") if name == "at" else pa.string())
        for name in Link._fields
    ]
)


class Seal(BaseModel):
    """What is signed of a segment: its file's SHA-256, its entries, and the hash of the last one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    sha256: str
    first: int
    last: int
    head: str


def export_segments(
    rows: Iterable[Link], into: Path, *, key: Ed25519PrivateKey, checkpoints: Path, size: int = SEGMENT
) -> list[Seal]:
    """Write entries as segments of at most `size`, each with its signed seal, the key and the checkpoints beside.

    `rows` are read after the checkpoints, so that a service may go on answering meanwhile.

    Raises:
        ContractError: `into` is not empty.
    """
    into.mkdir(parents=True, exist_ok=True)
    if any(into.iterdir()):
        raise ContractError(f"{into} is not empty; an export stands alone")
    if checkpoints.is_file():  # before the rows: those signed meanwhile are about entries that are not exported
        shutil.copy(checkpoints, into / CHECKPOINTS_FILE)
    waiting, seals = iter(rows), []
    while segment := list(islice(waiting, size)):
        seals.append(_segment(segment, into, key=key))
    (into / PUBLIC_KEY_FILE).write_bytes(public_pem(key.public_key()))
    return seals


def exported_rows(directory: Path) -> Iterator[Link]:
    """The entries of an export in their order, as their files say; nothing is checked.

    Raises:
        ContractError: a file is no segment.
    """
    for path in sorted(directory.glob("entries-*.parquet")):
        try:
            table = pq.read_table(path, schema=_SCHEMA)
        except (pa.ArrowException, OSError) as error:
            raise ContractError(f"{path.name} cannot be read: {error}") from error
        for batch in table.to_batches(max_chunksize=10_000):
            yield from map(Link._make, zip(*(column.to_pylist() for column in batch.columns), strict=True))


def check_seals(directory: Path, *, key: Ed25519PublicKey) -> int:
    """Check every segment against its seal; how many there are.

    Raises:
        ContractError: a seal or segment is missing, changed, or signed with another key.
    """
    num, place = 0, 0
    for path in sorted(directory.glob("entries-*.json")):
        signed = parse_signed(path.read_bytes(), origin=path.name)
        try:
            seal = Seal.model_validate(verify(signed, key=key, purpose=PURPOSE))
        except ValidationError as error:
            raise ContractError(f"{path.name} is signed but is no seal") from error
        segment = directory / seal.file
        if not segment.is_file() or file_sha256(segment) != seal.sha256:
            raise ContractError(f"{seal.file} is not the segment that was sealed")
        if seal.first != place + 1:
            raise ContractError(f"the segment with entry {place + 1} is missing")
        num, place = num + 1, seal.last
    if num != len(list(directory.glob("entries-*.parquet"))):
        raise ContractError("a segment has no seal")
    return num


def _segment(links: list[Link], into: Path, *, key: Ed25519PrivateKey) -> Seal:
    first, last = links[0].entry_id, links[-1].entry_id
    path = into / f"entries-{first:012d}-{last:012d}.parquet"
    columns = [list(column) for column in zip(*links, strict=True)]
    arrays = [pa.array(column, type=field.type) for column, field in zip(columns, _SCHEMA, strict=True)]
    pq.write_table(pa.Table.from_arrays(arrays, schema=_SCHEMA), path, compression="zstd")
    seal = Seal(file=path.name, sha256=file_sha256(path), first=first, last=last, head=links[-1].entry_hash or "")
    path.with_suffix(".json").write_text(
        sign(seal.model_dump(), key=key, purpose=PURPOSE).model_dump_json(indent=1) + "\n"
    )
    return seal
