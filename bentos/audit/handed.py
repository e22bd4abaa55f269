"""A file of keys that opens one export, and the sealed entries in it, for who has neither home nor database."""

import os
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from bentos.audit.export import Under, encrypted_under, exported_rows
from bentos.audit.sealed import BLOCK, EntryKeys, Keyring, not_here, sealed_under
from bentos.faults import ServiceFault
from bentos.privacy.journal_keys import HomeKeys
from bentos.runtime.errors import ContractError
from bentos.settings import Settings

_OWNER_ALONE: Final = 0o600


class KeyFile(BaseModel):
    """The keys themselves, in hex: whoever has this file can read the export. `blocks`: one for 4,096 entries each."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    under: Under | None
    export: str | None
    key_id: str | None
    blocks: dict[int, str]


class HandedKeys:
    """The keyring of such a file."""

    def __init__(self, path: Path) -> None:
        """Raises `ContractError` where it is none."""
        try:
            self._file = KeyFile.model_validate_json(path.read_bytes())
            self._export = bytes.fromhex(self._file.export or "")
            self._blocks = {number: bytes.fromhex(key) for number, key in self._file.blocks.items()}
        except (ValidationError, ValueError) as error:
            raise ContractError(f"{path} is no file of keys") from error

    def sealing(self, last: object) -> EntryKeys | None:
        """None: it opens, and seals nothing."""
        return None

    def opening(self, key_id: str) -> EntryKeys:
        """What entries open with; raises `ServiceFault` privacy_unavailable."""
        if key_id != self._file.key_id:
            raise not_here(key_id)
        return EntryKeys(key_id, block=self._block)

    def exporting(self, key_id: str, export_id: str) -> bytes:
        """The key of the export; raises `ServiceFault` privacy_unavailable."""
        if self._file.under != Under(key_id=key_id, export_id=export_id):
            raise not_here(key_id)
        return self._export

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            raise not_here(str(self._file.key_id))
        return self._blocks[number]


def hand_over(directory: Path, *, keys: Keyring, out: Path) -> KeyFile:
    """Write the keys of an export to a new file that its owner alone may read.

    Raises:
        ServiceFault: privacy_unavailable, they are not here.
        ContractError: the export cannot be read, or the file exists.
    """
    under = encrypted_under(directory)
    found: dict[str, set[int]] = {}
    for link in exported_rows(directory, keys=keys):
        if (key_id := sealed_under(link)) is not None:
            found.setdefault(key_id, set()).add(link.entry_id // BLOCK)
    if len(found) > 1:
        raise ContractError("its entries are sealed under several keys, of which one file can hold one")
    key_id = next(iter(found), None)
    opening = None if key_id is None else keys.opening(key_id)
    made = KeyFile(
        under=under,
        export=under and keys.exporting(under.key_id, under.export_id).hex(),
        key_id=key_id,
        blocks={number: opening.block(number).hex() for number in sorted(found[key_id])} if opening and key_id else {},
    )
    try:
        with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ALONE), "w") as file:
            file.write(made.model_dump_json(indent=1) + "\n")
    except FileExistsError as error:
        raise ContractError(f"{out} exists; keys are written to a new file") from error
    return made


def is_closed(directory: Path, *, keys: Keyring) -> bool:
    """Whether an export is encrypted and its key is not here."""
    under = encrypted_under(directory)
    if under is None:
        return False
    try:
        keys.exporting(under.key_id, under.export_id)
    except ServiceFault:
        return True
    return False


def keyring(settings: Settings, unlock: Path | None) -> Keyring:
    """The keys of a file where one is given, else those of the home."""
    return HandedKeys(unlock) if unlock else HomeKeys(settings)
