"""Opens what a signed release names, and nothing else."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors
from sqlalchemy.exc import SQLAlchemyError

from bentos.faults import ServiceFault
from bentos.privacy.journal_keys import open_journal
from bentos.release import Ref, ReleaseSpec, directories, parse_release
from bentos.rollout.decisions import standing_in
from bentos.runtime.contract import read_gallery_spec, read_recogniser_spec, spec_digest
from bentos.runtime.errors import ContractError
from bentos.runtime.gallery import Gallery
from bentos.runtime.predictor import Predictor
from bentos.runtime.recogniser import Recogniser
from bentos.settings import Settings
from bentos.signing import read_public_key
from bentos.warm_up import warm_up

# ONNX Runtime's errors share no base class; ValueError is numpy's.
_UNREADABLE: Final = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NoModel,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
    ValueError,
)


class Opener:
    """Opens references of one home; a recogniser or gallery that two of them share is opened once."""

    def __init__(self, *, home: Path, known: Mapping[tuple[Ref, str], Predictor] = MappingProxyType({})) -> None:
        """`known` predictors, by reference and variant, lend what they hold."""
        self._home = home
        self._known = known
        self._recognisers = {predictor.recogniser.digest: predictor.recogniser for predictor in known.values()}
        self._galleries = {predictor.gallery.digest: predictor.gallery for predictor in known.values()}

    def open(self, ref: Ref, *, variant: str) -> Predictor:
        """The predictor of a reference; every file is checked on disk, even where what it holds is in memory.

        Raises:
            ContractError: as `open_release` says.
        """
        recogniser_dir, gallery_dir = directories(ref, home=self._home)
        recogniser = self._recogniser(ref.recogniser, recogniser_dir)
        gallery = self._gallery(ref.gallery, gallery_dir, recogniser=recogniser)
        known = self._known.get((ref, variant))
        return known or Predictor(recogniser, gallery, version=ref.version, variant=variant)

    def _recogniser(self, digest: str, directory: Path) -> Recogniser:
        if digest not in self._recognisers:
            loaded = _load(directory)
            _same(loaded.digest, digest, what="recogniser")
            self._recognisers[digest] = loaded
        else:
            _same(spec_digest(read_recogniser_spec(directory)), digest, what="recogniser")
        return self._recognisers[digest]

    def _gallery(self, digest: str, directory: Path, *, recogniser: Recogniser) -> Gallery:
        if digest not in self._galleries:
            loaded = Gallery.load(directory, recogniser=recogniser)
            _same(loaded.digest, digest, what="gallery")
            self._galleries[digest] = loaded
        else:
            _same(spec_digest(read_gallery_spec(directory)), digest, what="gallery")
        found = self._galleries[digest]
        if found.spec.recogniser != recogniser.digest:
            raise ContractError(f"gallery belongs to recogniser {found.spec.recogniser}, not to {recogniser.digest}")
        return found


def warmed(predictor: Predictor) -> Predictor:
    """The predictor after its first answer, which is given to nobody.

    Raises:
        ContractError: it cannot answer.
    """
    try:
        warm_up(predictor)
    except _UNREADABLE as error:
        raise ContractError(f"recogniser {predictor.recogniser.digest} cannot answer: {error}") from error
    return predictor


def open_release(ref: Ref, *, home: Path) -> Predictor:
    """The predictor of one reference of a release, as its champion.

    Raises:
        ContractError: a file is missing or changed, the gallery was made by another recogniser, or a
            directory does not hold what the release names.
    """
    return Opener(home=home).open(ref, variant="champion")


def current_release(settings: Settings) -> ReleaseSpec:
    """The release in force.

    Raises:
        FileNotFoundError: there is none.
        ContractError: it is unsigned, altered, or signed with another key.
    """
    data = settings.release_path.read_bytes()
    return parse_release(data, key=read_public_key(settings.public_key_path), origin=str(settings.release_path))


def current_champion(settings: Settings) -> Ref:
    """Who answers as champion: not one that the services have withdrawn, where there is one before it.

    Raises:
        FileNotFoundError, ContractError: as `current_release` says.
        ServiceFault: journal_unavailable, what was decided cannot be read.
    """
    spec = current_release(settings)
    if settings.journal is None and not (settings.home / "journal.db").exists():
        return spec.champion
    try:
        journal = open_journal(settings)
        standing = standing_in(journal, spec)
        journal.close()
    except SQLAlchemyError as error:
        sentence = "The journal cannot be read, and with it what was decided about the release."
        raise ServiceFault("journal_unavailable", sentence) from error
    return standing.champion_of(spec)


def open_champion(settings: Settings) -> Predictor:
    """The predictor of the current champion; raises as `current_champion` and `open_release` do."""
    return open_release(current_champion(settings), home=settings.home)


def _load(directory: Path) -> Recogniser:
    try:
        return Recogniser.load(directory)
    except _UNREADABLE as error:
        raise ContractError(f"{directory} has the digests it names, but cannot be opened: {error}") from error


def _same(found: str, named: str, *, what: str) -> None:
    if found != named:
        raise ContractError(f"the release names {what} {named}, its directory holds {found}")
