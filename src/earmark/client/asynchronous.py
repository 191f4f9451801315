"""The client for programs that do other things meanwhile; as `earmark.client.sync`, awaited."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable
from contextlib import aclosing

from earmark.client import sockets
from earmark.client.async_asker import asked
from earmark.client.async_monitoring import AsyncMonitoringClient
from earmark.client.calls import jobs as job_calls
from earmark.client.calls import media, questions, upkeep
from earmark.client.calls import tracks as track_calls
from earmark.client.calls import twins as twin_calls
from earmark.client.listening import Block, Format, ListenEvent, Message, Talk
from earmark.client.service import poll_s, unfinished
from earmark.client.sse import SILENCE_S, Watch
from earmark.client.values import HeldTrack, Job, JobState, Verdict
from earmark.errors import EarmarkError, ServiceError
from earmark.types import Mode


class AsyncClient(AsyncMonitoringClient):
    """An earmark service, asked from asyncio; methods and arguments are those of `Client`.

    Any number of tasks of one event loop may use one client.

    Parameters
    ----------
    url, key, timeout_s, retries
        As for `Client`.
    transport
        Another way there than the network (httpx's ``AsyncBaseTransport``); not for `listen`.

    Raises
    ------
    ExtraMissingError
        httpx is not installed: ``pip install 'earmark[client]'``.
    UsageError
        The address, the key or a number makes no sense.
    """

    # --- questions ------------------------------------------------------------------------

    about = asked(upkeep.about)
    identify = asked(questions.identify)
    similar = asked(questions.similar)
    duplicates = asked(questions.duplicates)
    compare = asked(twin_calls.compare)
    dedupe = asked(twin_calls.dedupe)
    duplicates_found = asked(twin_calls.duplicates_found)

    async def listen(
        self,
        blocks: AsyncIterable[Block] | Iterable[Block],
        rate_hz: int = 16000,
        *,
        channels: int = 1,
        format: Format = "pcm_s16le",  # noqa: A002 - the protocol's word
        mode: Mode = "auto",
        limit: int = 5,
        drawing: bool = False,
    ) -> AsyncGenerator[ListenEvent, None]:
        """Yield what the service hears while it is sent sound; see `Client.listen`.

        ``blocks`` may be asynchronous; otherwise each is taken in a thread, so that one that waits
        for a microphone does not hold up the event loop.
        """
        talk = Talk(rate_hz, channels, format, mode, limit, drawing)
        async with (
            sockets.open_async_line(self._service) as line,
            aclosing(_messages(talk, blocks)) as messages,
        ):
            async for message in messages:
                if not await line.send(message):
                    break
                while not talk.ended and (said := await line.receive(wait=False)) is not None:
                    for event in talk.hear(said):
                        yield event
                if talk.ended:
                    return
            while not talk.ended and (said := await line.receive(wait=True)) is not None:
                for event in talk.hear(said):
                    yield event

    # --- tracks ---------------------------------------------------------------------------

    page = asked(track_calls.page)
    get = asked(track_calls.get)
    get_if_changed = asked(track_calls.get_if_changed)
    add = asked(track_calls.add)
    update = asked(track_calls.update)
    delete = asked(track_calls.delete)
    attach = asked(track_calls.attach)
    detach = asked(track_calls.detach)
    audio = asked(media.audio)
    cover = asked(media.cover)
    waveform = asked(media.waveform)

    def tracks(self, text: str | None = None, *, page_size: int = 100) -> AsyncIterator[HeldTrack]:
        """Yield every track in the order they were added; see `Client.tracks`."""
        return self._all(lambda at: track_calls.page(text, after=at, limit=page_size))

    # --- long work ------------------------------------------------------------------------

    submit = asked(job_calls.submit)
    rebuild = asked(job_calls.rebuild)
    job = asked(job_calls.job)
    jobs_page = asked(job_calls.jobs_page)
    cancel = asked(job_calls.cancel)

    def jobs(self, *, state: JobState | None = None, page_size: int = 50) -> AsyncIterator[Job]:
        """Yield every job, newest first, or those of one state."""
        return self._all(lambda at: job_calls.jobs_page(state=state, before=at, limit=page_size))

    async def follow(self, job_id: str) -> AsyncGenerator[Job, None]:
        """Yield a job as it is now and at each change, until it has ended; see `Client.follow`."""
        watch, call = Watch(self._service), job_calls.events(job_id)
        while not watch.ended:
            watch.begin()
            try:
                async with self._open(call, SILENCE_S) as response:
                    if not response.is_success:
                        self._service.settle(call, await self._reply(response))
                    async for block in response.aiter_bytes():
                        for job in watch.feed(block):
                            yield job
                if not watch.ended:
                    raise watch.cut()
            except EarmarkError as error:
                pause_s = watch.pause_s(error)
            else:
                return
            await asyncio.sleep(pause_s)

    async def wait(self, job_id: str, timeout_s: float | None = None) -> Job:
        """Wait until a job has ended and return it, whatever came of it; see `Client.wait`."""
        begun_s, asked_times = time.monotonic(), 0
        while not (job := await self.job(job_id)).ended:
            pause_s = poll_s(asked_times)
            if timeout_s is not None and time.monotonic() - begun_s + pause_s > timeout_s:
                raise unfinished(job, timeout_s)
            await asyncio.sleep(pause_s)
            asked_times += 1
        return job

    # --- upkeep ---------------------------------------------------------------------------

    stats = asked(upkeep.stats)
    engines = asked(upkeep.engines)
    switch = asked(upkeep.switch)
    models = asked(upkeep.models)
    check = asked(upkeep.check)
    repair = asked(upkeep.repair)
    export_to = asked(upkeep.export_to)
    import_from = asked(upkeep.import_from)
    keys = asked(upkeep.keys)
    add_key = asked(upkeep.add_key)
    revoke_key = asked(upkeep.revoke_key)
    feedback = asked(upkeep.feedback)
    verdicts_page = asked(upkeep.verdicts_page)
    ready = asked(upkeep.ready)
    metrics = asked(upkeep.metrics)

    def verdicts(self, *, page_size: int = 50) -> AsyncIterator[Verdict]:
        """Yield what people said of answers, newest first."""
        return self._all(lambda at: upkeep.verdicts_page(before=at, limit=page_size))

    async def healthy(self) -> bool:
        """Return whether the service lives; False, too, where it cannot be reached."""
        try:
            return await self._do(upkeep.healthy())
        except ServiceError:
            return False


async def _messages(
    talk: Talk, blocks: AsyncIterable[Block] | Iterable[Block]
) -> AsyncGenerator[Message, None]:
    """Yield what to send; blocks that are not asynchronous are taken in a thread."""
    if isinstance(blocks, AsyncIterable):
        async for block in blocks:
            for message in talk.pack(block):
                yield message
        for message in talk.finish():
            yield message
        return
    messages = talk.messages(blocks)
    while (sent := await asyncio.to_thread(next, messages, None)) is not None:
        yield sent
