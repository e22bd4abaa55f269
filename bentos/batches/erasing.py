"""Erasure of one subject's items from all large jobs of a home; the other items of a job stay."""

from contextlib import closing
from pathlib import Path
from typing import Final

from bentos.batches.results import MEDIA_TYPES, result_path, write_tables
from bentos.batches.store import JobStore
from bentos.batches.tables import JOBS_FILE, connected
from bentos.privacy.data_keys import DataKeys
from bentos.privacy.typed import Policy
from bentos.problems import describe

_ABOUT: Final = "SELECT count(*) FROM items WHERE key_owner = ?"
_EMPTIED: Final = (
    "UPDATE items SET image = '', image_back = NULL, metadata = NULL, subject = NULL, key_owner = NULL, "
    "outcome = 'refused', result = ? WHERE key_owner = ? RETURNING job_id"
)


def num_items(directory: Path, key_owner: str) -> int:
    """How many items are about the subject whose key that is."""
    if not (directory / JOBS_FILE).is_file():
        return 0
    with closing(connected(directory / JOBS_FILE)) as connection:
        return connection.execute(_ABOUT, (key_owner,)).fetchone()[0]


def erase_items(directory: Path, key_owner: str, *, keys: DataKeys, policy: Policy) -> int:
    """Empty those items, in tables of results too; how many there were.

    The answer to one that a worker is at is not kept. What is overwritten leaves the write-ahead log. The archive of a
    job that still runs keeps its pictures until the job ends.
    """
    if not num_items(directory, key_owner):
        return 0
    said = describe("erased", sentence="Whom this item was about was erased.", request_id="").model_dump_json()
    with closing(connected(directory / JOBS_FILE)) as connection:
        jobs = [row["job_id"] for row in connection.execute(_EMPTIED, (said, key_owner))]
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with closing(JobStore(directory, keys=keys)) as store:
        for job_id in sorted(set(jobs)):
            if any(result_path(store.folder(job_id), kind).is_file() for kind in MEDIA_TYPES):
                write_tables(store, job_id, policy=policy)
    return len(jobs)
