"""Finds what a run or a recalibration left of one recogniser: its directory, its galleries, its passing verdict."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ValidationError

from bentos.runtime.contract import GallerySpec, RecogniserSpec, read_recogniser_spec, spec_digest
from monitoring.verdict import VerdictError, demand, read_verdict

Spec = TypeVar("Spec", RecogniserSpec, GallerySpec)
_RECOGNISERS = ("recognisers/*/recogniser.json", "recalibrations/*/recogniser/recogniser.json")
_GALLERIES = ("galleries/*/gallery.json", "recalibrations/*/gallery/gallery.json")
_VERDICTS = ("verdicts/*.json", "recalibrations/*/verdict.json")


class CandidateError(Exception):
    """What was asked for is not there, or there are several of it and nobody said which."""


@dataclass(frozen=True)
class Bundle:
    """A recogniser and a gallery of its own."""

    recogniser: Path
    gallery: Path

    @property
    def digest(self) -> str:
        """The recogniser's digest."""
        return spec_digest(read_recogniser_spec(self.recogniser))


def find_bundle(home: Path, *, digest: str, gallery: Path | None = None) -> Bundle:
    """The recogniser of a digest below home, and its gallery.

    Raises:
        CandidateError: the recogniser is not below home, it has no gallery there, or it has several and none was named.
    """
    recognisers = [path.parent for path in _found(home, _RECOGNISERS) if _record(path, RecogniserSpec)[0] == digest]
    if not recognisers:
        raise CandidateError(f"no directory below {home} holds recogniser {digest}")
    if gallery is not None:
        return Bundle(recognisers[0], gallery)
    galleries = {}
    for path in _found(home, _GALLERIES):
        gallery_digest, spec = _record(path, GallerySpec)
        if spec is not None and spec.recogniser == digest:
            galleries[gallery_digest] = path.parent
    if len(galleries) != 1:
        names = ", ".join(sorted(str(path) for path in galleries.values())) or "none"
        raise CandidateError(f"name the gallery: recogniser {digest} has {len(galleries)} below {home}: {names}")
    return Bundle(recognisers[0], next(iter(galleries.values())))


def find_verdict(home: Path, *, recogniser: str, key: Ed25519PublicKey) -> Path:
    """A passing verdict on a recogniser that this key signed.

    Raises:
        VerdictError: there is none.
    """
    reasons = []
    for path in _found(home, _VERDICTS):
        try:
            demand(read_verdict(path, key=key), recogniser=recogniser)
        except VerdictError as error:
            reasons.append(str(error))
        else:
            return path
    about = [reason for reason in reasons if f"recogniser {recogniser} did not pass" in reason]
    raise VerdictError(about[0] if about else f"no verdict below {home} is about recogniser {recogniser}")


def _found(home: Path, patterns: tuple[str, ...]) -> list[Path]:
    return sorted(path for pattern in patterns for path in home.glob(pattern))


def _record(path: Path, kind: type[Spec]) -> tuple[str, Spec | None]:
    """Digest and record of a file; nothing for one of another form. Pinning it checks every file it names."""
    try:
        spec = kind.model_validate_json(path.read_bytes())
    except ValidationError:
        return "", None
    return spec_digest(spec), spec
