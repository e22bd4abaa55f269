"""What assets hand to each other: small typed records that name files by path and content by fingerprint."""

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from bentos.release import ReleaseSpec
from bentos.runtime.contract import canonical_json
from bentos.runtime.medication import Medication

if TYPE_CHECKING:
    from pandas import DataFrame


class Record(BaseModel):
    """Base of every record. Paths are relative to the run's home, so that a home can be moved."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Catalogue(Record):
    """The medications that this line works with."""

    fingerprint: str
    medications: tuple[Medication, ...]


class Manifest(Record):
    """Every photograph that was read, one row each."""

    fingerprint: str
    path: str
    num_photos: int


class Dataset(Record):
    """The manifest with a split and an appearance role per photograph."""

    fingerprint: str
    path: str


class ReferenceFeatures(Record):
    """Reference features per medication in the feature store, and the point-in-time rows drawn from it."""

    fingerprint: str
    path: str
    num_medications: int


class Member(Record):
    """One trained and exported encoder."""

    fingerprint: str
    name: str
    profile: str
    directory: str
    metrics: dict[str, float]


class MadeRecogniser(Record):
    """A recogniser directory, and its version in the model registry."""

    digest: str
    directory: str
    version: str


class MadeGallery(Record):
    """A gallery directory, and the recogniser that made its prototypes."""

    digest: str
    directory: str
    recogniser: str


class MadeEvaluation(Record):
    """Directory with report.html, report.json and records.jsonl of one recogniser and gallery.

    `seed` and `max_photos` say which photographs: a champion is held against it on the same ones.
    """

    digest: str
    directory: str
    seed: int
    max_photos: int


class MadeVerdict(Record):
    """A signed verdict."""

    path: str
    passed: bool


class MadeRelease(Record):
    """What services load now; the fingerprint covers recogniser and gallery."""

    fingerprint: str
    path: str
    version: str

    @classmethod
    def of(cls, spec: ReleaseSpec, *, path: str) -> "MadeRelease":
        """The record of a release file."""
        champion = spec.champion
        made_of = fingerprint(recogniser=champion.recogniser, gallery=champion.gallery, version=champion.version)
        return cls(fingerprint=made_of, path=path, version=champion.version)


class MadeBento(Record):
    """A built Bento."""

    tag: str


class MadeDrift(Record):
    """Verdict of one drift report."""

    directory: str
    breached: bool
    num_rows: int


def fingerprint(**parts: object) -> str:
    """Twelve hex digits over the canonical JSON of what an artefact was made from."""
    return hashlib.sha256(canonical_json(parts)).hexdigest()[:12]


def table_fingerprint(table: "DataFrame", *, columns: list[str]) -> str:
    """Twelve hex digits over these columns, whatever the order of the rows."""
    text = table[columns].sort_values(columns).to_csv(index=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def code_fingerprint(*modules: str) -> str:
    """Twelve hex digits over the sources of these modules or packages and their indexes, without importing them.

    An artefact made by other code is another artefact: it is made again rather than reused.
    """
    digest = hashlib.sha256()
    for path in sorted(path for module in modules for path in _sources(module)):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def _sources(module: str) -> list[Path]:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(module)
    origin = Path(spec.origin)
    if origin.name != "__init__.py":
        return [origin]
    return sorted([*origin.parent.rglob("*.py"), *origin.parent.rglob("*.json")])
