"""Work off the event loop: a bounded pool whose pieces of work can be told to stop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from starlette.requests import Request

from earmark.errors import BusyError, ShuttingDownError, StoppedError, TimedOutError

Result = TypeVar("Result")

# How often a waiting request looks whether its client is still there.
LOOK_S = 0.25
# Weight of the newest piece of work in the estimate of how long one takes.
NEWEST = 0.1


class Workload:
    """A pool of ``threads`` with at most ``queue`` pieces of work waiting.

    Work that was given up (its time ran out, its client left) counts until its thread is free
    again, so that what runs and waits stays bounded whatever clients do.
    """

    def __init__(self, threads: int, queue: int, name: str = "work") -> None:
        self._threads = threads
        self._queue = queue
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"earmark-{name}")
        self._lock = threading.Lock()
        self._inside: dict[object, threading.Event] = {}
        self._usual_s = 0.1
        self._closes_at: float | None = None

    @property
    def running(self) -> int:
        """The pieces of work that have a thread."""
        return min(len(self._inside), self._threads)

    @property
    def waiting(self) -> int:
        """The pieces of work that wait for a thread."""
        return max(0, len(self._inside) - self._threads)

    @property
    def open(self) -> bool:
        """Whether nobody has asked to close."""
        return self._closes_at is None

    async def run(
        self,
        work: Callable[[threading.Event], Result],
        *,
        request: Request | None = None,
        timeout_s: float | None = None,
    ) -> Result:
        """Run ``work`` in a thread and return what it returns, or raise what it raises.

        Parameters
        ----------
        work
            Gets an event that is set when nobody wants its result any more.
        request
            Whose client is looked after; its body must have been read by now.
        timeout_s
            The most seconds to wait, in the queue and at work; None: any number.

        Raises
        ------
        BusyError
            The queue is full.
        TimedOutError
            It took longer than ``timeout_s``.
        StoppedError
            The client left.
        ShuttingDownError
            The service is going down.
        """
        stop = threading.Event()
        future = self._admit(work, stop)
        waited: asyncio.Future[Result] = asyncio.wrap_future(future)
        waited.add_done_callback(_seen)
        ends_at = None if timeout_s is None else time.monotonic() + timeout_s
        try:
            while True:
                left_s = min(LOOK_S, self._left_s(ends_at))
                if (await asyncio.wait({waited}, timeout=max(0.0, left_s)))[0]:
                    return waited.result()
                await self._look(request, ends_at, timeout_s)
        finally:
            if not future.done():
                stop.set()
                future.cancel()

    def close(self, grace_s: float = 0.0) -> None:
        """Go on for ``grace_s``, so that requests in hand end well; then tell all work to stop."""
        if self._closes_at is None:
            self._closes_at = time.monotonic() + grace_s

    def stop(self) -> None:
        """Tell all that is inside to stop, and let the threads go."""
        self._closes_at = time.monotonic()
        with self._lock:
            for event in self._inside.values():
                event.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _admit(
        self, work: Callable[[threading.Event], Result], stop: threading.Event
    ) -> Future[Result]:
        with self._lock:
            if self._closes_at is not None and time.monotonic() >= self._closes_at:
                raise ShuttingDownError("the service is going down; ask again in a moment")
            if len(self._inside) >= self._threads + self._queue:
                message = (
                    f"{self.waiting} requests are waiting already, more are not taken; ask again"
                )
                raise BusyError(message, self.waiting * self._usual_s / self._threads)
            future = self._pool.submit(self._timed, work, stop)
            self._inside[future] = stop
        future.add_done_callback(self._out)
        return future

    def _timed(self, work: Callable[[threading.Event], Result], stop: threading.Event) -> Result:
        started = time.monotonic()
        try:
            return work(stop)
        finally:
            took_s = time.monotonic() - started
            self._usual_s += NEWEST * (took_s - self._usual_s)

    def _out(self, future: Future[Result]) -> None:
        with self._lock:
            self._inside.pop(future, None)

    def _left_s(self, ends_at: float | None) -> float:
        moments = [at for at in (ends_at, self._closes_at) if at is not None]
        return min(moments) - time.monotonic() if moments else LOOK_S

    async def _look(
        self, request: Request | None, ends_at: float | None, timeout_s: float | None
    ) -> None:
        """Raise where it is not worth waiting on."""
        now = time.monotonic()
        if ends_at is not None and now >= ends_at:
            message = f"it was not done within {timeout_s:g} s; ask for less, or set timeout_s"
            raise TimedOutError(message)
        if self._closes_at is not None and now >= self._closes_at:
            raise ShuttingDownError("the service is going down; ask again in a moment")
        if request is not None and await request.is_disconnected():
            request.state.gone = True
            raise StoppedError("the client left before it was done")


def _seen(future: asyncio.Future[Result]) -> None:
    """Read what came of work that was given up, so that asyncio does not report it as lost."""
    if not future.cancelled():
        future.exception()
