"""The tables of jobs and their items, in one SQLite file."""

import sqlite3
from pathlib import Path
from typing import Final

BATCHES_DIR: Final = "batches"  # below the home
JOBS_FILE: Final = "batches.db"
# What files of an older service lack.
_ADDED: Final = (
    ("jobs", "actor", "TEXT NOT NULL DEFAULT 'anonymous'"),
    ("items", "subject", "TEXT"),
    ("items", "key_owner", "TEXT"),
)
_BY_OWNER: Final = "CREATE INDEX IF NOT EXISTS items_key_owner ON items (key_owner) WHERE key_owner IS NOT NULL"
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS jobs (
  job_id TEXT PRIMARY KEY, state TEXT NOT NULL, source TEXT NOT NULL, num_items INTEGER NOT NULL,
  created_at REAL NOT NULL, finished_at REAL, expires_at REAL NOT NULL,
  owner TEXT, lease_until REAL NOT NULL DEFAULT 0, problem TEXT, actor TEXT NOT NULL DEFAULT 'anonymous'
);
CREATE TABLE IF NOT EXISTS items (
  job_id TEXT NOT NULL, number INTEGER NOT NULL, image TEXT NOT NULL, image_back TEXT, metadata TEXT,
  attempts INTEGER NOT NULL DEFAULT 0, outcome TEXT, result TEXT, subject TEXT, key_owner TEXT,
  PRIMARY KEY (job_id, number)
) WITHOUT ROWID;
"""


def connected(path: Path) -> sqlite3.Connection:
    """A connection to the file of all jobs; tables are made or brought up to date, what is deleted is overwritten."""
    connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")
    connection.executescript(_TABLES)
    for table, column, kind in _ADDED:
        if column not in [row["name"] for row in connection.execute(f"PRAGMA table_info({table})")]:
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
    connection.execute(_BY_OWNER)
    return connection
