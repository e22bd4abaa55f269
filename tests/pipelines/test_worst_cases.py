"""Where the page of worst cases may lie: not where git would track the photographs on it."""

import subprocess
from pathlib import Path

import pytest

from pipelines.showing import CommandFault
from pipelines.worst_cases import refuse_tracked


@pytest.fixture
def repository_with_var(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    root.mkdir()
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    (root / ".gitignore").write_text("var/\n")
    return root


@pytest.mark.parametrize("name", ["worst.html", "docs/worst.html"])
def test_a_page_that_git_would_track_is_refused(repository_with_var: Path, name: str) -> None:
    with pytest.raises(CommandFault, match="would be tracked by git"):
        refuse_tracked(repository_with_var / name)


def test_what_git_ignores_or_does_not_know_is_fine(repository_with_var: Path, tmp_path: Path) -> None:
    refuse_tracked(repository_with_var / "var" / "worst.html")
    refuse_tracked(tmp_path / "elsewhere" / "worst.html")
