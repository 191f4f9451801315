"""How jobs stand, pushed from their thread to those who watch: a slow one gets the newest."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

from earmark.errors import BusyError
from earmark.ports.ledger import JobRecord

MOST_READERS = 256


class Reader:
    """One who watches a job, on the event loop on which it was made."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        self._loop = asyncio.get_running_loop()
        self._told = asyncio.Event()
        self._lock = threading.Lock()
        self._newest: JobRecord | None = None
        self._closed = False

    async def newer(self) -> JobRecord | None:
        """Wait for how the job stands now; None where nothing comes any more."""
        await self._told.wait()
        with self._lock:
            self._told.clear()
            newest, self._newest = self._newest, None
            if newest is None:  # closed
                self._told.set()
            return newest

    def push(self, record: JobRecord | None) -> None:
        """Leave a record in place of an older one, or None: the end. From any thread."""
        with self._lock:
            if self._closed:
                return
            waits = self._newest is not None
            self._closed = record is None
            self._newest = record or self._newest
        if not waits or record is None:
            with suppress(RuntimeError):  # the loop has ended, and whoever watched with it
                self._loop.call_soon_threadsafe(self._told.set)


class Feed:
    """Who watches which job."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers: set[Reader] = set()
        self._closed = False

    def require_room(self) -> None:
        """Raise `BusyError` where too many watch."""
        if len(self._readers) >= MOST_READERS:
            message = f"{MOST_READERS} watch jobs already; ask for the job itself instead"
            raise BusyError(message, retry_after_s=5.0)

    def join(self, job_id: str) -> Reader:
        """Let somebody watch a job."""
        reader = Reader(job_id)
        with self._lock:
            self._readers.add(reader)
            closed = self._closed
        if closed:
            reader.push(None)
        return reader

    def leave(self, reader: Reader) -> None:
        """Forget who watched."""
        with self._lock:
            self._readers.discard(reader)

    def push(self, record: JobRecord) -> None:
        """Tell those who watch a job."""
        with self._lock:
            readers = [reader for reader in self._readers if reader.job_id == record.id]
        for reader in readers:
            reader.push(record)

    def close(self) -> None:
        """Tell everybody that nothing comes any more."""
        with self._lock:
            self._closed = True
            readers = list(self._readers)
        for reader in readers:
            reader.push(None)
