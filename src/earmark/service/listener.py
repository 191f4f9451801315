"""One listening over a WebSocket: frames in, levels at once, looks through the pool of work."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import numpy as np

from earmark.errors import BodyTooLargeError, BusyError
from earmark.listen import ContainerFeed, Event, Listening
from earmark.listen.container import FEED_HZ, MOST_WAITING_BYTES
from earmark.service.answering.drawing import answer_shape
from earmark.service.context import House
from earmark.service.listenwire import Start, Wire
from earmark.types import Samples

LEAST_WALL_S = 60.0
WALL_RATIO = 4.0
"""Sound must come in at a quarter of real time at the least; a minute is always given."""
CONTAINER_BYTES_PER_S = 500_000
"""Of a container stream at most so many bytes are taken for each second of the limit."""
EARLY_WAITING = 8
"""With so much work waiting an early look is left out: the queue is for what must be answered."""
_TRIES = 5
_DTYPES = {"pcm_s16le": ("<i2", np.float32(1 / 32768)), "pcm_f32le": ("<f4", np.float32(1.0))}


class Listener:
    """Plays the frames of one client through one `Listening`; use once."""

    def __init__(self, wire: Wire, house: House, start: Start) -> None:
        self._wire = wire
        self._house = house
        self._start = start
        container = start.format == "container"
        self._session = Listening(
            house.library,
            rate_hz=FEED_HZ if container else start.rate_hz,
            channels=1 if container else start.channels,
            mode=start.mode,
            limit=start.limit,
            limit_s=house.options.listen_limit_s,
        )
        self._rest = b""
        self._taken_bytes = 0
        self._stopped = False
        self._changed = asyncio.Event()
        self._decoded = asyncio.Event()
        self._feed = self._open_feed() if container else None

    @property
    def heard_s(self) -> float:
        """Seconds of sound heard so far."""
        return self._session.heard_s

    async def run(self) -> None:
        """Listen until the end, and tell it.

        Raises
        ------
        EarmarkError
            It cannot go on; the client has not been told yet.
        GoneError
            The client left; what was being asked is given up.
        """
        tasks = [asyncio.create_task(self._receive())]
        if self._feed is not None:
            tasks.append(asyncio.create_task(self._read_decoded(self._feed)))
        try:
            while not self._session.ended:
                await self._step(tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._feed is not None:
                self._feed.close()

    async def _step(self, tasks: list[asyncio.Task[None]]) -> None:
        """Wait for sound and look at it where that is due."""
        await self._beside(tasks, self._changed.wait())
        self._changed.clear()
        session = self._session
        if session.full:
            await self._beside(tasks, self._last(session.look))
        elif self._stopped:
            if self._feed is not None:
                await self._beside(tasks, asyncio.to_thread(self._feed.finish))
                await self._hear(self._feed.read())
            await self._beside(tasks, self._last(session.finish))
        elif session.due and self._house.work.waiting < EARLY_WAITING:
            with suppress(BusyError):  # the next frame tries again
                await self._beside(tasks, self._ask(session.look))

    async def _beside(
        self, tasks: list[asyncio.Task[None]], work: Coroutine[Any, Any, object]
    ) -> None:
        """Wait for ``work``, and give it up when a task beside it fails."""
        working = asyncio.ensure_future(work)
        try:
            await asyncio.wait({working, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
            await working
        finally:
            if not working.done():
                working.cancel()
                await asyncio.gather(working, return_exceptions=True)

    async def _ask(self, look: Callable[[threading.Event], list[Event]]) -> None:
        house = self._house
        for event in await house.work.run(look, timeout_s=house.options.timeout_s):
            await self._tell(event)

    async def _last(self, look: Callable[[threading.Event], list[Event]]) -> None:
        """Look as `_ask`, but be patient where the service is busy: there is no later look."""
        for _ in range(_TRIES):
            try:
                return await self._ask(look)
            except BusyError as error:
                await asyncio.sleep(min(2.0, max(0.5, error.retry_after_s)))
        return await self._ask(look)

    async def _tell(self, event: Event) -> None:
        shape = event.as_dict()
        if event.answer is not None:
            shape["answer"] = answer_shape(event.answer, drawing=self._start.drawing)
        await self._wire.send(shape)

    # --- sound comes in -------------------------------------------------------------------------

    async def _receive(self) -> None:
        """Take frames; go on after the end of the sound, to know when the client leaves."""
        wall_s = max(LEAST_WALL_S, WALL_RATIO * self._session.limit_s)
        ends_at = time.monotonic() + wall_s
        while True:
            over = self._stopped or self._session.full
            frame = await self._wire.sound(patient=over)
            if over:
                continue
            if frame is None or time.monotonic() > ends_at:
                self._stopped = True
            elif self._feed is not None:
                await self._feed_with(self._feed, frame)
            else:
                await self._hear(self._samples(frame))
            self._changed.set()

    def _samples(self, frame: bytes) -> Samples:
        """Return a frame's whole sample frames; the bytes of a broken one wait for the rest."""
        kind, scale = _DTYPES[self._start.format]
        data = self._rest + frame
        size = np.dtype(kind).itemsize * self._start.channels
        whole = len(data) - len(data) % size
        self._rest = data[whole:]
        values = np.frombuffer(data[:whole], kind).astype(np.float32) * scale
        return values.reshape(-1, self._start.channels)

    async def _hear(self, samples: Samples) -> None:
        for event in self._session.hear(samples):
            await self._tell(event)

    # --- containers -----------------------------------------------------------------------------

    def _open_feed(self) -> ContainerFeed:
        loop = asyncio.get_running_loop()

        def ready() -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody listens any more
                loop.call_soon_threadsafe(self._decoded.set)

        return ContainerFeed("the stream", ready)

    async def _feed_with(self, feed: ContainerFeed, frame: bytes) -> None:
        self._taken_bytes += len(frame)
        most = round(CONTAINER_BYTES_PER_S * self._session.limit_s) + MOST_WAITING_BYTES
        if self._taken_bytes > most:
            message = (
                f"{self._taken_bytes} bytes hold {self.heard_s:.1f} s of sound; send audio only"
            )
            raise BodyTooLargeError(message)
        feed.feed(frame)
        while feed.waiting_bytes > MOST_WAITING_BYTES:
            await asyncio.sleep(0.02)

    async def _read_decoded(self, feed: ContainerFeed) -> None:
        while True:
            await self._decoded.wait()
            self._decoded.clear()
            await self._hear(feed.read())
            if feed.ended:  # the stream says itself that it is over
                self._stopped = True
            self._changed.set()
