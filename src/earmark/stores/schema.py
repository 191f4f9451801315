"""The truth's database: its tables, and connections on which every error is earmark's own."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from earmark.errors import LibraryLockedError, LibraryNotFoundError, LibraryVersionError
from earmark.stores.connections import Connections
from earmark.stores.faults import translated

FORMAT = 1
NAME = "tracks.sqlite"
LOCK_NAME = "write.lock"
# A track's features are two to four blobs of 5 to 30 kB, and half a page is lost on each: measured
# with pages of 1, 4 and 8 kB, 3, 7 and 12 % over the blobs' own size, read in 44, 16 and 10 ms.
PAGE_BYTES = 4096

_TABLES = (
    "CREATE TABLE meta (revision INTEGER NOT NULL)",
    "INSERT INTO meta VALUES (0)",
    # AUTOINCREMENT: a number that was ever given is never given again.
    """CREATE TABLE audios (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        audio_id TEXT NOT NULL UNIQUE,
        duration_s REAL NOT NULL
    )""",
    """CREATE TABLE features (
        number INTEGER NOT NULL REFERENCES audios ON DELETE CASCADE,
        engine TEXT NOT NULL,
        digest TEXT NOT NULL,
        data BLOB NOT NULL,
        PRIMARY KEY (number, engine)
    )""",
    # source is UTF-8 in a BLOB: a file's name may hold bytes that are no text.
    """CREATE TABLE tracks (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        number INTEGER NOT NULL REFERENCES audios,
        source BLOB NOT NULL,
        content_id TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        modified_ns INTEGER NOT NULL,
        title TEXT NOT NULL,
        artist TEXT NOT NULL,
        album TEXT NOT NULL,
        tags TEXT NOT NULL,
        extra TEXT NOT NULL,
        added_at TEXT NOT NULL,
        search TEXT NOT NULL
    )""",
    "CREATE INDEX tracks_number ON tracks (number)",
    "CREATE INDEX tracks_source ON tracks (source)",
    "CREATE INDEX tracks_content ON tracks (content_id)",
    # Apart from tracks, so that listing does not wade through pictures.
    """CREATE TABLE covers (
        seq INTEGER PRIMARY KEY REFERENCES tracks ON DELETE CASCADE,
        data BLOB NOT NULL
    )""",
    f"PRAGMA user_version = {FORMAT}",
)


class Database:
    """One connection per thread, one writer at a time over all processes.

    Raises
    ------
    LibraryNotFoundError
        There is no library and ``create`` is False.
    LibraryVersionError
        Another version's format.
    """

    def __init__(self, folder: Path, lock_wait_s: float, create: bool) -> None:
        self.path = folder / NAME
        self._wait_s = lock_wait_s
        self._lock = FileLock(folder / LOCK_NAME)
        pragmas = ["PRAGMA synchronous = FULL", "PRAGMA foreign_keys = ON"]
        self._connections = Connections(self.path, lock_wait_s, pragmas)
        with translated(folder):
            if not create and not self.path.is_file():
                message = f"no library at {folder}; `earmark add` makes one"
                raise LibraryNotFoundError(message)
            folder.mkdir(parents=True, exist_ok=True)
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the writer's lock; re-entrant within a thread."""
        with translated(self.path.parent):
            try:
                self._lock.acquire(timeout=self._wait_s)
            except Timeout as error:
                message = (
                    f"{self.path.parent} is being written by another process; waited "
                    f"{self._wait_s:g} s, try again later or raise EARMARK_LOCK_WAIT_S"
                )
                raise LibraryLockedError(message) from error
        try:
            yield
        finally:
            self._lock.release()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend this thread's connection."""
        with translated(self.path), self._connections.lent() as connection:
            yield connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Lend this thread's connection in a transaction: durable at the end, or undone."""
        raised = "UPDATE meta SET revision = revision + 1"
        with (
            self.writing(),
            translated(self.path),
            self._connections.transaction(raised) as connection,
        ):
            yield connection

    def close(self) -> None:
        """Close every thread's connection."""
        with translated(self.path):
            self._connections.close()

    def _prepare(self) -> None:
        if self._version() == 0:
            with self.writing(), translated(self.path):
                if self._connections.version() == 0 and self._connections.empty():
                    connection = self._connections.mine()
                    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
                    connection.execute("PRAGMA journal_mode = WAL")
                    with self._connections.transaction():
                        for statement in _TABLES:
                            connection.execute(statement)
        version = self._version()
        if version != FORMAT:
            message = (
                f"{self.path} has format {version}, this earmark reads {FORMAT}; use the version "
                "that wrote it, or `earmark export` there and `earmark import` here"
            )
            raise LibraryVersionError(message)

    def _version(self) -> int:
        with translated(self.path):
            return self._connections.version()
