"""The audit page says what the trail holds and whether it holds, needs nothing beside it, and escapes what it shows."""

import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from bentos import cli
from bentos.audit.sealing import Sealing
from bentos.journal import Entry, Journal, connect
from bentos.privacy.journal_keys import open_journal
from bentos.settings import Settings

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
OLD, NEW = ({"recogniser": f"sha256:{digit * 64}", "gallery": f"sha256:{'b' * 64}"} for digit in "ac")
DENIED = {"code": "invalid_token", "why": "wrong_audience", "method": "POST /api/v1/predict", "count": 41}
STORY = (
    {"action": "promote", "actor": "person:maria", "outcome": "released", "subject_ref": "3", **OLD},
    {"action": "predict", "actor": "caller:1", "outcome": "answered", **OLD},
    {"action": "predict", "actor": "caller:2", "outcome": "refused", **OLD, "payload": {"code": "too_large"}},
    {"action": "access_denied", "actor": "unknown", "outcome": "denied", "payload": DENIED},
    {"action": "launch", "actor": "<script>alert(1)</script>", "outcome": "started", "payload": {"job": "retrain"}},
    {"action": "verdict", "actor": "person:jo", "outcome": "failed", **NEW, "payload": {"failed": ["worst slice"]}},
    {"action": "promote", "actor": "person:maria", "outcome": "released", "subject_ref": "4", **NEW,
     "payload": {"approvals": [{"name": "Dr. Wu", "role": "safety"}]}},
    {"action": "predict", "actor": "caller:1", "outcome": "answered", **NEW},
    {"action": "rollback", "actor": "person:jo", "outcome": "released", "subject_ref": "3", **OLD,
     "payload": {"from": "4", "reason": "complaint of Ann Smith"}},
    {"action": "retention", "actor": "service", "outcome": "enforced"},
)  # fmt: skip


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, journal_url: str) -> Path:
    """A story of ten entries on ten days, of which nine are under a checkpoint."""
    monkeypatch.setenv("RXVISION_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RXVISION_JOURNAL", journal_url)
    settings = Settings()
    journal, sealing = Journal(settings.journal_url), Sealing(settings)
    for number, said in enumerate(STORY):
        if number == 9:
            sealing.catch_up()
        journal.append(Entry(at=NOON + timedelta(days=number), **said))
    journal.close()
    return tmp_path / "home"


def report(tmp_path: Path, *arguments: object) -> tuple[int, str]:
    """The command's status and the page's text, without styles and tags."""
    page = tmp_path / "pages" / "audit.html"
    sys.argv = ["rxvision", "audit", "report", "--out", str(page), *map(str, arguments)]
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code or 0, page.read_text()


def words(page: str) -> str:
    plain = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", plain).split())


def test_the_page_tells_the_story_and_that_it_holds(home: Path, tmp_path: Path) -> None:
    status, page = report(tmp_path)
    said = words(page)
    assert status == 0
    for sentence in (
        "10 entries, from 2025-03-01 12:00:00 to 2025-03-10 12:00:00",
        "The trail holds: every entry is as it was written",
        "cover the first 9",
        "1 entry is not under a checkpoint yet",
        "Answers given 2", "Callers 2", "Denials 41", "Changes 3",
        "wrong audience POST /api/v1/predict 41",
        "3 aaaaaaaaaaaa bbbbbbbbbbbb 1 2025-03-02 12:00:00",
        "4 cccccccccccc bbbbbbbbbbbb 1 2025-03-08 12:00:00",
        "9 2025-03-09 12:00:00 the version before was put back instead of version 4 3 aaaaaaaaaaaa person:jo",
        "gates judged a candidate not met: worst slice failed cccccccccccc person:jo",
        "a version was put in force approved by Dr. Wu 4 cccccccccccc person:maria",
        "a run was launched job retrain started – &lt;script&gt;",
    ):  # fmt: skip
        assert sentence in said


def test_the_page_needs_nothing_and_runs_nothing_and_holds_no_free_text(home: Path, tmp_path: Path) -> None:
    _, page = report(tmp_path)
    assert not re.search(r"<script|<link|<img|<iframe|\bsrc=|\bhref=|url\(|@import|http://|https://", page)
    assert "default-src 'none'" in page
    assert "Ann Smith" not in page
    assert ":" in Settings().journal_url
    password = Settings().journal_url.partition("@")[0].rpartition(":")[2]
    assert "postgresql" not in Settings().journal_url or password not in page


def test_the_page_says_what_is_wrong_and_the_command_fails(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    engine = connect(Settings().journal_url)
    lift = "ALTER TABLE journal DISABLE TRIGGER ALL" if engine.dialect.name == "postgresql" else (
        "DROP TRIGGER journal_refuses_update"
    )  # fmt: skip
    with engine.begin() as connection:
        connection.execute(text(lift))
        connection.execute(text("UPDATE journal SET actor = 'person:eve' WHERE entry_id = 7"))
    engine.dispose()
    status, page = report(tmp_path)
    assert status == 1
    assert "entry 7 is the first bad one" in capsys.readouterr().err
    assert "The trail does not hold: entry 7 is the first bad one" in words(page)
    assert "10 entries" in words(page)


@pytest.mark.parametrize(
    "payload", ["[]", "5", "no json", '{"approvals": 5, "failed": "x", "share": "y", "count": "z"}']
)
def test_whatever_somebody_puts_into_payloads_the_page_is_written(home: Path, tmp_path: Path, payload: str) -> None:
    engine = connect(Settings().journal_url)
    lift = {
        "sqlite": ("DROP TRIGGER journal_refuses_update",),
        "postgresql": (
            "ALTER TABLE journal DISABLE TRIGGER ALL",
            "ALTER TABLE journal ALTER COLUMN payload TYPE text",
        ),
    }
    with engine.begin() as connection:
        for statement in ("DROP INDEX journal_request", *lift[engine.dialect.name]):
            connection.execute(text(statement))
        connection.execute(text("UPDATE journal SET payload = :payload"), {"payload": payload})
    engine.dispose()
    status, page = report(tmp_path)
    assert (status, "entry 1 is the first bad one" in words(page), "10 entries" in words(page)) == (1, True, True)


def test_an_export_has_the_same_page(home: Path, tmp_path: Path) -> None:
    _, page = report(tmp_path)
    sys.argv = ["rxvision", "audit", "export", str(tmp_path / "cold")]
    with pytest.raises(SystemExit):
        cli.main()
    _, again = report(tmp_path, "--export", tmp_path / "cold")
    assert (
        words(page).split("How to check")[0].split("All times")[1]
        == (words(again).split("How to check")[0].split("All times")[1])
    )


def test_an_empty_trail_has_a_page(tmp_path: Path, journal_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RXVISION_HOME", str(tmp_path / "home"))
    Journal(journal_url).close()
    status, page = report(tmp_path, "--journal", journal_url)
    assert (status, "it is empty" in words(page), "There is no checkpoint" in words(page)) == (0, True, True)


def test_of_a_sealed_trail_the_page_tells_the_same_with_the_key_and_what_it_cannot_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RXVISION_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RXVISION_ENCRYPT_JOURNAL", "true")
    journal = open_journal(Settings())
    for number, said in enumerate(STORY):
        journal.append(Entry(at=NOON + timedelta(days=number), **said))
    journal.close()
    status, page = report(tmp_path)
    for sentence in ("Callers 2", "Denials 41", "approved by Dr. Wu", "person:jo", "job retrain"):
        assert sentence in words(page)
    assert (status, "could not be opened" in page) == (0, False)
    (tmp_path / "home" / "privacy.db").unlink()
    status, page = report(tmp_path)
    assert status == 0
    assert "10 entries are sealed and could not be opened here" in words(page)
    assert "The trail holds" in words(page)
    assert "person:jo" not in page
