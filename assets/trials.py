"""Which recogniser and gallery are meant by a version of the registry, and the verdict that lets them in."""

from dataclasses import dataclass
from pathlib import Path

from assets.records import MadeGallery, MadeRecogniser, MadeVerdict
from assets.registry import Registry
from assets.resources import Workspace
from bentos.release import ReleaseSpec
from bentos.signing import read_public_key
from monitoring.candidates import Bundle, CandidateError, find_bundle, find_verdict
from monitoring.trial import challenge, put_shadow


@dataclass(frozen=True)
class Wanted:
    """What a person names: a version of the registry, or a bundle of this home; a gallery where there are several."""

    version: str | None = None
    bundle: Path | None = None
    gallery: Path | None = None
    verdict: Path | None = None


def challenge_wanted(
    wanted: Wanted, *, share: float, workspace: Workspace, registry: Registry, actor: str
) -> ReleaseSpec:
    """Give what is wanted a share of the traffic; aliases follow. Raises as `challenge` does, and `CandidateError`."""
    bundle, version = _found(wanted, workspace=workspace, registry=registry)
    verdict = wanted.verdict or _verdict_on(bundle, workspace=workspace)
    spec = challenge(workspace.desk(actor=actor), recogniser=bundle.recogniser, gallery=bundle.gallery,
                     verdict=verdict, version=version, share=share, now=workspace.now())  # fmt: skip
    registry.follow_release(spec)
    return spec


def shadow_wanted(wanted: Wanted, *, workspace: Workspace, registry: Registry, actor: str) -> ReleaseSpec:
    """Let what is wanted answer unseen; aliases follow. Raises as `put_shadow` does, and `CandidateError`."""
    bundle, version = _found(wanted, workspace=workspace, registry=registry)
    spec = put_shadow(workspace.desk(actor=actor), recogniser=bundle.recogniser, gallery=bundle.gallery,
                      version=version, now=workspace.now())  # fmt: skip
    registry.follow_release(spec)
    return spec


@dataclass(frozen=True)
class Candidate:
    """A bundle with its version of the registry and the file of its verdict."""

    bundle: Bundle
    version: str
    verdict: Path


def candidate(wanted: Wanted, *, workspace: Workspace, registry: Registry) -> Candidate:
    """What is wanted with its verdict; the last training's where nothing is named.

    Raises:
        CandidateError: nothing is named and nothing was trained, or what is named is not there.
        VerdictError: no passing verdict is about it.
    """
    if wanted.version is None and wanted.bundle is None:
        return _last_trained(wanted, workspace=workspace)
    bundle, version = _found(wanted, workspace=workspace, registry=registry)
    return Candidate(bundle, version, wanted.verdict or _verdict_on(bundle, workspace=workspace))


def _last_trained(wanted: Wanted, *, workspace: Workspace) -> Candidate:
    paths = {name: workspace.path(f"records/{name}.json") for name in ("recogniser", "gallery", "verdict")}
    if missing := [name for name, path in paths.items() if not path.is_file()]:
        raise CandidateError(f"no {missing[0]} was made in {workspace.root}; name a --version or a BUNDLE")
    recogniser = MadeRecogniser.model_validate_json(paths["recogniser"].read_bytes())
    gallery = MadeGallery.model_validate_json(paths["gallery"].read_bytes())
    verdict = MadeVerdict.model_validate_json(paths["verdict"].read_bytes())
    bundle = Bundle(workspace.path(recogniser.directory), wanted.gallery or workspace.path(gallery.directory))
    return Candidate(bundle, recogniser.version, wanted.verdict or workspace.path(verdict.path))


def _found(wanted: Wanted, *, workspace: Workspace, registry: Registry) -> tuple[Bundle, str]:
    if wanted.bundle is not None:
        bundle = Bundle(wanted.bundle / "recogniser", wanted.gallery or wanted.bundle / "gallery")
        if (version := registry.version_of(bundle.digest)) is None:
            raise CandidateError(f"the registry has no version of the recogniser in {wanted.bundle}")
        return bundle, version
    digest = registry.digest_of(wanted.version) if wanted.version else None
    if digest is None:
        raise CandidateError(f"the registry has no version {wanted.version}; name a --version or a --bundle")
    return find_bundle(workspace.root, digest=digest, gallery=wanted.gallery), wanted.version


def _verdict_on(bundle: Bundle, *, workspace: Workspace) -> Path:
    """A passing verdict on the recogniser: beside its bundle, or wherever the home keeps one."""
    beside = bundle.recogniser.parent / "verdict.json"
    if beside.is_file():
        return beside
    key = read_public_key(workspace.settings().public_key_path)
    return find_verdict(workspace.root, recogniser=bundle.digest, key=key)
