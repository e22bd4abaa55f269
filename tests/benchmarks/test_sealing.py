"""What sealing costs is measured on journals that are what they are called, and read back whole."""

from pathlib import Path

import pytest

from benchmarks.sealing import CLEAR, ENTRY, SEALED, in_words, measure_sealing
from bentos.audit import sealed
from bentos.journal import Journal


def test_the_same_entries_are_written_in_clear_and_sealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RXVISION_JOURNAL", f"sqlite:///{tmp_path / 'none.db'}")
    found = measure_sealing(tmp_path, num_rounds=2, num_entries=6)
    assert {name: len(rounds) for name, rounds in found.items()} == {CLEAR: 2, SEALED: 2}
    assert all(min(one) > 0 for rounds in found.values() for one in rounds)
    said = in_words(found)
    assert said.count("ms of CPU an entry in clear") == 2
    for name, actor in ((CLEAR, ENTRY.actor), (SEALED, sealed.SEALED)):
        journal = Journal(f"sqlite:///{tmp_path / name / 'journal.db'}")
        assert [link.actor for link in journal.links()] == [actor] * 18
        journal.close()
