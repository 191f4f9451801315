"""Runs every stream that is wanted, each in a thread, for as long as it is wanted and ours."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from earmark.errors import EarmarkError
from earmark.ports import MonitorStore, Stream
from earmark.service.tasks.leases import LEASE_S, StreamLeases

log = logging.getLogger("earmark.streams")

LOOK_EVERY_S = 1.0
RETRY_S = 5.0
ABANDON_S = 5.0
QUIET_S = 90.0
"""A stream of which nothing was told for so long does not run: `earmark watch URL` holds none."""
_GOING = frozenset({"connecting", "live", "down"})

Run = Callable[[Stream, threading.Event], None]


@dataclass(slots=True)
class _Running:
    """A stream that runs here, as it was asked for when it began."""

    asked: tuple[object, ...]
    thread: threading.Thread
    stop: threading.Event = field(default_factory=threading.Event)


class StreamRunner:
    """Follows the streams of a store.

    Parameters
    ----------
    store
        Returns the store, once it is open.
    run
        Watches one stream until its event is set, or the stream is over.
    leases
        Says which streams are this service's.
    most
        How many run at once.
    only
        The ids of streams that are run, whether they are switched on or not, and no others; None:
        all that are switched on.
    """

    def __init__(
        self,
        store: Callable[[], MonitorStore],
        run: Run,
        leases: StreamLeases,
        *,
        most: int,
        only: frozenset[str] | None = None,
        lease_s: float | None = None,
    ) -> None:
        self._store = store
        self._run = run
        self._leases = leases
        self._most = most
        self._only = only
        self._lease_s = LEASE_S if lease_s is None else lease_s
        self._closing = threading.Event()
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._running: dict[str, _Running] = {}
        self._again_s: dict[str, float] = {}
        self._told_full = False
        self._tried: set[str] = set()
        self._thread = threading.Thread(target=self._loop, name="earmark-streams", daemon=True)

    def start(self) -> None:
        """Begin with every stream that is wanted."""
        self._thread.start()

    def close(self) -> None:
        """Tell every stream to end, and begin none any more; `stop` waits for that."""
        self._closing.set()
        self._wake.set()
        with self._lock:
            for one in self._running.values():
                one.stop.set()

    def stop(self, grace_s: float) -> None:
        """End every stream as if it had ended, and wait for that; what is found by then is kept."""
        self.close()
        until_s = time.monotonic() + max(grace_s, ABANDON_S)
        if self._thread.is_alive():
            self._thread.join(ABANDON_S)
        self.close()  # what was about to begin
        with self._lock:
            running = list(self._running.items())
        for stream_id, one in running:
            one.thread.join(max(0.0, until_s - time.monotonic()))
            if one.thread.is_alive():
                log.warning("the stream %s does not end; it is left alone", stream_id)

    def wake(self) -> None:
        """Look at the streams now: one was changed."""
        self._wake.set()

    @property
    def running(self) -> frozenset[str]:
        """The ids of the streams that run here."""
        with self._lock:
            return frozenset(self._running)

    def again(self, stream_id: str) -> None:
        """Let a stream begin at once that went wrong a moment ago."""
        with self._lock:
            self._again_s.pop(stream_id, None)
            self._tried.discard(stream_id)
        self._wake.set()

    def _loop(self) -> None:
        while not self._closing.is_set():
            self._wake.clear()
            try:
                self._keep()
                self._follow(self._asked_for(self._store().streams()))
            except EarmarkError as error:
                log.warning("the streams cannot be looked up: %s", error.message)
            except Exception:
                log.exception("a bug in the runner of streams")
            self._wake.wait(min(LOOK_EVERY_S, self._lease_s / 3))

    def _asked_for(self, streams: list[Stream]) -> list[Stream]:
        if self._only is None:
            return streams
        return [replace(one, wanted=True) for one in streams if one.id in self._only]

    def _keep(self) -> None:
        """Prolong the leases of what runs; what was lost to another service ends here."""
        with self._lock:
            running = list(self._running.items())
        for stream_id, one in running:
            if one.stop.is_set():
                continue
            try:
                held = self._leases.hold(stream_id)
            except EarmarkError:
                # Nobody else can take it either, until the ledger is back: to end here would lose
                # what is heard meanwhile, and what waits to be written down.
                continue
            if not held:
                log.warning("the stream %s is another service's now", stream_id)
                one.stop.set()

    def _follow(self, streams: list[Stream]) -> None:
        wanted = {s.id: s for s in streams if s.wanted and self._to_begin(s)}
        listed = {stream.id: stream for stream in streams}
        with self._lock:
            running = dict(self._running)
        for stream_id, one in running.items():
            stream = listed.get(stream_id)
            if stream is None or not stream.wanted or _asked(stream) != one.asked:
                one.stop.set()
        for stream in streams:
            if not stream.wanted and stream.id not in running and _left_going(stream):
                self._settle(stream)
        for stream_id, stream in wanted.items():
            if self._closing.is_set():
                return
            if stream_id not in running and self._may(stream_id, len(running)):
                running[stream_id] = self._begin(stream)

    def _to_begin(self, stream: Stream) -> bool:
        """Say no to a file that has ended, and to what has failed since this service began."""
        if stream.state == "failed":
            return stream.id not in self._tried
        return stream.state != "ended"

    def _settle(self, stream: Stream) -> None:
        """Write down that a stream does not run, where whoever ran it died."""
        if self._leases.hold(stream.id):
            self._store().tell_stream(replace(stream, state="stopped", state_at=time.time()))
            self._leases.let_go(stream.id)

    def _may(self, stream_id: str, count: int) -> bool:
        """Return whether a stream may begin here now."""
        if count >= self._most:
            if not self._told_full:
                log.warning("%d streams run already (EARMARK_SERVE_STREAMS); more wait", count)
            self._told_full = True
            return False
        self._told_full = False
        with self._lock:
            early = self._again_s.get(stream_id, 0.0) > time.monotonic()
        return not early and self._leases.hold(stream_id)

    def _begin(self, stream: Stream) -> _Running:
        stop = threading.Event()
        thread = threading.Thread(
            target=self._watch, args=(stream, stop), name=f"earmark-{stream.id}", daemon=True
        )
        one = _Running(_asked(stream), thread, stop)
        with self._lock:
            self._running[stream.id] = one
            self._tried.add(stream.id)
        log.info("the stream %s (%s) begins", stream.id, stream.name)
        thread.start()
        return one

    def _watch(self, stream: Stream, stop: threading.Event) -> None:
        """Run one stream; one that goes wrong begins again after a while."""
        try:
            self._run(stream, stop)
        except EarmarkError as error:
            log.warning("the stream %s (%s) stopped: %s", stream.id, stream.name, error.message)
        except Exception:
            log.exception("a bug in the stream %s", stream.id)
        finally:
            early = not stop.is_set()
            stop.set()  # from here on nobody prolongs the lease
            # Given back first: once it is not running any more, it may be taken, and begin, again.
            self._leases.let_go(stream.id)
            with self._lock:
                del self._running[stream.id]
                if early:
                    self._again_s[stream.id] = time.monotonic() + RETRY_S
            log.info("the stream %s ends", stream.id)
            self._wake.set()


def _left_going(stream: Stream) -> bool:
    """Return whether a stream is said to go on, and nobody has said so lately."""
    told_s = time.time() - stream.state_at
    return stream.state in _GOING and not 0.0 <= told_s < QUIET_S


def _asked(stream: Stream) -> tuple[object, ...]:
    """Return what a stream is begun anew for when it changes."""
    return stream.url, stream.name, _fixed(stream.options)


def _fixed(options: Mapping[str, Any]) -> tuple[object, ...]:
    return tuple(sorted((name, repr(value)) for name, value in options.items()))
