"""Monitoring as a service has it: the desk, its courier, the streams, and who watches."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from earmark.config import ServeSettings, Settings
from earmark.errors import EarmarkError, StoreUnavailableError
from earmark.library import Library
from earmark.monitor.housekeeping import Housekeeper
from earmark.monitor.webhooks import Courier
from earmark.ports import MonitorStore, Stream
from earmark.ports.ledger import Ledger
from earmark.service.bodies.media import MediaRoom
from earmark.service.tasks.leases import leases_for
from earmark.service.tasks.newsroom import Newsroom
from earmark.service.tasks.scanwork import Scans
from earmark.service.tasks.streams import StreamRunner
from earmark.service.tasks.tolddesk import ToldDesk
from earmark.service.tasks.watching import watch

if TYPE_CHECKING:
    from earmark.service.metrics import Metrics

EVIDENCE = "evidence"
"""Where clips lie in the folder that all services of a shared library share."""
MOST_COUNTED = 1000


def open_desk(library: Library, settings: Settings, media: MediaRoom) -> ToldDesk:
    """Open a library's desk, its evidence where all services and workers of it find it.

    Raises
    ------
    StoreError
        What is kept cannot be used.
    """
    evidence = str(media.folder / EVIDENCE) if library.shared else None
    desk = ToldDesk.open(library, settings, evidence)
    assert isinstance(desk, ToldDesk)  # noqa: S101 - `open` makes what it is called on
    return desk


class Monitoring:
    """What starts and stops with a service; `open` opens the desk, once."""

    def __init__(
        self,
        library: Library,
        ledger: Ledger,
        options: ServeSettings,
        settings: Settings,
        media: MediaRoom,
    ) -> None:
        self._library = library
        self._options = options
        self._settings = settings
        self._media = media
        self._lock = threading.Lock()
        self._desk: ToldDesk | None = None
        self._courier: Courier | None = None
        self._housekeeper: Housekeeper | None = None
        self.news = Newsroom(self._store)
        self.scans = Scans(library, options, settings, media, lambda: self.desk)
        self.streams = StreamRunner(
            self._store,
            self._watch,
            leases_for(library, ledger),
            most=options.streams,
        )

    @property
    def desk(self) -> ToldDesk:
        """The desk, once it is open."""
        if self._desk is None:
            message = "monitoring is not open yet; ask again in a moment"
            raise StoreUnavailableError(message)
        return self._desk

    def open(self) -> None:
        """Open the desk; raises `StoreError` where what is kept cannot be used."""
        with self._lock:
            if self._desk is None:
                desk = open_desk(self._library, self._settings, self._media)
                desk.news = self.news
                self._desk = desk

    def start(self) -> None:
        """Begin to watch what is wanted, to deliver what webhooks are to be told, and to prune."""
        self.open()
        self._courier = Courier(self.desk)
        self._courier.start()
        self._housekeeper = Housekeeper(self.desk)
        self._housekeeper.start()
        self.streams.start()

    def hush(self) -> None:
        """Let those go who watch over HTTP, and begin nothing more."""
        self.news.close()
        self.streams.close()

    def stop(self, grace_s: float) -> None:
        """End every stream and the courier; what was found is kept."""
        until_s = time.monotonic() + grace_s
        self.hush()
        self.streams.stop(grace_s)
        if self._housekeeper is not None:
            self._housekeeper.stop(max(1.0, until_s - time.monotonic()))
        if self._courier is not None:
            self._courier.stop(max(1.0, until_s - time.monotonic()))

    def close(self) -> None:
        """Release files and connections."""
        with self._lock:
            if self._desk is not None:
                self._desk.close()

    def show(self, metrics: Metrics) -> None:
        """Let metrics ask for what is going on."""
        metrics.gauge("streams_live", "Streams that are heard.", lambda: self._count("live"))
        metrics.gauge("streams_down", "Streams that say nothing.", lambda: self._count("down"))
        metrics.gauge(
            "streams_here", "Streams that this service runs.", lambda: len(self.streams.running)
        )
        for state in ("pending", "dead"):
            metrics.gauge(
                f"webhook_deliveries_{state}",
                f"Deliveries of webhooks that are {state}; {MOST_COUNTED} are counted at most.",
                lambda state=state: self._deliveries(state),  # type: ignore[misc]
            )
        self.news.counted = metrics.detected

    def _count(self, state: str) -> float:
        with suppress(EarmarkError):
            return sum(stream.state == state for stream in self._store().streams())
        return float("nan")

    def _deliveries(self, state: str) -> float:
        with suppress(EarmarkError):
            return len(self._store().deliveries(None, (state,), limit=MOST_COUNTED))  # type: ignore[arg-type]
        return float("nan")

    def _store(self) -> MonitorStore:
        return self.desk.store

    def _watch(self, stream: Stream, stop: threading.Event) -> None:
        watch(self._library, self.desk, stream, self._options, self.news, stop)
