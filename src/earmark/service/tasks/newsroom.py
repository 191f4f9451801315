"""What monitoring finds, told to those who watch: at once from here, a second later from others."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal

from earmark.errors import BusyError, EarmarkError
from earmark.monitor.streambook import stream_shape
from earmark.ports import Entry, MonitorStore, Stream, Wanted
from earmark.service.answering.detectionshapes import entry_shape

MOST_READERS = 256
LOOK_EVERY_S = 1.0
MOST_WAITING = 1000
LOOKED_AT = 100
"""So many of the latest detections are compared with what was told of them."""

NewsKind = Literal["open", "update", "close", "decided", "gone", "gap", "outage", "state", "level"]
_OFTEN = 5.0


@dataclass(frozen=True, slots=True)
class News:
    """One event: of ``origin`` (``stream:ID``, ``scan:ID``), with JSON.

    ``key`` names what it is about: who reads slowly gets the newest of each only.
    """

    kind: NewsKind
    origin: str
    key: str
    data: Mapping[str, Any]


def of_entry(entry: Entry, kind: NewsKind) -> News:
    """Return the news that an entry was found, changed or decided."""
    return News(kind, entry.origin, f"entry {entry.id}", entry_shape(entry))


def of_stream(stream: Stream) -> News:
    """Return the news of how a stream goes."""
    return News("state", f"stream:{stream.id}", f"state {stream.id}", stream_shape(stream))


class NewsReader:
    """One who watches, on the event loop on which it was made."""

    def __init__(self, wants: Callable[[News], bool]) -> None:
        self.wants = wants
        self._loop = asyncio.get_running_loop()
        self._told = asyncio.Event()
        self._lock = threading.Lock()
        self._waiting: OrderedDict[str, News] = OrderedDict()
        self._closed = False

    async def take(self) -> list[News] | None:
        """Wait for news and return all; None where nothing comes any more."""
        await self._told.wait()
        with self._lock:
            found = list(self._waiting.values())
            self._waiting.clear()
            if not self._closed:
                self._told.clear()
            # It may be told of what was taken a moment ago.
            return None if self._closed and not found else found

    def push(self, news: News | None) -> None:
        """Leave news in place of older ones about the same, or None: the end. From any thread."""
        with self._lock:
            if news is None:
                self._closed = True
            else:
                self._waiting[news.key] = news
                if len(self._waiting) > MOST_WAITING:
                    self._waiting.popitem(last=False)
        with suppress(RuntimeError):  # the loop has ended, and whoever watched with it
            self._loop.call_soon_threadsafe(self._told.set)


class Newsroom:
    """Who watches, what was told last, and looks at what other processes have written.

    Parameters
    ----------
    store
        Returns the store to look at, once it is open.
    """

    def __init__(self, store: Callable[[], MonitorStore]) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._looking = threading.Lock()
        self._readers: set[NewsReader] = set()
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._streams: dict[str, Stream] = {}
        self._looked_s = -1e9
        self._closed = False
        self.counted: Callable[[Entry], None] | None = None
        """Told of every detection that closes here."""

    def require_room(self) -> None:
        """Raise `BusyError` where too many watch."""
        if len(self._readers) >= MOST_READERS:
            message = f"{MOST_READERS} watch already; ask for the list itself instead"
            raise BusyError(message, retry_after_s=_OFTEN)

    async def watch(
        self, wants: Callable[[News], bool], first: Callable[[], list[News]] | None = None
    ) -> AsyncIterator[News]:
        """Yield what is wanted as it comes, until the service goes down.

        Parameters
        ----------
        first
            Returns what is told before: how things stand. It is called in a thread.
        """
        reader = NewsReader(wants)
        with self._lock:
            self._readers.add(reader)
            if self._closed:
                reader.push(None)
        try:
            await asyncio.to_thread(self.look)
            for news in await asyncio.to_thread(first) if first is not None else ():
                yield news
            while True:
                found: list[News] | None = []
                with suppress(TimeoutError):
                    found = await asyncio.wait_for(reader.take(), LOOK_EVERY_S)
                if found is None:
                    return
                for news in found:
                    yield news
                if time.monotonic() - self._looked_s >= LOOK_EVERY_S:
                    await asyncio.to_thread(self.look)
        finally:
            with self._lock:
                self._readers.discard(reader)

    def entry(self, entry: Entry, kind: NewsKind) -> None:
        """Tell of an entry that was found, changed or decided here."""
        with self._lock:
            self._know(entry)
        if kind == "close" and self.counted is not None:
            self.counted(entry)
        self.push(of_entry(entry, kind))

    def stream(self, stream: Stream) -> None:
        """Tell how a stream goes that runs here, or was changed here."""
        with self._lock:
            self._streams[stream.id] = stream
        self.push(of_stream(stream))

    def push(self, news: News) -> None:
        """Tell those who want it."""
        with self._lock:
            readers = [reader for reader in self._readers if reader.wants(news)]
        for reader in readers:
            reader.push(news)

    def look(self) -> None:
        """Tell what others have written since the last look; nobody may have looked for long."""
        with self._looking:
            now_s = time.monotonic()
            if now_s - self._looked_s < LOOK_EVERY_S:
                return
            fresh = now_s - self._looked_s < _OFTEN * LOOK_EVERY_S
            self._looked_s = now_s
            with suppress(EarmarkError):  # the store is away; it will be looked at again
                store = self._store()
                found = [
                    *self._new_entries(store.entries(Wanted(), limit=LOOKED_AT)),
                    *self._new_streams(store.streams()),
                ]
                for news in found if fresh else ():  # who begins to watch is told how all stands
                    self.push(news)

    def close(self) -> None:
        """Tell everybody that nothing comes any more."""
        with self._lock:
            self._closed = True
            readers = list(self._readers)
        for reader in readers:
            reader.push(None)

    def _new_entries(self, entries: list[Entry]) -> list[News]:
        found = []
        with self._lock:
            for entry in reversed(entries):
                known = self._entries.get(entry.id)
                if known is None or _rank(entry) > _rank(known):
                    found.append(of_entry(entry, _kind(entry, known)))
                    self._know(entry)
        return found

    def _new_streams(self, streams: list[Stream]) -> list[News]:
        with self._lock:
            before, self._streams = self._streams, {stream.id: stream for stream in streams}
        found = [
            of_stream(stream)
            for stream in streams
            if stream.id not in before or _going(stream) != _going(before[stream.id])
        ]
        for gone in before.keys() - self._streams.keys():
            found.append(gone_stream(gone))
        return found

    def _know(self, entry: Entry) -> None:
        self._entries[entry.id] = entry
        self._entries.move_to_end(entry.id)
        if len(self._entries) > 4 * LOOKED_AT:
            self._entries.popitem(last=False)


def gone_stream(stream_id: str) -> News:
    """Return the news that a stream was forgotten."""
    return News("gone", f"stream:{stream_id}", f"state {stream_id}", {"id": stream_id})


def _kind(entry: Entry, known: Entry | None) -> NewsKind:
    if known is not None and len(entry.decisions) > len(known.decisions):
        return "decided"
    if not entry.detection.open:
        return "close"
    return "open" if known is None else "update"


def _rank(entry: Entry) -> tuple[int, bool, float]:
    """Order an entry's states: what is looked up a moment late does not count as news."""
    return len(entry.decisions), not entry.detection.open, entry.detection.end_s


def _going(stream: Stream) -> Stream:
    """Return what of a stream is news when it changes: not that it was heard a little longer."""
    return replace(stream, heard_s=0.0, state_at=0.0)
