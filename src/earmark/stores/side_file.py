"""A database beside the library: one connection for each thread, each in WAL mode."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from earmark.errors import DamagedIndexError, LibraryLockedError, LibraryVersionError
from earmark.stores.connections import Connections
from earmark.stores.faults import translated


@dataclass(frozen=True, slots=True)
class SideSchema:
    """What such a file holds, and what people are told who cannot use theirs.

    ``begin_again`` is what to do once the file is out of the way; ``lost`` what went with it.
    """

    name: str
    lock_name: str
    format: int
    tables: tuple[str, ...]
    begin_again: str
    lost: str


class SideFile:
    """Connections to one file, which is made, for its owner only, where it is missing.

    Raises
    ------
    LibraryVersionError
        Another version's format.
    DamagedIndexError, StoreUnavailableError, DiskFullError, LibraryLockedError
        The file cannot be used.
    """

    def __init__(self, folder: Path, wait_s: float, schema: SideSchema) -> None:
        self.path = folder / schema.name
        self._schema = schema
        self._wait_s = wait_s
        self._connections = Connections(
            self.path, wait_s, ["PRAGMA synchronous = FULL"], named=True
        )
        with self._told(folder):
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
        with self._told(self.path), self._connections.lent() as connection:
            yield connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Lend this thread's connection in a transaction: durable at the end, or undone."""
        with self._told(self.path), self._connections.transaction() as connection:
            yield connection

    def close(self) -> None:
        """Close every thread's connection."""
        with self._told(self.path):
            self._connections.close()

    def _prepare(self) -> None:
        if self._version() == 0:
            self._create()
        version = self._version()
        if version != self._schema.format:
            message = (
                f"{self.path} has format {version}, this earmark reads {self._schema.format}; use "
                f"the version that wrote it, or move the file away and {self._schema.begin_again}"
            )
            raise LibraryVersionError(message)

    def _create(self) -> None:
        with self._told(self.path):
            try:
                # Changing the journal's mode does not wait for another process; this lock does.
                lock = FileLock(self.path.with_name(self._schema.lock_name), timeout=self._wait_s)
                with lock:
                    if self._connections.version() != 0 or not self._connections.empty():
                        return
                    self._connections.mine().execute("PRAGMA journal_mode = WAL")
                    with self._connections.transaction() as connection:
                        for statement in self._schema.tables:
                            connection.execute(statement)
                        connection.execute(f"PRAGMA user_version = {self._schema.format}")
            except Timeout as error:
                message = (
                    f"{self.path} is being made by another process; waited {self._wait_s:g} s, "
                    "try again later"
                )
                raise LibraryLockedError(message) from error

    def _version(self) -> int:
        with self._told(self.path):
            return self._connections.version()

    @contextmanager
    def _told(self, place: Path) -> Iterator[None]:
        """Turn errors of the file into store errors; `earmark doctor` does not mend such a file."""
        try:
            with translated(place):
                yield
        except DamagedIndexError as error:
            message = (
                f"{place} is damaged; move it away and {self._schema.begin_again}: "
                f"{self._schema.lost} are lost, tracks are not"
            )
            raise DamagedIndexError(message) from error
