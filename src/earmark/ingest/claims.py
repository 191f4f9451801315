"""Work that several machines share: a source is analysed by whoever claims it first."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from earmark.ingest.crew import Patience
from earmark.ports import SharedTrackStore, TrackStore

AGAIN_S = 0.5
"""How long to leave a source that another process has claimed before looking again."""
_HERE: set[tuple[int, str]] = set()
"""What threads of this process hold, by store: to Redis they are one, and share their claims."""
_HERE_LOCK = threading.Lock()


class Claims:
    """The claims of one run; in a library that only this machine writes to, all are granted."""

    def __init__(self, tracks: TrackStore) -> None:
        self._store = tracks if isinstance(tracks, SharedTrackStore) else None

    @property
    def needed(self) -> bool:
        """Whether anybody else might claim."""
        return self._store is not None

    def take(self, source: str) -> bool:
        """Claim a source; False while another process works on it."""
        return self._store is None or self._store.claim([source])[0]

    def release(self, *sources: str) -> None:
        """Give sources back: they are in the library, or cannot be."""
        if self._store is not None and sources:
            self._store.release(sources)

    @contextmanager
    def held(self, source: str, patience: Patience) -> Iterator[None]:
        """Wait for a source, and hold it; other threads of this process wait, too.

        Raises
        ------
        StoppedError, TimedOutError
            There was no patience left.
        """
        while not self._take_here(source):
            patience.check()
            time.sleep(AGAIN_S)
        try:
            yield
        finally:
            try:
                self.release(source)
            finally:
                self._leave_here(source)

    def _take_here(self, source: str) -> bool:
        """Claim a source for this thread alone."""
        if self._store is None:
            return True
        with _HERE_LOCK:
            if (id(self._store), source) in _HERE:
                return False
            _HERE.add((id(self._store), source))
        taken = False
        try:
            taken = self.take(source)
        finally:
            if not taken:
                self._leave_here(source)
        return taken

    def _leave_here(self, source: str) -> None:
        with _HERE_LOCK:
            _HERE.discard((id(self._store), source))
