"""Photographs asked in two threads, as the networks release the lock; some first and alone, for their timings."""

from collections.abc import Callable, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from monitoring.records import PhotoRecord

_THREADS = 2


def asked_of_all(
    rows: Sequence[dict[str, Any]],
    record_of: Callable[[dict[str, Any]], PhotoRecord],
    *,
    timed: Set[str],
    on_progress: Callable[[int, int], None],
) -> list[PhotoRecord]:
    """A record per row, in their order: the `timed` ones first, one by one, the others in threads and untimed.

    Two threads wait for each other now and then, so that their timings would not be those of one answer.
    """
    records: dict[str, PhotoRecord] = {}
    for row in rows:
        if row["photo_id"] in timed:
            records[row["photo_id"]] = record_of(row)
            on_progress(len(records), len(rows))
    others = [row for row in rows if row["photo_id"] not in timed]
    with ThreadPoolExecutor(_THREADS) as pool:
        for row, record in zip(others, pool.map(record_of, others), strict=True):
            records[row["photo_id"]] = record.model_copy(update={"timings_ms": {}})
            on_progress(len(records), len(rows))
    return [records[row["photo_id"]] for row in rows]
