"""The journal in signed Parquet segments for cold storage, which verify without database and service.

Where asked for, segments are encrypted as they are written (`bentos.privacy.sealed_files`). The signatures are over the
stored bytes, so that tampering is found without the key.
"""

import io
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, ValidationError

from bentos.audit.chain import Link
from bentos.audit.checkpoints import CHECKPOINTS_FILE, PUBLIC_KEY_FILE, Checkpoint
from bentos.audit.sealed import NO_KEYS, Keyring
from bentos.privacy.envelope import derived
from bentos.privacy.sealed_files import SealedReader, SealedWriter
from bentos.runtime.contract import file_sha256
from bentos.runtime.errors import ContractError
from bentos.signing import parse_signed, public_pem, sign, verify

PURPOSE: Final = "audit-segment"
SEGMENT: Final = 100_000
_PLAIN: Final = ".parquet"
_ENCRYPTED: Final = ".parquet.sealed"
_SCHEMA: Final = pa.schema(
    [
        (name, pa.int64() if name == "entry_id" else pa.timestamp("us", tz="UTC") if name == "at" else pa.string())
        for name in Link._fields
    ]
)


class Under(BaseModel):
    """The journal's key that an export is encrypted under, and the export's own name, which is in its key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key_id: str
    export_id: str


class Seal(BaseModel):
    """What is signed of a segment: its file's SHA-256, its entries, and the hash of the last one.

    `under` is None where the file is not encrypted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    sha256: str
    first: int
    last: int
    head: str
    under: Under | None = None


class Encryption:
    """The key of one new export: another one for each, and for each of its segments."""

    def __init__(self, key_id: str, *, keys: Keyring) -> None:
        """Under the journal's key; raises `ServiceFault` where it is not here."""
        self.under = Under(key_id=key_id, export_id=secrets.token_hex(16))
        self._key = keys.exporting(key_id, self.under.export_id)

    def segment(self, name: str) -> bytes:
        """The key of one segment, by its name without suffix."""
        return segment_key(self._key, name)


def segment_key(export_key: bytes, name: str) -> bytes:
    """The key of a segment: put in another's place it does not open."""
    return derived(export_key, purpose=f"segment/{name}")


def export_segments(
    rows: Iterable[Link],
    into: Path,
    *,
    key: Ed25519PrivateKey,
    checkpoints: Path,
    size: int = SEGMENT,
    encryption: Encryption | None = None,
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
        seals.append(_segment(segment, into, key=key, encryption=encryption))
    (into / PUBLIC_KEY_FILE).write_bytes(public_pem(key.public_key()))
    return seals


def exported_rows(directory: Path, *, keys: Keyring = NO_KEYS) -> Iterator[Link]:
    """The entries of an export in their order, as its files say; nothing is checked.

    Raises:
        ContractError: a file is no segment, or was changed.
        ServiceFault: privacy_unavailable, it is encrypted and its key is not here.
    """
    for path in _segments(directory):
        try:
            with ExitStack() as stack:
                source = stack.enter_context(_opened(path, keys=keys)) if path.name.endswith(_ENCRYPTED) else path
                table = pq.read_table(source, schema=_SCHEMA)
        except (pa.ArrowException, OSError) as error:
            raise ContractError(f"{path.name} cannot be read: {error}") from error
        for batch in table.to_batches(max_chunksize=10_000):
            yield from map(Link._make, zip(*(column.to_pylist() for column in batch.columns), strict=True))


def encrypted_under(directory: Path) -> Under | None:
    """What an export is encrypted under, as it says itself, None where its first segment is in clear."""
    first = next(iter(_segments(directory)), None)
    return None if first is None else _seal_of(first).under


def check_seals(directory: Path, *, key: Ed25519PublicKey, checkpoints: Sequence[Checkpoint] = ()) -> int:
    """Check every segment's stored bytes against its seal, without any key; how many there are.

    Raises:
        ContractError: a seal or segment is missing, changed, or signed with another key, or the checkpoints know of
            other entries.
    """
    num, place, heads = 0, 0, {one.size: one.head for one in checkpoints}
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
        if heads.get(seal.last, seal.head) != seal.head:
            raise ContractError(f"a signed checkpoint knows another entry {seal.last} than {seal.file}")
        num, place = num + 1, seal.last
    if num != len(_segments(directory)):
        raise ContractError("a segment has no seal")
    if place < max(heads, default=0):
        raise ContractError(f"a signed checkpoint covers {max(heads)} entries, the segments end with entry {place}")
    return num


def _segments(directory: Path) -> list[Path]:
    return sorted(path for suffix in (_PLAIN, _ENCRYPTED) for path in directory.glob(f"entries-*{suffix}"))


def _stem(segment: Path) -> str:
    return segment.name.partition(".")[0]


def _seal_of(segment: Path) -> Seal:
    """The seal beside a segment; its signature is not checked here."""
    path = segment.with_name(f"{_stem(segment)}.json")
    try:
        return Seal.model_validate(parse_signed(path.read_bytes(), origin=path.name).payload)
    except (OSError, ValidationError) as error:
        raise ContractError(f"{segment.name} has no seal beside it") from error


def _opened(segment: Path, *, keys: Keyring) -> io.BufferedReader:
    under = _seal_of(segment).under
    if under is None:
        raise ContractError(f"{segment.name} is encrypted, but its seal does not say under which key")
    key = segment_key(keys.exporting(under.key_id, under.export_id), _stem(segment))
    return io.BufferedReader(SealedReader(segment, key=key))


def _segment(links: list[Link], into: Path, *, key: Ed25519PrivateKey, encryption: Encryption | None) -> Seal:
    first, last = links[0].entry_id, links[-1].entry_id
    stem = f"entries-{first:012d}-{last:012d}"
    columns = [list(column) for column in zip(*links, strict=True)]
    arrays = [pa.array(column, type=field.type) for column, field in zip(columns, _SCHEMA, strict=True)]
    path = into / f"{stem}{_ENCRYPTED if encryption else _PLAIN}"
    with SealedWriter(path, key=encryption.segment(stem)) if encryption else path.open("wb") as file:
        pq.write_table(pa.Table.from_arrays(arrays, schema=_SCHEMA), file, compression="zstd")
    seal = Seal(
        file=path.name,
        sha256=file_sha256(path),
        first=first,
        last=last,
        head=links[-1].entry_hash or "",
        under=encryption and encryption.under,
    )
    signed = sign(seal.model_dump(), key=key, purpose=PURPOSE).model_dump_json(indent=1)
    (into / f"{stem}.json").write_text(f"{signed}\n")
    return seal
