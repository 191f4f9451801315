"""The ledger's database: its tables."""

from __future__ import annotations

from pathlib import Path

from earmark.stores.side_file import SideFile, SideSchema

FORMAT = 1
NAME = "ledger.sqlite"
LOCK_NAME = "ledger.lock"

_TABLES = (
    # seq is the order of arrival: clocks may stand still or jump back, it does not.
    """CREATE TABLE keys (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        scopes TEXT NOT NULL,
        digest TEXT NOT NULL,
        created_at REAL NOT NULL,
        expires_at REAL,
        revoked_at REAL
    )""",
    """CREATE TABLE jobs (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        request TEXT NOT NULL,
        created_at REAL NOT NULL,
        state TEXT NOT NULL,
        wanted INTEGER NOT NULL,
        started_at REAL,
        ended_at REAL,
        progress TEXT NOT NULL,
        report TEXT,
        error TEXT
    )""",
    "CREATE INDEX jobs_state ON jobs (state, seq)",
    """CREATE TABLE replies (
        key TEXT PRIMARY KEY,
        fingerprint TEXT NOT NULL,
        created_at REAL NOT NULL,
        status INTEGER NOT NULL,
        headers TEXT NOT NULL,
        body BLOB NOT NULL
    )""",
    "CREATE INDEX replies_created_at ON replies (created_at)",
    """CREATE TABLE verdicts (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        created_at REAL NOT NULL,
        right INTEGER NOT NULL,
        track_id TEXT,
        details TEXT NOT NULL
    )""",
)

_SCHEMA = SideSchema(
    NAME, LOCK_NAME, FORMAT, _TABLES, "add the keys again", "keys, jobs and verdicts"
)


class LedgerFile(SideFile):
    """Connections to one ledger file, which is made, for its owner only, where it is missing."""

    def __init__(self, folder: Path, wait_s: float) -> None:
        super().__init__(folder, wait_s, _SCHEMA)
