"""The truth's database: its tables, and connections on which every error is earmark's own."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from earmark.errors import LibraryLockedError, LibraryNotFoundError, LibraryVersionError
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
        self._mine = threading.local()
        self._all: dict[threading.Thread, sqlite3.Connection] = {}
        self._guard = threading.Lock()
        self._closed = False
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
        with translated(self.path):
            yield self._connection()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Lend this thread's connection in a transaction: durable at the end, or undone."""
        with self.writing(), translated(self.path):
            connection = self._connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("UPDATE meta SET revision = revision + 1")
                connection.execute("COMMIT")
            except BaseException:
                # SQLite has undone it already where the disk was the trouble.
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close every thread's connection."""
        with self._guard, translated(self.path):
            self._closed = True
            while self._all:
                self._all.popitem()[1].close()

    def _connection(self) -> sqlite3.Connection:
        if self._closed:
            message = "the store is closed"
            raise sqlite3.ProgrammingError(message)
        connection: sqlite3.Connection | None = getattr(self._mine, "connection", None)
        if connection is None:
            # Not only this thread may close it: close() does, and whoever comes after its end.
            connection = sqlite3.connect(
                self.path, timeout=self._wait_s, isolation_level=None, check_same_thread=False
            )
            self._keep(connection)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            self._mine.connection = connection
        return connection

    def _keep(self, connection: sqlite3.Connection) -> None:
        with self._guard:
            for thread in [thread for thread in self._all if not thread.is_alive()]:
                self._all.pop(thread).close()
            stale = self._all.pop(threading.current_thread(), None)
            if stale is not None:
                stale.close()
            self._all[threading.current_thread()] = connection

    def _prepare(self) -> None:
        if self._version() == 0:
            with self.writing(), translated(self.path):
                connection = self._connection()
                if self._version() == 0 and not self._tables():
                    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
                    connection.execute("PRAGMA journal_mode = WAL")
                    connection.execute("BEGIN IMMEDIATE")
                    for statement in _TABLES:
                        connection.execute(statement)
                    connection.execute("COMMIT")
        version = self._version()
        if version != FORMAT:
            message = (
                f"{self.path} has format {version}, this earmark reads {FORMAT}; use the version "
                "that wrote it, or `earmark export` there and `earmark import` here"
            )
            raise LibraryVersionError(message)

    def _version(self) -> int:
        with self.reading() as connection:
            return int(connection.execute("PRAGMA user_version").fetchone()[0])

    def _tables(self) -> int:
        with self.reading() as connection:
            return int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
