"""A trail of a million entries, as long as an answer's entry is, verifies in less than a minute on one core."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bentos.audit.checkpoints import CHECKPOINTS_FILE, Checkpointer, read_checkpoints
from bentos.audit.commands import journal_rows
from bentos.audit.export import check_seals, export_segments, exported_rows
from bentos.audit.schema import StoredJson, append, json_text, writing
from bentos.audit.verify import verify_trail
from bentos.journal import TABLE, Entry, Journal, connect

NUM = 1_000_000
TOGETHER = 10_000
LIMIT_S = 60.0
KEY = Ed25519PrivateKey.generate()


def written(url: str, *, entry: Entry) -> Journal:
    journal, engine = Journal(url), connect(url)
    row = entry.model_dump() | {"payload": StoredJson(json_text(entry.payload))}
    for _ in range(NUM // TOGETHER):
        with writing(engine) as connection:
            append(connection, TABLE, [row] * TOGETHER)
    engine.dispose()
    return journal


@contextmanager
def timed(what: str, capsys: pytest.CaptureFixture) -> Iterator[None]:
    """Seconds of this process's CPU, which has one thread."""
    began = time.process_time()
    yield
    took_s = time.process_time() - began
    with capsys.disabled():
        sys.stdout.write(f"\n{what}: {took_s:.1f} s of CPU\n")
    assert took_s < LIMIT_S


@pytest.mark.soak
def test_a_million_entries_verify_in_under_a_minute(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    statistics = {f"statistic_{number}": 0.123456 for number in range(30)}
    digests = {"input_hmac": "ab" * 32, "recogniser": f"sha256:{'cd' * 32}", "gallery": f"sha256:{'ef' * 32}"}
    payload = {"request_id": "0f3c2f0e-6a3c-4a55-9d39-0d2a6f6f9a11", "pills": [{"statistics": [statistics]}]}
    at = datetime(2025, 3, 1, 12, tzinfo=UTC)
    entry = Entry(at=at, actor="anonymous", action="predict", outcome="answered", payload=payload, **digests)
    journal = written(url, entry=entry)
    Checkpointer(tmp_path, key=KEY, links=journal.links, size=journal.size).catch_up(at)
    with timed(f"the journal's {NUM:,} entries verified", capsys):
        checkpoints = read_checkpoints(tmp_path / CHECKPOINTS_FILE, key=KEY.public_key())
        found = verify_trail(journal_rows(url), checkpoints=checkpoints)
    assert (found.num_entries, found.num_covered, found.finding) == (NUM, NUM, None)
    export_segments(journal_rows(url), tmp_path / "cold", key=KEY, checkpoints=tmp_path / CHECKPOINTS_FILE)
    with timed(f"an export of {NUM:,} entries verified", capsys):
        assert verify_trail(exported_rows(tmp_path / "cold"), checkpoints=checkpoints).finding is None
        check_seals(tmp_path / "cold", key=KEY.public_key())
    journal.close()
