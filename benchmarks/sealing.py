"""What sealing the journal costs: the same entries written and read in clear and sealed, in turns, in CPU time.

`python -m benchmarks.sealing` says it in a few lines. CPU time of the whole process, since what the disk and other
processes do meanwhile is not sealing's; the commits are in it, as a worker has them: some callers at once, in groups.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from bentos.journal import TABLE, Entry, Journal
from bentos.privacy.journal_keys import open_journal
from bentos.settings import Settings

CLEAR, SEALED = "in clear", "sealed"
NUM_ROUNDS: Final = 41
NUM_ENTRIES: Final = 80
_CALLERS: Final = 4
_PILL: Final = {
    "medication_id": "00093-7167-98",
    "status": "identified",
    "confidence": 0.984321,
    "cues": {f"cue {number}": 1.234567 for number in range(8)},
    "statistics": [{f"figure {number}": 0.123456 * number for number in range(24)}] * 2,
}
ENTRY: Final = Entry(
    at=datetime(2026, 1, 1, tzinfo=UTC),
    actor="token:" + "a" * 32,
    action="predict",
    outcome="answered",
    subject_ref="b" * 64,
    input_hmac="c" * 64,
    recogniser="sha256:" + "d" * 64,
    gallery="sha256:" + "e" * 64,
    payload={"request_id": "0f3c2f0e-6a3c-4a55-9d39-0d2a6f6f9a11", "pills": [_PILL], "answer_sha256": "f" * 64},
)


class Round(NamedTuple):
    """Milliseconds of CPU an entry, of one journal in one round."""

    written_ms: float
    read_ms: float


def measure_sealing(directory: Path, *, num_rounds: int, num_entries: int) -> dict[str, list[Round]]:
    """Rounds by journal; each begins with the other one, and the first, which opens everything, does not count."""
    journals = {name: open_journal(_settings(directory / name, name)) for name in (CLEAR, SEALED)}
    found: dict[str, list[Round]] = {name: [] for name in journals}
    for number in range(num_rounds + 1):
        for name in sorted(journals, reverse=bool(number % 2)):
            found[name].append(_round(journals[name], num_entries=num_entries))
    for journal in journals.values():
        journal.close()
    return {name: rounds[1:] for name, rounds in found.items()}


def in_words(found: dict[str, list[Round]]) -> str:
    """Medians, and the ratio of sealed to clear round by round with its quartiles."""
    lines = []
    for field in Round._fields:
        clear, sealed = ([getattr(one, field) for one in found[name]] for name in (CLEAR, SEALED))
        low, middle, high = statistics.quantiles([b / a for a, b in zip(clear, sealed, strict=True)], n=4)
        lines.append(
            f"{field.removesuffix('_ms')}: {_median(clear)} ms of CPU an entry in clear, {_median(sealed)} ms sealed; "
            f"ratio {middle:.2f} (quartiles {low:.2f} to {high:.2f})"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure on the disk of the working directory."""
    with tempfile.TemporaryDirectory(dir=".") as directory:
        found = measure_sealing(Path(directory), num_rounds=NUM_ROUNDS, num_entries=NUM_ENTRIES)
    sys.stdout.write(f"{NUM_ROUNDS} rounds of {NUM_ENTRIES} entries by {_CALLERS} callers at once\n{in_words(found)}\n")


def _settings(home: Path, name: str) -> Settings:
    return Settings(home=home, journal=f"sqlite:///{home / 'journal.db'}", encrypt_journal=name == SEALED)


def _round(journal: Journal, *, num_entries: int) -> Round:
    before = journal.size()
    began = time.process_time()
    with ThreadPoolExecutor(_CALLERS) as callers:
        list(callers.map(journal.append, [ENTRY] * num_entries))
    written = time.process_time()
    list(journal.each(TABLE.c.entry_id > before))
    read = time.process_time()
    return Round(1e3 * (written - began) / num_entries, 1e3 * (read - written) / num_entries)


def _median(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f}"


if __name__ == "__main__":
    main()
