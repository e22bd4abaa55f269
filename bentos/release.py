"""The signed release file: which recogniser and gallery answer, and the refusal of anything else."""

import hashlib
import os
from pathlib import Path
from typing import Annotated, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bentos.rollout.limits import Limits
from bentos.runtime.contract import canonical_json, read_gallery_spec, read_recogniser_spec, spec_digest
from bentos.runtime.errors import ContractError
from bentos.signing import parse_signed, sign, verify

PURPOSE = "release"
ROLES = ("champion", "challenger", "shadow", "previous")
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


class Ref(BaseModel):
    """One recogniser and one gallery by digest, their directories below home, and the registry's version."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recogniser: Digest
    recogniser_dir: str
    gallery: Digest
    gallery_dir: str
    version: str


class ReleaseSpec(BaseModel):
    """What services load. `released_at` is ISO 8601.

    A field that was added later has a default, so that releases signed before keep their meaning and their id.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    released_at: str
    champion: Ref
    challenger: Ref | None = None
    shadow: Ref | None = None
    previous: Ref | None = None
    challenger_share: Annotated[float, Field(ge=0, le=0.5)] = 0.1
    limits: Limits = Limits()

    @property
    def release_id(self) -> str:
        """Twelve hex digits that name exactly this release, the time it was signed at included."""
        said = self.model_dump(mode="json", exclude_defaults=True)
        return hashlib.sha256(canonical_json(said)).hexdigest()[:12]

    def named(self) -> dict[str, Ref]:
        """Role to reference, of those the release names."""
        roles = {role: getattr(self, role) for role in ROLES}
        return {role: ref for role, ref in roles.items() if ref is not None}


def pin(recogniser: Path, *, gallery: Path, home: Path, version: str) -> Ref:
    """The reference to two directories below `home`, after checking every file of both.

    Raises:
        ContractError: a file was changed, the gallery is another recogniser's, or a directory lies outside home.
    """
    recogniser_digest = spec_digest(read_recogniser_spec(recogniser))
    gallery_spec = read_gallery_spec(gallery)
    if gallery_spec.recogniser != recogniser_digest:
        raise ContractError(f"{gallery} was made by recogniser {gallery_spec.recogniser}, not by {recogniser_digest}")
    return Ref(
        recogniser=recogniser_digest,
        recogniser_dir=_below(home, recogniser),
        gallery=spec_digest(gallery_spec),
        gallery_dir=_below(home, gallery),
        version=version,
    )


def write_release(path: Path, spec: ReleaseSpec, *, key: Ed25519PrivateKey) -> None:
    """Sign the release and put it in place of the old one in one step."""
    signed = sign(spec.model_dump(mode="json"), key=key, purpose=PURPOSE)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("w") as file:
        file.write(signed.model_dump_json(indent=1) + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def read_release(path: Path, *, key: Ed25519PublicKey) -> ReleaseSpec:
    """The release at `path`.

    Raises:
        FileNotFoundError: there is none.
        ContractError: it is unsigned, altered, or signed with another key.
    """
    return parse_release(path.read_bytes(), key=key, origin=str(path))


def parse_release(data: bytes, *, key: Ed25519PublicKey, origin: str) -> ReleaseSpec:
    """The release in a file's bytes; raises `ContractError` as `read_release` does."""
    payload = verify(parse_signed(data, origin=origin), key=key, purpose=PURPOSE)
    try:
        return ReleaseSpec.model_validate(payload)
    except ValidationError as error:
        raise ContractError(f"{origin} is signed but is no release: {error}") from error


def directories(ref: Ref, *, home: Path) -> tuple[Path, Path]:
    """Directories of the recogniser and the gallery that a reference names, in this order.

    Raises:
        ContractError: one lies outside home.
    """
    return _resolve(home, ref.recogniser_dir), _resolve(home, ref.gallery_dir)


def _below(home: Path, directory: Path) -> str:
    if not directory.resolve().is_relative_to(home.resolve()):
        raise ContractError(f"{directory} lies outside {home}")
    return directory.resolve().relative_to(home.resolve()).as_posix()


def _resolve(home: Path, relative: str) -> Path:
    directory = (home / relative).resolve()
    if not directory.is_relative_to(home.resolve()):
        raise ContractError(f"the release names {relative}, which lies outside {home}")
    return directory
