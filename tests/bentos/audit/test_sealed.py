"""A sealed journal: nothing of what entries say is in the database's bytes, the chain needs no key, readers do."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import make_url

from bentos.audit.chain import Link
from bentos.audit.sealed import NO_KEYS, SEALED, opened, sealed_under
from bentos.audit.verify import verify_trail
from bentos.faults import ServiceFault
from bentos.journal import Entry, Journal
from bentos.privacy.desk import PrivacyDesk
from bentos.privacy.journal_keys import HomeKeys, open_journal
from bentos.privacy.rotation import rotate
from bentos.runtime.errors import ContractError
from bentos.settings import Settings
from tests.bentos.audit.test_verify import COVERED, NUM, TAMPERING, checkpointed, found_when_tampered_with, written
from tests.servers import PostgreSql

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
PLANTED = ("person:quackenbush", "c0ffee" * 10, "Zebedee", "MRN 8841-7723", "sha256:feedbeef", "4155552671")
SAID = {
    "actor": PLANTED[0],
    "input_hmac": PLANTED[1],
    "payload": {"request_id": "r1", PLANTED[2]: PLANTED[3], "answer_sha256": PLANTED[4], "pills": [PLANTED[5], "é"]},
}


def an_entry(**overrides: object) -> Entry:
    return Entry(**{"at": NOON, "action": "predict", "outcome": "answered", **SAID} | overrides)


@pytest.fixture
def settings(tmp_path: Path, journal_url: str) -> Settings:
    return Settings(home=tmp_path / "home", journal=journal_url, encrypt_journal=True)


@pytest.fixture
def journal(settings: Settings) -> Iterator[Journal]:
    made = open_journal(settings)
    yield made
    made.close()


def raw(url: str, server: Callable[[], PostgreSql]) -> bytes:
    """Every byte of the database: SQLite's files while they are open, with the write-ahead log, or a dump."""
    if make_url(url).get_backend_name() == "postgresql":
        return server().dump(url)
    path = Path(make_url(url).database or "")
    assert path.with_name(path.name + "-wal").stat().st_size
    return b"".join(one.read_bytes() for one in sorted(path.parent.glob(f"{path.name}*")))


@pytest.mark.parametrize("encrypted", [True, False])
def test_nothing_that_was_planted_is_in_the_databases_bytes(
    settings: Settings, encrypted: bool, request: pytest.FixtureRequest
) -> None:
    journal = open_journal(settings.model_copy(update={"encrypt_journal": encrypted}))
    for _ in range(3):
        journal.append(an_entry())
    data = raw(settings.journal_url, lambda: request.getfixturevalue("postgresql"))
    found = [word for word in PLANTED if word.encode() in data or word.encode().hex().encode() in data]
    assert found == ([] if encrypted else list(PLANTED))
    assert b"answered" in data
    journal.close()


def test_what_is_sealed_is_read_back_whole_and_found_by_its_request(journal: Journal) -> None:
    journal.append(an_entry())
    journal.append(an_entry(action="feedback", payload={"agrees": True}))
    assert [entry.model_dump(exclude={"entry_id"}) for entry in journal.entries()] == [
        an_entry().model_dump(), an_entry(action="feedback", payload={"agrees": True}).model_dump(),
    ]  # fmt: skip
    assert journal.of_request("r1").actor == PLANTED[0]


def test_every_reader_says_plainly_that_the_key_is_not_here(settings: Settings, journal: Journal) -> None:
    journal.append(an_entry())
    for stranger in (Journal(settings.journal_url), open_journal(Settings(home="gone", journal=settings.journal))):
        for read in (stranger.entries, lambda stranger=stranger: stranger.of_request("r1")):
            with pytest.raises(ServiceFault, match=r"that key is not here|cannot be read, or does not unwrap"):
                read()
        stranger.close()
    assert not Path("gone").exists()


def test_a_trail_of_a_lost_key_is_not_gone_on_with_under_another(settings: Settings, journal: Journal) -> None:
    journal.append(an_entry())
    PrivacyDesk(settings).keys.destroy("journal")
    with pytest.raises(ServiceFault, match="that key is not here"):
        open_journal(settings)
    plain = open_journal(settings.model_copy(update={"encrypt_journal": False}))
    assert plain.append(an_entry()) == 2
    plain.close()
    with pytest.raises(ServiceFault, match="that key is not here"):
        open_journal(settings)


def test_a_plain_journal_is_gone_on_with_sealed_and_back_and_verifies_as_one(settings: Settings) -> None:
    for number, encrypted in enumerate((False, True, False, True)):
        journal = open_journal(settings.model_copy(update={"encrypt_journal": encrypted}))
        assert journal.append(an_entry()) == number + 1
        assert [entry.actor for entry in journal.entries()] == [PLANTED[0]] * (number + 1)
        links = list(journal.links())
        journal.close()
    assert [sealed_under(link) is None for link in links] == [True, False, True, False]
    assert links[0].actor == PLANTED[0]
    assert verify_trail(links).finding is None


def test_keys_are_rotated_without_writing_an_entry_again(settings: Settings, journal: Journal) -> None:
    journal.append(an_entry())
    before, desk = list(journal.links()), PrivacyDesk(settings)
    assert rotate(desk, journal=journal, actor="test", now=NOON).num_keys == 1
    journal.append(an_entry())
    desk.close()
    again = open_journal(settings)
    assert list(again.links())[:1] == before
    assert [entry.actor for entry in again.entries()] == [PLANTED[0], "test", PLANTED[0]]
    assert {sealed_under(link) for link in again.links()} == {sealed_under(before[0])}
    again.close()


def test_a_sealed_entry_opens_at_its_own_place_only(settings: Settings, journal: Journal) -> None:
    for _ in range(3):
        journal.append(an_entry())
    one, two, _ = journal.links()
    keys = HomeKeys(settings)
    assert json.loads(opened(two, keys=keys).payload) == SAID["payload"]
    moved = (
        two._replace(payload=one.payload),
        two._replace(entry_id=3),
        two._replace(previous_hash="0" * 64),
        two._replace(at=datetime(2025, 3, 2, tzinfo=UTC)),
        two._replace(outcome="refused"),
        two._replace(subject_ref="other"),
        two._replace(payload=two.payload.replace('"r1"', '"r2"')),
        two._replace(payload=two.payload.replace('"sealed":"A', '"sealed":"B')),
    )
    for link in moved:
        with pytest.raises(ContractError, match="does not open"):
            opened(link, keys=keys)
    with pytest.raises(ServiceFault, match="is not here"):
        opened(two, keys=NO_KEYS)


def test_workers_seal_under_one_key_in_one_chain(settings: Settings) -> None:
    workers = [open_journal(settings) for _ in range(4)]
    threads = [threading.Thread(target=lambda one=one: [one.append(an_entry()) for _ in range(15)]) for one in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    links = list(workers[0].links())
    assert (len(links), verify_trail(links).finding, len({sealed_under(link) for link in links})) == (60, None, 1)
    assert {entry.actor for entry in workers[3].entries()} == {PLANTED[0]}
    for one in workers:
        one.close()


@pytest.fixture(scope="module")
def trail(tmp_path_factory: pytest.TempPathFactory) -> list[Link]:
    """As long as the one that is tampered with in clear."""
    home = tmp_path_factory.mktemp("sealed")
    keys = HomeKeys(Settings(home=home, encrypt_journal=True)).sealing(lambda: None)
    return written(f"sqlite:///{home / 'journal.db'}", num=NUM, keys=keys)


@pytest.mark.parametrize("times", [2, pytest.param(200, marks=pytest.mark.soak)])
@pytest.mark.parametrize("kind", TAMPERING)
def test_random_tampering_of_a_sealed_trail_is_found_without_a_key(
    trail: list[Link], tmp_path: Path, kind: str, times: int
) -> None:
    assert {link.actor for link in trail} == {SEALED}
    checkpoints = checkpointed(tmp_path, trail[:COVERED], times=9)
    found_when_tampered_with(trail, checkpoints, kind=kind, times=times)


def test_an_account_that_may_only_append_and_read_is_enough_to_seal(tmp_path: Path, postgresql: PostgreSql) -> None:
    owner = Settings(home=tmp_path / "home", journal=postgresql.new_database(), encrypt_journal=True)
    open_journal(owner).close()
    name = make_url(owner.journal_url).database
    grants = ("SELECT, INSERT ON journal", "SELECT ON data_keys", "USAGE ON SCHEMA public")
    made = (f"CREATE ROLE {name} LOGIN PASSWORD 'p'", *(f"GRANT {one} TO {name}" for one in grants))
    postgresql.run(*made, url=owner.journal_url)
    service = open_journal(owner.model_copy(update={"journal": postgresql.url(name, user=name, password="p")}))
    assert (service.append(an_entry()), service.entries()[0].actor) == (1, PLANTED[0])
    service.close()


def test_nobody_but_those_who_read_the_chain_alone_opens_a_journal_without_its_keys(repository: Path) -> None:
    shipped = [
        path
        for folder in ("assets", "bentos", "monitoring", "pipelines")
        for path in (repository / folder).rglob("*.py")
    ]
    without = {
        path.relative_to(repository).as_posix()
        for path in shipped
        if re.search(r"\bJournal\((?!.*keys=).*url", path.read_text())
    }
    assert without == {"bentos/audit/sealing.py", "bentos/audit/commands.py"}
