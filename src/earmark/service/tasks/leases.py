"""Who watches a stream: one process at a time, by a lock on a file or by a lease in Redis."""

from __future__ import annotations

import uuid
from typing import Protocol

from earmark.bootstrap import open_stream_locks
from earmark.errors import EarmarkError
from earmark.library import Library
from earmark.ports.ledger import Ledger, SharedLedger

LEASE_S = 15.0


class StreamLeases(Protocol):
    """Says which streams are this service's."""

    def hold(self, stream_id: str) -> bool:
        """Take a stream, or keep it; False where another living service has it."""

    def let_go(self, stream_id: str) -> None:
        """Give a stream back, so that another service may take it at once."""


def leases_for(library: Library, ledger: Ledger) -> StreamLeases:
    """Return what tells who watches a library's streams: services and `earmark watch --all`."""
    if isinstance(ledger, SharedLedger):
        return SharedStreams(ledger)
    return open_stream_locks(library.folder)


class OwnStreams:
    """Where nobody else watches: all streams are its own."""

    def hold(self, stream_id: str) -> bool:  # noqa: ARG002 - as the protocol says
        """Return True."""
        return True

    def let_go(self, stream_id: str) -> None:
        """Do nothing."""


class SharedStreams:
    """Leases in the ledger that all services of a library share; one that dies loses its own."""

    def __init__(self, ledger: SharedLedger, lease_s: float | None = None) -> None:
        self._ledger = ledger
        self._lease_s = LEASE_S if lease_s is None else lease_s
        self._holder = uuid.uuid4().hex

    def hold(self, stream_id: str) -> bool:
        """Take a stream, or keep it; False where another living service has it."""
        return self._ledger.hold(f"stream {stream_id}", self._holder, self._lease_s)

    def let_go(self, stream_id: str) -> None:
        """Give a stream back; where the ledger is away, the lease ends by itself."""
        try:
            self._ledger.let_go(f"stream {stream_id}", self._holder)
        except EarmarkError:
            return
