"""What an installation is made of: digests of its sources, of its lock file and of the packages that are installed."""

import hashlib
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

import pandas as pd

from bentos.runtime.contract import file_sha256

LOCK_FILE: Final = "constraints.txt"
_ROOT: Final = Path(__file__).resolve().parents[2]
_PACKAGES: Final = ("assets", "bentos", "data", "feature_repo", "monitoring", "pipelines", "training")
_SOURCES: Final = (".py", ".json", ".csv", ".html", ".yaml", ".proto")
_DATA_COLUMNS: Final = ("photo_id", "medication_id", "role", "split")


@dataclass(frozen=True)
class Code:
    """The code that judged: its commit (`-dirty` where it was changed since) and digests, `sha256:<hex>`.

    `sources` is over the files themselves, so that it holds where the commit says too little. `lock` is None where
    the lock file does not lie beside the packages.
    """

    commit: str
    sources: str
    packages: str
    lock: str | None


def this_code(*, commit: str) -> Code:
    """The code and packages of this process; `commit` as the version control names it."""
    lock = lock_file()
    installed = "\n".join(installed_packages())
    return Code(commit, sources_digest(), _sha256(installed), lock and "sha256:" + file_sha256(lock))


def lock_file() -> Path | None:
    """The file that pins every package; None in an installation without the repository."""
    path = _ROOT / LOCK_FILE
    return path if path.is_file() else None


def sources_digest(root: Path = _ROOT) -> str:
    """SHA-256 over path and SHA-256 of every source file of ours."""
    files = sorted(path for name in _PACKAGES for path in (root / name).rglob("*") if path.suffix in _SOURCES)
    lines = [f"{path.relative_to(root).as_posix()} {file_sha256(path)}" for path in files]
    return _sha256("\n".join(lines))


def installed_packages() -> list[str]:
    """`name==version` of every installed distribution, sorted."""
    return sorted({f"{one.metadata['Name'].lower().replace('_', '-')}=={one.version}" for one in distributions()})


def data_digest(rows: pd.DataFrame) -> str:
    """SHA-256 over the labelled photographs of a data set, whatever their order; photographs by their own SHA-256."""
    columns = [name for name in _DATA_COLUMNS if name in rows.columns]
    lines = sorted("|".join(map(str, row)) for row in rows[columns].itertuples(index=False))
    return _sha256("\n".join([",".join(columns), *lines]))


def _sha256(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
