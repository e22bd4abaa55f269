"""Ingest: photographs from sources into content store and manifest; only what is new, a crash losing nothing."""

import multiprocessing
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

from bentos.runtime.medication import Medication
from data.examine import examine_all, refusal, use_one_thread
from data.manifest import Store, finish
from data.photo import UNKNOWN_MEDICATION, Photo, PhotoSource, Unreadable

_BATCH = 32
_BATCHES_IN_FLIGHT_A_WORKER = 3
_ROWS_A_PART = 512

Progress = Callable[[str, int, int | None], None]
Batch = list[Photo | Unreadable]
Rows = tuple[list[dict], list[dict]]


@dataclass(frozen=True)
class IngestReport:
    """What one run did. `num_duplicates` and `num_quarantined` count the whole manifest, not this run alone."""

    manifest: Path
    quarantine: Path
    num_photos: int
    num_new: int
    num_known: int
    num_quarantined: int
    num_duplicates: int
    pictures_per_s: float


@dataclass
class _Reading:
    """What is known of the photographs of earlier runs, and what the sources list in this one."""

    known: set[tuple[str, str]]
    listed: dict[str, set[str]] = field(default_factory=dict)
    num_known: int = 0

    def skip(self, key: str, *, source: str) -> bool:
        self.listed[source].add(key)
        seen = (source, key) in self.known
        self.num_known += seen
        return seen


def ingest(
    sources: Iterable[PhotoSource],
    *,
    medications: Iterable[Medication],
    home: Path,
    now: str,
    workers: int,
    on_progress: Progress,
) -> IngestReport:
    """Read every source to its end and bring the manifest up to date.

    A picture that cannot be used goes to the quarantine with its reason. Photographs that a source no longer
    lists leave the manifest. `now` is an ISO 8601 instant; `workers` below 2 stays in this process;
    `on_progress` gets source name, photographs read so far, and None (sources stream: no total is known).
    """
    store = Store(home)
    reading = _Reading(known=_known(store))
    started = time.perf_counter()
    num_new = 0
    for source in sources:
        num_new += _read_source(source, reading, store=store, now=now, workers=workers, on_progress=on_progress)
    elapsed_s = time.perf_counter() - started
    photos = finish(store, medications=medications, listed=reading.listed, now=now)
    return IngestReport(
        manifest=store.manifest,
        quarantine=store.quarantine,
        num_photos=len(photos),
        num_new=num_new,
        num_known=reading.num_known,
        num_quarantined=len(store.read_quarantine()),
        num_duplicates=int(photos["duplicate_of"].notna().sum()),
        pictures_per_s=num_new / elapsed_s if elapsed_s else 0.0,
    )


def _known(store: Store) -> set[tuple[str, str]]:
    """Source and key of everything read before; a label that may be in the catalogue by now is read again."""
    photos, quarantine = store.read_manifest(), store.read_quarantine()
    settled = quarantine[quarantine["code"] != UNKNOWN_MEDICATION]
    return {pair for rows in (photos, settled) for pair in zip(rows["source"], rows["key"], strict=True)}


def _read_source(
    source: PhotoSource, reading: _Reading, *, store: Store, now: str, workers: int, on_progress: Progress
) -> int:
    listed = reading.listed.setdefault(source.name, set())
    waiting: Rows = ([], [])
    done = 0
    batches = _batches(source.photos(skip=partial(reading.skip, source=source.name)), listed)
    for rows in _examined(batches, home=store.home, now=now, workers=workers):
        for kept, more in zip(waiting, rows, strict=True):
            kept.extend(more)
        done += len(rows[0]) + len(rows[1])
        if len(waiting[0]) + len(waiting[1]) >= _ROWS_A_PART:
            waiting = _written(store, waiting)
        on_progress(source.name, done, None)
    _written(store, waiting)
    return done


def _written(store: Store, rows: Rows) -> Rows:
    store.add_part("manifest", rows[0])
    store.add_part("quarantine", rows[1])
    return [], []


def _batches(photos: Iterator[Photo | Unreadable], listed: set[str]) -> Iterator[Batch]:
    while batch := list(islice(photos, _BATCH)):
        listed.update(photo.key for photo in batch)
        yield batch


def _examined(batches: Iterator[Batch], *, home: Path, now: str, workers: int) -> Iterator[Rows]:
    work = partial(examine_all, home=home, now=now)
    if workers < 2:
        yield from map(work, batches)
        return
    pool = _pool(workers)
    flight: deque = deque()
    try:
        for batch in batches:
            flight.append((batch, pool.submit(work, batch)))
            if len(flight) >= workers * _BATCHES_IN_FLIGHT_A_WORKER:
                yield _landed(flight.popleft(), work, now=now)
        while flight:
            yield _landed(flight.popleft(), work, now=now)
    finally:
        pool.shutdown(cancel_futures=True)


def _pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=use_one_thread)


def _landed(flown: tuple, work: Callable, *, now: str) -> Rows:
    batch, future = flown
    try:
        return future.result()
    except BrokenProcessPool:
        return _one_by_one(batch, work, now=now)


def _one_by_one(batch: Batch, work: Callable, *, now: str) -> Rows:
    """After a picture killed its worker: each of the batch in a process of its own, so that the rest is kept."""
    rows: Rows = ([], [])
    for photo in batch:
        with _pool(1) as pool:
            try:
                found = pool.submit(work, [photo]).result()
            except BrokenProcessPool:
                reason = "decoding it ended the process"
                found = [], [refusal(photo, code="crashed", reason=reason, now=now)]
        for kept, more in zip(rows, found, strict=True):
            kept.extend(more)
    return rows
