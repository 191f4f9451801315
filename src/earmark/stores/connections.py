"""One SQLite connection for each thread, and transactions on it."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

CLOSE_S = 5.0
"""How long `Connections.close` waits for other threads to be done."""


@dataclass(slots=True)
class _Held:
    """A connection, and how many pieces of work use it now."""

    connection: sqlite3.Connection
    uses: int = 0


class Connections:
    """Connections to one file, opened when a thread first asks; errors are SQLite's own.

    Parameters
    ----------
    wait_s
        How long a connection waits for another's lock.
    pragmas
        What is executed on each new one.
    named
        Rows are read by the names of their columns too.
    """

    def __init__(
        self, path: Path, wait_s: float, pragmas: Sequence[str], *, named: bool = False
    ) -> None:
        self._path = path
        self._wait_s = wait_s
        self._pragmas = tuple(pragmas)
        self._named = named
        self._own = threading.local()
        self._all: dict[threading.Thread, _Held] = {}
        self._guard = threading.Condition()
        self._closed = False

    def mine(self) -> sqlite3.Connection:
        """Return this thread's connection; what may run while others close wants `lent`."""
        return self._mine().connection

    @contextmanager
    def lent(self) -> Iterator[sqlite3.Connection]:
        """Lend this thread's connection: `close` waits until it is given back.

        To close one over which another thread is at work brings the whole process down.
        """
        held = self._mine()
        with self._guard:
            self._require_open()
            held.uses += 1
        try:
            yield held.connection
        finally:
            with self._guard:
                held.uses -= 1
                self._guard.notify_all()

    @contextmanager
    def transaction(self, last: str | None = None) -> Iterator[sqlite3.Connection]:
        """Lend this thread's connection in a transaction, which ends with the statement ``last``.

        Durable at the end, or undone.
        """
        with self.lent() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                if last is not None:
                    connection.execute(last)
                connection.execute("COMMIT")
            except BaseException:
                # SQLite has undone it already where the disk was the trouble.
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

    def version(self) -> int:
        """Return the number that the file's format has; 0 of a new one."""
        return int(self.mine().execute("PRAGMA user_version").fetchone()[0])

    def empty(self) -> bool:
        """Whether the file has no table yet."""
        return not self.mine().execute("SELECT count(*) FROM sqlite_master").fetchone()[0]

    def close(self) -> None:
        """Close every thread's connection; none is given out any more.

        One that a thread will not give back ends with that thread.
        """
        until = time.monotonic() + CLOSE_S
        with self._guard:
            self._closed = True
            while self._all:
                thread, held = self._all.popitem()
                if thread is not threading.current_thread():
                    left_s = max(0.0, until - time.monotonic())
                    self._guard.wait_for(lambda held=held: not held.uses, left_s)  # type: ignore[misc]
                    if held.uses:
                        continue
                held.connection.close()

    def _mine(self) -> _Held:
        self._require_open()
        held: _Held | None = getattr(self._own, "held", None)
        if held is None:
            # Not only this thread may close it: close() does, and whoever comes after its end.
            connection = sqlite3.connect(
                self._path, timeout=self._wait_s, isolation_level=None, check_same_thread=False
            )
            try:
                if self._named:
                    connection.row_factory = sqlite3.Row
                for pragma in self._pragmas:
                    connection.execute(pragma)
                self._keep(held := _Held(connection))
            except BaseException:
                connection.close()
                raise
            self._own.held = held
        return held

    def _require_open(self) -> None:
        if self._closed:
            message = f"{self._path} is closed"
            raise sqlite3.ProgrammingError(message)

    def _keep(self, held: _Held) -> None:
        with self._guard:
            self._require_open()
            for thread in [thread for thread in self._all if not thread.is_alive()]:
                self._all.pop(thread).connection.close()
            stale = self._all.pop(threading.current_thread(), None)
            if stale is not None:
                stale.connection.close()
            self._all[threading.current_thread()] = held
