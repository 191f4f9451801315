"""One stream, watched for as long as it goes: heard, written down, told."""

from __future__ import annotations

import math
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from earmark.errors import EarmarkError, StoreError
from earmark.monitor.book import Book
from earmark.monitor.feed import CHANCE, Away, Feed, Heard, Opening, Turn, live_opening
from earmark.monitor.rejoining import Rejoin
from earmark.monitor.session import Monitor
from earmark.monitor.timeline import Gap, Happening
from earmark.monitor.wallclock import Zero
from earmark.monitor.watching import WatchEvent, WatchKind
from earmark.ports import Detection, Entry, Outage, Stream, StreamState
from earmark.types import Samples
from earmark.units import amplitude_to_db

if TYPE_CHECKING:
    from earmark.audio.fetch import FetchLimits
    from earmark.library import Library
    from earmark.monitor.desk import Desk
    from earmark.monitor.options import MonitorOptions

Listener = Callable[[WatchEvent], object]
_WEBHOOKS: tuple[StreamState, ...] = ("live", "down", "ended", "stopped", "failed")
_KINDS: Mapping[str, WatchKind] = {"open": "opened", "update": "updated", "close": "closed"}


class Watch:
    """Watches one stream until it ends or is stopped; made once, run once.

    Parameters
    ----------
    library
        What to look for.
    desk
        Where detections and outages are written down and webhooks are told; None keeps nothing.
    stream
        What to watch; one that the desk does not know is put there.
    options
        How to listen.
    opening
        Told a rate, returns what opens the source; None: the stream's address
        (`feed.live_opening`).
    limits
        What may be opened, where ``opening`` is None.
    insist
        Whether to go on where not even the first connection succeeds.
    listeners
        Called with every event, in the thread that runs; they must not wait.
    clock, wait, chance
        See `Feed`.

    Attributes
    ----------
    stream : Stream
        The stream and how it goes.
    """

    def __init__(
        self,
        library: Library,
        desk: Desk | None,
        stream: Stream,
        options: MonitorOptions | None = None,
        *,
        opening: Callable[[int], Opening] | None = None,
        limits: FetchLimits | None = None,
        insist: bool = True,
        listeners: Iterable[Listener] = (),
        clock: Callable[[], float] = time.time,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
        chance: Callable[[], float] = CHANCE,
    ) -> None:
        self.stream = stream
        self._clock = clock
        self._book = Book(desk, stream)
        self._monitor = Monitor(library, options, name=stream.name)
        rate_hz = self._monitor.rate_hz
        self._feed = Feed(
            opening(rate_hz) if opening else live_opening(stream.url, rate_hz, limits),
            rate_hz,
            insist=insist,
            clock=clock,
            wait=wait,
            chance=chance,
        )
        self._listeners = tuple(listeners)
        self._zero: Zero | None = None
        self._outage: Outage | None = None
        self._deaf = False

    def run(self, stop: threading.Event) -> None:
        """Watch until the source ends or ``stop`` is set; what is open is closed then.

        Raises
        ------
        UsageError
            The address can never be watched, or the library cannot be followed.
        InputError
            What is not live broke off, or the first connection failed and it is not insisted.
        StoreError
            The desk cannot be used at the start. Later it may come and go.
        """
        for event in self.events(stop):
            for listener in self._listeners:
                listener(event)

    def events(self, stop: threading.Event) -> Iterator[WatchEvent]:
        """Yield what happens, as `run` tells it to listeners; raises the same."""
        now = self._clock()
        known, absence = self._book.take_up(self.stream, now)
        self.stream = replace(self.stream, heard_s=known.heard_s, reconnects=known.reconnects)
        if absence is not None:
            yield self._event("outage", outage=absence)
        last: StreamState = "stopped"
        trouble: Exception | None = None
        try:
            yield from self._follow(stop)
            last = "stopped" if stop.is_set() else "ended"
        except Exception as error:  # told below, once everything is closed
            last, trouble = "failed", error
        except BaseException:  # nobody looks on any more
            list(self._over("stopped", ""))
            raise
        yield from self._over(last, "" if trouble is None else _sentence(trouble))
        if trouble is not None:
            raise trouble

    def _follow(self, stop: threading.Event) -> Iterator[WatchEvent]:
        rejoin = Rejoin(self._monitor.rate_hz, self._monitor.newest)
        for what in rejoin.run(self._feed.run(stop)):
            if isinstance(what, Heard):
                yield from self._heard(what)
            elif isinstance(what, Away):
                yield from self._away(what)
            elif what.state != "ended":
                yield from self._turned(what)

    def _heard(self, block: Heard) -> Iterator[WatchEvent]:
        length_s = len(block.samples) / self._monitor.rate_hz
        happenings, error = list[Happening](), ""
        try:
            if self._deaf:
                happenings += self._monitor.outage(0.0)
            happenings += self._monitor.feed(block.samples)
            self._deaf = False
        except StoreError as trouble:  # the library is away: time goes on, then all begins anew
            self._deaf, error = True, trouble.message
        if self._zero is not None:
            self._zero.arrived(block.at, self._monitor.heard_s)
        self.stream = replace(self.stream, heard_s=self.stream.heard_s + length_s, error=error)
        yield from self._told(happenings)
        self._note(block.at)
        yield self._event("level", level_dbfs=_level_dbfs(block.samples))

    def _turned(self, turn: Turn) -> Iterator[WatchEvent]:
        if turn.state == "live":
            if self._zero is None:
                self._zero = Zero(turn.at, follows=turn.clocked)
            else:
                self.stream = replace(self.stream, reconnects=self.stream.reconnects + 1)
        elif self._outage is not None:
            away_s = turn.at - self._outage.since
            # A clock that was set back meanwhile does not tell how long it was.
            yield from self._told(self._monitor.still_away(away_s if away_s >= 0.0 else math.inf))
        yield from self._state(turn.state, turn.error, turn.at)

    def _away(self, away: Away) -> Iterator[WatchEvent]:
        """Let what is open wait as the source goes; let time go on to where it is back."""
        stream_id = self.stream.id
        if self._outage is None:
            self._outage = Outage(uuid.uuid4().hex, stream_id, away.since, None, away.reason)
            yield from self._told(self._monitor.outage(0.0, outlasted=True))
        if away.until is not None:
            if self._zero is not None:
                behind_s = away.until - self._zero.at - self._monitor.heard_s
                if behind_s > 0.0:
                    yield from self._told(self._monitor.outage(behind_s, outlasted=True))
            self._outage = replace(self._outage, until=away.until)
        self._book.outage(self._outage, self._clock())
        yield self._event("outage", outage=self._outage)
        if away.until is not None:
            self._outage = None

    def _over(self, state: StreamState, error: str) -> Iterator[WatchEvent]:
        """Close everything: the source has ended, or nobody wants to hear it any more."""
        now = self._clock()
        try:
            happenings = self._monitor.finish()
        except StoreError as trouble:
            happenings, error = self._monitor.give_up(), error or trouble.message
        yield from self._told(happenings)
        if self._outage is not None:
            # The clock may have been set back.
            self._outage = replace(self._outage, until=max(self._outage.since, now))
            self._book.outage(self._outage, now)
            yield self._event("outage", outage=self._outage)
        yield from self._state(state, error, now)
        self._book.close(now)

    def _state(self, state: StreamState, error: str, now: float) -> Iterator[WatchEvent]:
        self.stream = replace(self.stream, state=state, error=error)
        self._note(now, at_once=True)
        event = self._event("state")
        if state in _WEBHOOKS:
            self._book.tell(f"stream.{state}", {"stream": _shape(self.stream)}, now)
        yield event

    def _note(self, now: float, *, at_once: bool = False) -> None:
        self.stream = replace(self.stream, state_at=now)
        self._book.stream(self.stream, now, at_once=at_once)

    def _told(self, happenings: Iterable[Happening]) -> Iterator[WatchEvent]:
        zero_at = self._clock() if self._zero is None else self._zero.at
        for happening in happenings:
            if happening.gap is not None:
                began_at = zero_at + happening.gap.span.start_s
                yield self._event("gap", began_at=began_at, gap=happening.gap)
            if happening.detection is None:
                continue
            wanted, entry = self._book.log(happening, zero_at, self._clock())
            if wanted:
                yield self._event(
                    _KINDS[happening.kind],
                    began_at=zero_at + happening.detection.start_s,
                    detection=happening.detection,
                    entry=entry,
                )

    def _event(
        self,
        kind: WatchKind,
        *,
        began_at: float = 0.0,
        detection: Detection | None = None,
        entry: Entry | None = None,
        gap: Gap | None = None,
        outage: Outage | None = None,
        level_dbfs: float | None = None,
    ) -> WatchEvent:
        at = self._clock()
        return WatchEvent(
            kind, at, self.stream, began_at, detection, entry, gap, outage, level_dbfs
        )


def _level_dbfs(samples: Samples) -> float:
    mean = float(np.mean(np.square(samples, dtype=np.float64))) if len(samples) else 0.0
    return amplitude_to_db(math.sqrt(mean))


def _sentence(trouble: Exception) -> str:
    return trouble.message if isinstance(trouble, EarmarkError) else repr(trouble)


def _shape(stream: Stream) -> dict[str, object]:
    """Return what webhooks are told of a stream: not its address, which may hold a password."""
    return {
        "id": stream.id,
        "name": stream.name,
        "state": stream.state,
        "at": round(stream.state_at, 3),
        "heard_s": round(stream.heard_s, 1),
        "reconnects": stream.reconnects,
        "error": stream.error,
    }
