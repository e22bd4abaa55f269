"""Opens what a signed release names, and nothing else."""

from pathlib import Path
from typing import Final

from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from bentos.release import Ref, ReleaseSpec, directories, parse_release
from bentos.runtime.errors import ContractError
from bentos.runtime.gallery import Gallery
from bentos.runtime.predictor import Predictor
from bentos.runtime.recogniser import Recogniser
from bentos.settings import Settings
from bentos.signing import read_public_key

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


def open_release(ref: Ref, *, home: Path) -> Predictor:
    """The predictor of one reference of a release.

    Raises:
        ContractError: a file is missing or changed, the gallery was made by another recogniser, or a
            directory does not hold what the release names.
    """
    recogniser_dir, gallery_dir = directories(ref, home=home)
    recogniser = _load(recogniser_dir)
    _same(recogniser.digest, ref.recogniser, what="recogniser")
    gallery = Gallery.load(gallery_dir, recogniser=recogniser)
    _same(gallery.digest, ref.gallery, what="gallery")
    return Predictor(recogniser, gallery, version=ref.version, variant="champion")


def current_release(settings: Settings) -> ReleaseSpec:
    """The release in force.

    Raises:
        FileNotFoundError: there is none.
        ContractError: it is unsigned, altered, or signed with another key.
    """
    data = settings.release_path.read_bytes()
    return parse_release(data, key=read_public_key(settings.public_key_path), origin=str(settings.release_path))


def open_champion(settings: Settings) -> Predictor:
    """The predictor of the current release's champion; raises as `current_release` and `open_release` do."""
    return open_release(current_release(settings).champion, home=settings.home)


def _load(directory: Path) -> Recogniser:
    try:
        return Recogniser.load(directory)
    except _UNREADABLE as error:
        raise ContractError(f"{directory} has the digests it names, but cannot be opened: {error}") from error


def _same(found: str, named: str, *, what: str) -> None:
    if found != named:
        raise ContractError(f"the release names {what} {named}, its directory holds {found}")
