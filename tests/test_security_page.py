"""What the pages on security and evidence say exists: every test, setting, command and file that they name."""

import ast
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bentos.settings import Settings
from pipelines import commands

PAGES = ("security.md", "evidence.md", "audit.md", "privacy.md")


def text_of(repository: Path, page: str) -> str:
    return (repository / "docs" / page).read_text()


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_a_page_names_exists(repository: Path, page: str) -> None:
    named = set(re.findall(r"`(test_[a-z0-9_]+)`", text_of(repository, page)))
    known = {
        node.name
        for path in (repository / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert named - known == set()


def test_every_threat_has_a_control_and_a_test(repository: Path) -> None:
    part = text_of(repository, "security.md").split("## Threats")[1].split("## Minimum")[0]
    rows = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| ") and "---" not in line]
    threats = [row for row in rows if row[0] != "threat"]
    assert len(threats) > 35
    assert [row[0] for row in threats if len(row) != 3 or not row[1].strip() or "`test_" not in row[2]] == []


@pytest.mark.parametrize(
    "demanded",
    [
        "164.312", "| 15 access", "| 17 erasure", "| 20 portability", "| 25 by design", "| 30 records", "| 32 security",
        "CC6.1", "CC7.1", "CC8.1", "21 CFR 11.10", "(e) audit trail", "No certification is claimed",
    ],
)  # fmt: skip
def test_the_tables_cover_what_was_asked(repository: Path, demanded: str) -> None:
    assert demanded in text_of(repository, "security.md")


@pytest.mark.parametrize("page", PAGES)
def test_every_setting_and_link_of_a_page_is_real(repository: Path, page: str) -> None:
    text = text_of(repository, page)
    settings = {f"RXVISION_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"RXVISION_[A-Z_]+", text)) - settings == set()
    links = re.findall(r"\]\(([^)#]+)\)", text)
    missing = [link for link in links if "://" not in link and not (repository / "docs" / link).exists()]
    assert missing == []


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("approver-key", ("--name", "--role", "--account")),
        ("approve", ("--key", "--reason", "--refuse", "--version")),
        ("promote", ("--version",)),
        ("changelog", ("--out",)),
        ("verify", ("--version",)),
        ("evidence", ("--out",)),
        ("sbom", ("--out",)),
        ("rollback", ("--reason",)),
    ],
)
def test_every_command_of_the_evidence_page_takes_what_it_says(command: str, options: tuple[str, ...]) -> None:
    said = CliRunner().invoke(commands.app, [command, "--help"], terminal_width=200, env={"COLUMNS": "200"}).output
    assert [option for option in options if option not in said] == []


def test_the_page_lists_every_kind_of_change(repository: Path) -> None:
    from typing import get_args

    from monitoring.evidence.changes import Kind

    text = text_of(repository, "evidence.md")
    assert [kind for kind in get_args(Kind) if kind != "unknown" and kind not in text] == []
