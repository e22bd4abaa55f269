"""Opens what a signed release names, and nothing else."""

from pathlib import Path

from bentos.release import Ref, directories, read_release
from bentos.runtime.errors import ContractError
from bentos.runtime.gallery import Gallery
from bentos.runtime.predictor import Predictor
from bentos.runtime.recogniser import Recogniser
from bentos.settings import Settings
from bentos.signing import read_public_key


def open_release(ref: Ref, *, home: Path) -> Predictor:
    """The predictor of one reference of a release.

    Raises:
        ContractError: a file is missing or changed, the gallery was made by another recogniser, or a
            directory does not hold what the release names.
    """
    recogniser_dir, gallery_dir = directories(ref, home=home)
    recogniser = Recogniser.load(recogniser_dir)
    _same(recogniser.digest, ref.recogniser, what="recogniser")
    gallery = Gallery.load(gallery_dir, recogniser=recogniser)
    _same(gallery.digest, ref.gallery, what="gallery")
    return Predictor(recogniser, gallery, version=ref.version, variant="champion")


def open_champion(settings: Settings) -> Predictor:
    """The predictor of the current release's champion; raises as `open_release` and `read_release` do."""
    spec = read_release(settings.release_path, key=read_public_key(settings.public_key_path))
    return open_release(spec.champion, home=settings.home)


def _same(found: str, named: str, *, what: str) -> None:
    if found != named:
        raise ContractError(f"the release names {what} {named}, its directory holds {found}")
