"""Planted personal data: sent in every way to a real service, and then found nowhere."""

import base64
from pathlib import Path

import dagster as dg
import httpx
import pytest

from bentos.journal import Journal
from bentos.privacy.desk import PrivacyDesk
from bentos.settings import Settings
from pipelines.definitions import build_definitions
from pipelines.environments import Environment
from tests.bentos.conftest import tiny_home
from tests.bentos.privacy import planting
from tests.bentos.processes import free_port, running, wait_for


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory, bundle: Path) -> tuple[Settings, list[str]]:
    """Settings of a service that was asked everything and has ended, and what it answered."""
    home = tiny_home(tmp_path_factory.mktemp("planted") / "home", bundle=bundle)
    settings = Settings(home=home, port=free_port(), grpc_port=free_port(), poll_s=0.1, body_timeout_s=2,
                        packed_home=home / "none", retain_pictures={"replay": 30.0})  # fmt: skip
    with running(settings) as client:
        said = [_shown(reply) for reply in planting.over_rest(client)]
        begun = [reply for reply in planting.jobs(client) if reply.status_code == 202]
        said += [str(reply.json()) for reply in begun]
        said += [data.decode("utf-8", "replace") for data in planting.over_sockets(settings.port)]
        said += planting.over_grpc(settings.grpc_port)
        for reply in begun:
            _work_off(client, reply.headers["location"])
        assert planting.left_in(home) == [], "while it runs"
    return settings, said


def test_nothing_that_was_planted_is_in_a_log_a_database_or_any_file(asked: tuple[Settings, list[str]]) -> None:
    settings, _ = asked
    assert (settings.home / "service.log").stat().st_size > 1000
    assert (settings.home / "privacy.db").is_file()
    assert list((settings.home / "batches").glob("*/results.parquet"))
    assert planting.left_in(settings.home) == []


def test_no_answer_and_no_error_repeats_what_was_planted(asked: tuple[Settings, list[str]]) -> None:
    _, said = asked
    assert len(said) >= 80
    assert [text[:300] for text in said if planting.repeated(text)] == []


def test_what_was_sent_was_answered_retained_and_tied_to_its_subject(asked: tuple[Settings, list[str]]) -> None:
    settings, _ = asked
    journal, desk = Journal(settings.journal_url), PrivacyDesk(settings)
    answered = [entry for entry in journal.entries(action="predict") if entry.outcome == "answered"]
    refs = {desk.subjects.key(text).pseudonym for text in (planting.TEXT, planting.RECORD)}
    assert refs <= {entry.subject_ref for entry in answered}
    assert desk.retained.of_owner(desk.subjects.owner(planting.TEXT))
    assert any("redacted" in entry.payload for entry in answered)
    assert {entry.outcome for entry in journal.entries(action="batch")} == {"created", "finished"}


def test_the_search_itself_finds_every_form(tmp_path: Path) -> None:
    word = "Zebedee Quackenbush"
    forms = (word.encode(), word.upper().encode(), word.encode("utf-16-le"), word.encode().hex().encode(),
             base64.b64encode(b"x" + word.encode()))  # fmt: skip
    for number, form in enumerate(forms):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "file").write_bytes(b"\xff" + form + b"\x00")
        assert planting.left_in(folder), form


def test_neither_retention_nor_dagsters_event_log_brings_it_back(asked: tuple[Settings, list[str]]) -> None:
    settings, _ = asked
    events = settings.home / "dagster"
    events.mkdir(exist_ok=True)
    job = build_definitions(Environment(home=settings.home)).resolve_job_def("enforce_retention")
    with dg.DagsterInstance.local_temp(str(events)) as instance:
        assert job.execute_in_process(instance=instance).success
    assert Journal(settings.journal_url).entries(action="retention")[-1].outcome == "enforced"
    assert planting.left_in(settings.home) == []


def _shown(reply: httpx.Response) -> str:
    return f"{reply.status_code} {reply.headers} {reply.text}"


def _work_off(client: httpx.Client, location: str) -> None:
    wait_for(lambda: client.get(location).json()["state"] == "finished")
    assert client.get(f"{location}/results").status_code == 200
