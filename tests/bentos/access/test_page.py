"""What docs/access.md says of scopes, roles, settings and refusals is what the code does."""

import re
from pathlib import Path

import pytest

from bentos.access.table import OPERATIONS, SCOPES_OF, STEP_UP, Role, Scope
from bentos.problems import STATUS
from bentos.rpc.errors import status_code
from bentos.settings import Settings

OPEN = {"health", "ready", "interface"}


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs" / "access.md").read_text()


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head."""
    table = page.partition(f"\n## {heading}\n")[2].partition("\n\n## ")[0]
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_table_of_roles_is_the_one_in_force(page: str) -> None:
    found = {
        row[0]: [role for role, said in zip(Role, row[2:], strict=True) if said == "yes"]
        for row in rows(page, "Who may do what")
    }
    assert found == {scope: [role for role in Role if scope in SCOPES_OF[role]] for scope in Scope}


def test_every_operation_stands_beside_its_scope(page: str) -> None:
    said = {row[0]: row[1] for row in rows(page, "Who may do what")}
    named = {operation.name for operation in OPERATIONS if operation.scope and operation.name in said[operation.scope]}
    assert named | OPEN == {operation.name for operation in OPERATIONS}
    assert {scope for scope, text in said.items() if "step-up" in text} == STEP_UP


def test_every_refusal_has_the_statuses_that_the_page_says(page: str) -> None:
    for codes, http, grpc, _ in rows(page, "What is refused"):
        for code in re.findall(r"\w+", codes):
            assert (STATUS[code], status_code(code).name) == (int(http), grpc)


def test_every_setting_that_is_named_is_one_and_has_the_value_said(page: str) -> None:
    named = {name.lower() for name in re.findall(r"RXVISION_(\w+)", page)}
    assert named <= Settings.model_fields.keys()
    assert {
        name for name in Settings.model_fields if name.startswith(("access", "step_up", "rate_", "cors", "tls"))
    } <= named
    given = Settings()
    assert (given.rate_per_minute, given.rate_per_hour, given.access_leeway_s) == (100, 1000, 30)
    kept = (given.access_jwks_ttl_s, given.access_jwks_max_age_s, given.access_jwks_cooldown_s)
    assert kept == (300, 3600, 10)
    assert (given.cors_origins, given.access_roles_claim, given.access_mode) == ((), "roles", "off")
