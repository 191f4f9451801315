"""Which process watches a stream of a library in a folder: a lock on a file for each stream."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

from filelock import FileLock, Timeout

from earmark.stores.faults import translated

FOLDER_NAME = "streams"


class StreamLocks:
    """Holds streams by locks in ``folder``; the system lets them go where a process dies.

    Any thread may ask. The files stay: one that is deleted could be locked twice.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER_NAME
        self._lock = threading.Lock()
        self._held: dict[str, FileLock] = {}

    def hold(self, stream_id: str) -> bool:
        """Take a stream, or keep it; False where another living process has it.

        Raises
        ------
        StoreUnavailableError, DiskFullError
            The folder cannot be written to.
        """
        with self._lock:
            if stream_id in self._held:
                return True
            name = hashlib.sha256(stream_id.encode("utf-8", "surrogatepass")).hexdigest()[:16]
            path = self._folder / f"{name}.lock"
            with translated(path):
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                lock = FileLock(path, timeout=0.0, thread_local=False)
                try:
                    lock.acquire()
                except Timeout:
                    return False
            self._held[stream_id] = lock
            return True

    def let_go(self, stream_id: str) -> None:
        """Give a stream back, so that another process may take it at once."""
        with self._lock:
            lock = self._held.pop(stream_id, None)
        if lock is not None:
            lock.release()
