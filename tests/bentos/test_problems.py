"""Every code that the runtime or the service raises has its HTTP status and its line in the documentation."""

import re
from pathlib import Path

import pytest

from bentos.problems import STATUS

RAISED = re.compile(r'(?:InputError|ServiceFault|AccessFault)\(\s*"(\w+)"')
NOT_OVER_HTTP = {"not_ready", "build_failed", "port_taken", "tls_misconfigured", "unknown_key"}


@pytest.fixture(scope="module")
def raised(repository: Path) -> set[str]:
    sources = (repository / "bentos").rglob("*.py")
    return {code for path in sources for code in RAISED.findall(path.read_text())} - NOT_OVER_HTTP


def test_every_code_has_a_status(raised: set[str]) -> None:
    assert {"empty_file", "busy", "bad_metadata"} <= raised
    assert not raised - set(STATUS)


def test_every_code_is_documented(raised: set[str], repository: Path) -> None:
    page = (repository / "docs" / "service.md").read_text()
    assert not {code for code in raised if f"`{code}`" not in page}


def test_what_the_caller_did_wrong_is_4xx_and_what_we_cannot_do_is_503_or_504() -> None:
    ours = {code for code, status in STATUS.items() if status >= 500}
    assert ours >= {"busy", "no_release", "journal_unavailable", "answer_timeout", "no_room"}
    assert set(STATUS.values()) <= {400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 431, 503, 504}
