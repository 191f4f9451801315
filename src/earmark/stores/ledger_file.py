"""The ledger's database: its tables, and one connection per thread, each in WAL mode."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from earmark.errors import DamagedIndexError, LibraryLockedError, LibraryVersionError
from earmark.stores.connections import Connections
from earmark.stores.faults import translated

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
    f"PRAGMA user_version = {FORMAT}",
)


class LedgerFile:
    """Connections to one ledger file, which is made, for its owner only, where it is missing.

    Raises
    ------
    LibraryVersionError
        Another version's format.
    DamagedIndexError, StoreUnavailableError, DiskFullError, LibraryLockedError
        The file cannot be used.
    """

    def __init__(self, folder: Path, wait_s: float) -> None:
        self.path = folder / NAME
        self._wait_s = wait_s
        self._connections = Connections(
            self.path, wait_s, ["PRAGMA synchronous = FULL"], named=True
        )
        with _told(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # SQLite gives the files beside it the mode of this one.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend this thread's connection."""
        with _told(self.path), self._connections.lent() as connection:
            yield connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Lend this thread's connection in a transaction: durable at the end, or undone."""
        with _told(self.path), self._connections.transaction() as connection:
            yield connection

    def close(self) -> None:
        """Close every thread's connection."""
        with _told(self.path):
            self._connections.close()

    def _prepare(self) -> None:
        if self._version() == 0:
            self._create()
        version = self._version()
        if version != FORMAT:
            message = (
                f"{self.path} has format {version}, this earmark reads {FORMAT}; use the version "
                "that wrote it, or move the file away and add the keys again"
            )
            raise LibraryVersionError(message)

    def _create(self) -> None:
        with _told(self.path):
            try:
                # Changing the journal's mode does not wait for another process; this lock does.
                with FileLock(self.path.with_name(LOCK_NAME), timeout=self._wait_s):
                    if self._connections.version() != 0 or not self._connections.empty():
                        return
                    self._connections.mine().execute("PRAGMA journal_mode = WAL")
                    with self._connections.transaction() as connection:
                        for statement in _TABLES:
                            connection.execute(statement)
            except Timeout as error:
                message = (
                    f"{self.path} is being made by another process; waited {self._wait_s:g} s, "
                    "try again later"
                )
                raise LibraryLockedError(message) from error

    def _version(self) -> int:
        with _told(self.path):
            return self._connections.version()


@contextmanager
def _told(place: Path) -> Iterator[None]:
    """Turn errors of the file into store errors; `earmark doctor` does not mend a ledger."""
    try:
        with translated(place):
            yield
    except DamagedIndexError as error:
        message = (
            f"{place} is damaged; move it away and add the keys again: keys, jobs and verdicts "
            "are lost, tracks are not"
        )
        raise DamagedIndexError(message) from error
