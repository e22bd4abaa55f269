"""Builds the Bento: our serving code, the champion's release as a fallback, and pinned requirements."""

import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import requires, version
from pathlib import Path
from typing import Final

import yaml
from packaging.requirements import Requirement

from bentos.bundle import current_champion, current_release
from bentos.faults import ServiceFault
from bentos.release import ReleaseSpec, directories
from bentos.serve import SERVICE
from bentos.settings import QUIET, Settings, launch_environment
from bentos.signing import PUBLIC_KEY_FILE

DISTRIBUTION: Final = "rxvision25"
_PACKAGE = Path(__file__).resolve().parent


def build_bento(settings: Settings) -> str:
    """Build a Bento of the current champion in a process of its own and return its tag, `rxvision:<version>`.

    A second build in one process would pack the first one's model (BentoML 1.4 caches the service).

    Raises:
        FileNotFoundError: there is no release.
        ContractError: the release is unsigned or altered.
        ServiceFault: build_failed, with the end of BentoML's output, or as the champion was withdrawn;
            journal_unavailable.
    """
    spec = current_release(settings)
    if current_champion(settings) != spec.champion:
        sentence = "The champion was withdrawn; sign that first: rxvision experiment settle."
        raise ServiceFault("build_failed", sentence)
    with tempfile.TemporaryDirectory(prefix="rxvision-build-") as folder:
        context = Path(folder)
        shutil.copytree(_PACKAGE, context / _PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        pack_release(settings, spec, into=context / "packed")
        (context / "bentofile.yaml").write_text(yaml.safe_dump(_bentofile(spec)))
        return _build(context, settings)


def pack_release(settings: Settings, spec: ReleaseSpec, *, into: Path) -> None:
    """Make `into` a home of its own: the signed release, its public key, the champion's two directories."""
    (into / "keys").mkdir(parents=True)
    (into / "release").mkdir()
    shutil.copy(settings.public_key_path, into / "keys" / PUBLIC_KEY_FILE)
    shutil.copy(settings.release_path, into / "release" / "release.json")
    champion = spec.champion
    sources = directories(champion, home=settings.home)
    for source, relative in zip(sources, (champion.recogniser_dir, champion.gallery_dir), strict=True):
        shutil.copytree(source, into / relative)


def serving_requirements() -> list[str]:
    """The packages a serving install needs, each pinned to the version installed here."""
    needed = [Requirement(text) for text in requires(DISTRIBUTION) or ()]
    return sorted(f"{need.name}=={version(need.name)}" for need in needed if need.marker is None)


def _bentofile(spec: ReleaseSpec) -> dict:
    champion = spec.champion
    labels = {
        "recogniser": champion.recogniser.removeprefix("sha256:")[:12],
        "gallery": champion.gallery.removeprefix("sha256:")[:12],
        "version": champion.version,
    }
    return {
        "service": SERVICE,
        "include": ["bentos/", "packed/"],
        "labels": labels,
        "python": {"packages": serving_requirements(), "lock_packages": False},
        "envs": [{"name": name, "value": value} for name, value in QUIET.items()],
    }


def _build(context: Path, settings: Settings) -> str:
    command = [sys.executable, "-m", "bentoml", "build", "--output", "tag"]
    environment = launch_environment(settings)
    done = subprocess.run(command, cwd=context, env=environment, capture_output=True, text=True, check=False)
    found = [line for line in done.stdout.splitlines() if line.startswith("__tag__:")]
    if done.returncode != 0 or not found:
        raise ServiceFault("build_failed", f"bentoml build ended with {done.returncode}: {done.stderr[-2000:]}")
    return found[-1].removeprefix("__tag__:")
