"""The client for programs that wait."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator

from earmark.client import sockets
from earmark.client.asker import asked
from earmark.client.calls import jobs as job_calls
from earmark.client.calls import media, questions, upkeep
from earmark.client.calls import tracks as track_calls
from earmark.client.calls import twins as twin_calls
from earmark.client.listening import Block, Format, ListenEvent, Talk
from earmark.client.service import poll_s, unfinished
from earmark.client.sse import SILENCE_S, Watch
from earmark.client.sync_monitoring import MonitoringClient
from earmark.client.values import HeldTrack, Job, JobState, Verdict
from earmark.errors import EarmarkError, ServiceError
from earmark.types import Mode


class Client(MonitoringClient):
    """An earmark service, asked from Python; the methods are those of `earmark.Library`.

    Any number of threads may use one client. Whatever goes wrong is an `EarmarkError`: what the
    service refuses comes as the class it has there, with ``status`` and ``request_id``.

    Parameters
    ----------
    url
        Where the service is: ``http://127.0.0.1:8645``.
    key
        What `earmark keys add` printed; None where the service wants none.
    timeout_s
        How long the service may say nothing before `TimedOutError`.
    retries
        How often a call that does no harm twice is repeated when the service cannot be reached,
        is busy or is being restarted.
    transport
        Another way there than the network (httpx's ``BaseTransport``); not for `listen`.

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

    def listen(
        self,
        blocks: Iterable[Block],
        rate_hz: int = 16000,
        *,
        channels: int = 1,
        format: Format = "pcm_s16le",  # noqa: A002 - the protocol's word
        mode: Mode = "auto",
        limit: int = 5,
        drawing: bool = False,
    ) -> Generator[ListenEvent, None, None]:
        """Yield what the service hears while it is sent sound, until it is certain.

        Blocks are taken one after another and events told in between; a tenth of a second is a
        good block. Once `Ended` has come no more blocks are taken.

        Parameters
        ----------
        blocks
            Sound: float arrays of shape (n,) or (n, channels) in [-1, 1], or bytes.
        rate_hz, channels
            How the sound was taken; ``channels`` is for bytes, arrays tell it by their shape.
        format
            What bytes are: samples, or a ``container`` (a WebM or Ogg stream, say).
        mode, limit, drawing
            As in `identify`.

        Raises
        ------
        ExtraMissingError
            websockets is not installed: ``pip install 'earmark[client]'``.
        UsageError, RequestError, ServiceError
            The service will not listen, or is gone.
        """
        talk = Talk(rate_hz, channels, format, mode, limit, drawing)
        with sockets.open_line(self._service) as line:
            for message in talk.messages(blocks):
                if not line.send(message):
                    break
                while not talk.ended and (said := line.receive(wait=False)) is not None:
                    yield from talk.hear(said)
                if talk.ended:
                    return
            while not talk.ended and (said := line.receive(wait=True)) is not None:
                yield from talk.hear(said)

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

    def tracks(self, text: str | None = None, *, page_size: int = 100) -> Iterator[HeldTrack]:
        """Yield every track in the order they were added, asking for a page at a time.

        Parameters
        ----------
        text
            Keep those whose title, artist, album, tags or source contain it, ignoring case.
        page_size
            How many to ask for at once, up to 500.
        """
        return self._all(lambda at: track_calls.page(text, after=at, limit=page_size))

    # --- long work ------------------------------------------------------------------------

    submit = asked(job_calls.submit)
    rebuild = asked(job_calls.rebuild)
    job = asked(job_calls.job)
    jobs_page = asked(job_calls.jobs_page)
    cancel = asked(job_calls.cancel)

    def jobs(self, *, state: JobState | None = None, page_size: int = 50) -> Iterator[Job]:
        """Yield every job, newest first, or those of one state."""
        return self._all(lambda at: job_calls.jobs_page(state=state, before=at, limit=page_size))

    def follow(self, job_id: str) -> Generator[Job, None, None]:
        """Yield a job as it is now and each time that it changes, until it has ended.

        A connection that is cut is opened again.

        Raises
        ------
        JobNotFoundError
            No such job.
        ServiceError
            The service stays away.
        """
        watch, call = Watch(self._service), job_calls.events(job_id)
        while not watch.ended:
            watch.begin()
            try:
                with self._open(call, SILENCE_S) as response:
                    if not response.is_success:
                        self._service.settle(call, self._reply(response))
                    for block in response.iter_bytes():
                        yield from watch.feed(block)
                if not watch.ended:
                    raise watch.cut()
            except EarmarkError as error:
                time.sleep(watch.pause_s(error))

    def wait(self, job_id: str, timeout_s: float | None = None) -> Job:
        """Wait until a job has ended and return it, whatever came of it.

        Parameters
        ----------
        timeout_s
            The longest to wait; None waits for ever. The job goes on after that.

        Raises
        ------
        JobNotFoundError
            No such job.
        TimedOutError
            It had not ended in time.
        """
        begun_s, asked_times = time.monotonic(), 0
        while not (job := self.job(job_id)).ended:
            pause_s = poll_s(asked_times)
            if timeout_s is not None and time.monotonic() - begun_s + pause_s > timeout_s:
                raise unfinished(job, timeout_s)
            time.sleep(pause_s)
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

    def verdicts(self, *, page_size: int = 50) -> Iterator[Verdict]:
        """Yield what people said of answers, newest first."""
        return self._all(lambda at: upkeep.verdicts_page(before=at, limit=page_size))

    def healthy(self) -> bool:
        """Return whether the service lives; False, too, where it cannot be reached."""
        try:
            return self._do(upkeep.healthy())
        except ServiceError:
            return False
