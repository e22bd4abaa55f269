"""Pages of a checkpoints file: the right line is found in it, however many there are."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bentos.audit.checkpoints import CHECKPOINTS_FILE, Checkpointer, linked
from bentos.audit.pages import MAX_LINES, before, page
from bentos.audit.proofs import parse_proof, prove
from bentos.journal import Entry, Journal
from bentos.runtime.errors import ContractError

KEY = Ed25519PrivateKey.generate()
NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
SIZES = [1, 2, 5, 12, 13, 40, 41, 47]


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journal]:
    journal = Journal(f"sqlite:///{tmp_path_factory.mktemp('pages') / 'journal.db'}")
    yield journal
    journal.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, journal: Journal) -> Path:
    directory = tmp_path_factory.mktemp("audit")
    checkpointer = Checkpointer(directory, key=KEY, links=journal.links, size=journal.size)
    for number, size in enumerate(SIZES):
        while journal.size() < size:
            journal.append(Entry(at=NOON, actor="anonymous", action="predict", outcome="answered"))
        checkpointer.catch_up(NOON + timedelta(seconds=number))
    return directory / CHECKPOINTS_FILE


def sizes(lines: list[bytes]) -> list[int]:
    return [one.size for one in linked(lines, key=KEY.public_key(), origin="a page", whole=False)]


def test_a_page_begins_with_the_checkpoint_that_covers_the_entry(file: Path) -> None:
    for entry in range(1, SIZES[-1] + 1):
        assert sizes(page(file, from_entry=entry)) == [size for size in SIZES if size >= entry]


def test_no_more_than_was_asked_for(file: Path) -> None:
    assert sizes(page(file, from_entry=3, limit=2)) == [5, 12]


@pytest.mark.parametrize("from_entry", [None, 48, 10**12])
def test_the_newest_alone_where_none_was_named_or_none_covers_it(file: Path, from_entry: int | None) -> None:
    assert sizes(page(file, from_entry=from_entry)) == [47]


def test_a_line_that_is_being_written_is_none_yet(file: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.jsonl"
    cut.write_bytes(file.read_bytes()[:-1])
    assert sizes(page(cut, from_entry=None)) == [41]
    assert sizes(page(cut, from_entry=13)) == [13, 40, 41]
    cut.write_bytes(b'{"purpose"')
    assert page(cut, from_entry=1) == page(tmp_path / "none", from_entry=1) == []


def test_in_a_long_file_a_line_is_found_without_reading_it_all(file: Path, tmp_path: Path) -> None:
    long, line = tmp_path / "long.jsonl", b'{"payload":{"size":%d},"rest":"%s"}\n'
    long.write_bytes(b"".join(line % (3 * number, b"x" * (number % 50)) for number in range(1, 100_001)))
    began = time.process_time()
    assert page(long, from_entry=200_002, limit=1) == [(line % (200_004, b"x" * (66_668 % 50)))[:-1]]
    found = time.process_time()
    assert max(json.loads(one)["payload"]["size"] for one in long.open("rb")) == 300_000
    assert found - began < (time.process_time() - found) / 10
    assert len(page(long, from_entry=1)) == MAX_LINES


def test_a_proof_needs_only_the_entries_of_its_own_checkpoint(file: Path, journal: Journal) -> None:
    checkpoints = linked(file.read_bytes().splitlines(), key=KEY.public_key(), origin="the file", whole=True)
    for entry in range(1, SIZES[-1] + 1):
        under = next(one for one in checkpoints if one.size >= entry)
        first = under.size - len(under.tags)
        tree = before(file, first)
        signed = prove(entry, request_id="r", links=journal.links(first), checkpoint=under, key=KEY, before=tree)
        assert parse_proof(signed, key=KEY.public_key()).root == under.root


def test_a_tree_that_no_checkpoint_ends_with_is_not_there(file: Path) -> None:
    with pytest.raises(ContractError, match="no checkpoint of 3 entries"):
        before(file, 3)
