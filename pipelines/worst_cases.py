"""The page of worst cases that the command `benchmark` writes: where it may lie, and what it was measured with."""

import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from assets.assembly import source_commit
from monitoring.records import PhotoRecord
from monitoring.worst_cases import write_worst_cases
from pipelines.showing import CommandFault


def refuse_tracked(path: Path) -> None:
    """The page holds photographs, which are not to get into a repository.

    Raises:
        CommandFault: git would track a file of this path.
    """
    near = next(folder for folder in path.absolute().parents if folder.is_dir())
    asked = ["git", "-C", str(near), "check-ignore", "-q", str(path.absolute())]
    if subprocess.run(asked, capture_output=True, check=False).returncode == 1:
        raise CommandFault(
            f"{path} would be tracked by git, and the page holds photographs: name a path outside, or in var/"
        )


def write_page_of_worst(bundle: Path, photos: Path, records: Sequence[PhotoRecord], *, out: Path) -> None:
    """Write the page of a benchmark's records.

    Raises:
        ContractError: the bundle is damaged.
    """
    about = {"at": datetime.now(UTC).date().isoformat(), "commit": source_commit()}
    write_worst_cases(bundle, photos, records, out=out, about=about)
