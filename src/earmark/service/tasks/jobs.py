"""Long work, one piece at a time, oldest first, kept in the ledger so that a kill loses none."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from earmark.config import ServeSettings
from earmark.errors import (
    BusyError,
    ConflictError,
    EarmarkError,
    InternalError,
    LibraryLockedError,
    ShuttingDownError,
    StoppedError,
)
from earmark.library import Library
from earmark.ports.ledger import JobRecord, JobState, Ledger
from earmark.reports import Progress
from earmark.service.bodies.media import MediaRoom
from earmark.service.tasks import jobsteps
from earmark.service.tasks.jobfeed import Feed
from earmark.service.tasks.jobkinds import JobKinds
from earmark.service.tasks.jobsteps import ENDED
from earmark.service.tasks.scanwork import SCAN, Scans

log = logging.getLogger("earmark.jobs")

MOST_PENDING = 1000
PAGE = 20
WRITE_EVERY_S = 1.0
RETRY_S = 1.0
LOCKED_S = 5.0
ABANDON_S = 5.0


class JobRunner:
    """Runs the ledger's jobs in a thread of its own.

    Parameters
    ----------
    media
        Where uploads lie, which are discarded where they make no track.
    scans
        What does jobs of the kind ``scan``; None refuses them.
    """

    def __init__(
        self,
        library: Library,
        ledger: Ledger,
        options: ServeSettings,
        media: MediaRoom,
        scans: Scans | None = None,
    ) -> None:
        self._library = library
        self._ledger = ledger
        self._kinds = JobKinds(library, options, media, scans)
        self.feed = Feed()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._abandoned = threading.Event()
        self._thread: threading.Thread | None = None
        self._pending: set[str] = set()
        self._live: JobRecord | None = None
        self._stop = threading.Event()
        self._written_at = 0.0

    def start(self) -> None:
        """Begin to work; what was running when the service died goes on."""
        tracks = len(self._library)
        for job in self._each("running"):
            gained = job.progress.get("done", 0) if job.kind == SCAN else tracks
            self._ledger.put_job(jobsteps.after_death(job, gained))
        with self._lock:
            self._pending = {job.id for job in self._each("queued")}
        self._thread = threading.Thread(target=self._loop, name="earmark-jobs", daemon=True)
        self._thread.start()

    def stop(self, grace_s: float) -> None:
        """Commit what is in hand and put the job back; the next `start` goes on with it."""
        self._closing.set()
        self._stop.set()
        self._wake.set()
        self.feed.close()
        if self._thread is not None:
            self._thread.join(grace_s)
            self._abandoned.set()
            self._thread.join(ABANDON_S)

    def pending(self) -> int:
        """Return how many jobs have not ended."""
        return len(self._pending)

    def job(self, job_id: str) -> JobRecord:
        """Return a job as it stands this moment; raises `JobNotFoundError`."""
        live = self._live
        return live if live is not None and live.id == job_id else self._ledger.job(job_id)

    def jobs(
        self, *, states: Sequence[JobState] = (), before: str | None = None, limit: int = 50
    ) -> list[JobRecord]:
        """Return jobs, newest first, as they stand this moment."""
        live = self._live
        found = self._ledger.jobs(states=states, before=before, limit=limit)
        return [live if live is not None and live.id == job.id else job for job in found]

    def submit(self, kind: str, request: Mapping[str, Any]) -> JobRecord:
        """Keep a job that runs when those before it have ended.

        The kinds and what they take: `JobKinds`.

        Raises
        ------
        ForbiddenError, InvalidRequestError
            A path outside the roots, a URL that is not http(s), a playlist, or nothing at all.
        BusyError, ShuttingDownError
            No more jobs are taken.
        """
        self._kinds.check(kind, request)
        job = JobRecord(uuid.uuid4().hex, kind, dict(request), time.time())
        with self._lock:
            if self._closing.is_set():
                raise ShuttingDownError("the service is going down; ask again in a moment")
            if len(self._pending) >= MOST_PENDING:
                message = f"{len(self._pending)} jobs are waiting already; come again later"
                raise BusyError(message, retry_after_s=30.0)
            self._ledger.add_job(job)
            self._pending.add(job.id)
        self._wake.set()
        return job

    def cancel(self, job_id: str) -> JobRecord:
        """Ask a job to end; what it has added stays.

        Raises
        ------
        JobNotFoundError
            No such job.
        ConflictError
            It has ended, or is a rebuild at work.
        """
        with self._lock:
            job = self.job(job_id)
            if job.state in ENDED:
                raise ConflictError(f"the job {job_id} has ended already ({job.state})")
            running = self._live is not None and self._live.id == job_id
            if running and job.kind == "rebuild":
                message = f"{job_id} is a rebuild at work: half an index is none, let it end"
                raise ConflictError(message)
            job = replace(self._ledger.cancel_job(job_id), progress=job.progress)
            if running:
                self._stop.set()
                return job
            job = self._put(jobsteps.settled(job, "cancelled", None, None))
        self._kinds.ended(job)
        return job

    async def events(self, job_id: str) -> AsyncIterator[JobRecord]:
        """Yield a job as it stands, and again whenever that changes, until it has ended.

        Who reads slowly misses what is outdated. Ends early when the service goes down.

        Raises
        ------
        JobNotFoundError
            No such job.
        """
        reader = self.feed.join(job_id)
        try:
            job: JobRecord | None = await asyncio.to_thread(self.job, job_id)
            while job is not None:
                yield job
                job = None if job.state in ENDED else await reader.newer()
        finally:
            self.feed.leave(reader)

    def _loop(self) -> None:
        while not self._closing.is_set():
            self._wake.clear()
            try:
                job = self._next()
                if job is not None:
                    self._run(job)
                elif not self._closing.is_set():
                    self._wake.wait()
            except EarmarkError as error:  # the ledger's disk is full, or it is locked
                log.warning("jobs wait: %s", error.message)
                self._closing.wait(RETRY_S)
            except Exception:
                log.exception("a bug in the runner of jobs")
                self._closing.wait(RETRY_S)

    def _next(self) -> JobRecord | None:
        """Take the oldest job that waits, or None."""
        with self._lock:
            found = self._ledger.jobs(states=("queued",), limit=1, oldest_first=True)
            if not found:
                return None
            job = jobsteps.begun(found[0])
            self._put(job)
            self._stop = threading.Event()
            self._written_at = time.monotonic()
            self._live = job
        return job

    def _run(self, job: JobRecord) -> None:
        try:
            report = self._work(job)
        except StoppedError:
            self._settle("queued")
        except LibraryLockedError as error:  # somebody else's long write: the job can wait
            log.warning("the job %s waits: %s", job.id, error.message)
            self._settle("queued")
            self._closing.wait(LOCKED_S)
        except EarmarkError as error:
            self._settle("failed", error=error)
        except Exception:
            log.exception("a bug in the job %s", job.id)
            message = f"the job {job.id} ended on a bug; the service's log says where"
            self._settle("failed", error=InternalError(message))
        else:
            self._settle("done", report)

    def _work(self, job: JobRecord) -> dict[str, Any]:
        if self._closing.is_set():
            raise StoppedError("the service is going down")
        if not job.wanted:
            self._stop.set()
        else:
            jobsteps.require_sound(job)
        return self._kinds.do(job, self._tell, self._stop)

    def _tell(self, progress: Progress) -> None:
        """Take how far the job is: to those who watch at once, to the ledger once a second."""
        if self._abandoned.is_set():
            raise StoppedError("the service is going down")
        live = self._live
        if live is None:
            return
        live = self._live = jobsteps.moved(live, progress)
        self.feed.push(live)
        now = time.monotonic()
        if now - self._written_at >= WRITE_EVERY_S:
            self._written_at = now
            with suppress(EarmarkError):  # how far it is will be written again in a second
                self._ledger.put_job(live)

    def _settle(
        self,
        state: JobState,
        report: dict[str, Any] | None = None,
        error: EarmarkError | None = None,
    ) -> None:
        """Write down how a run ended, as soon as the ledger takes it."""
        while True:
            try:
                with self._lock:
                    job = self._put(self._over(state, report, error))
                    self._live = None
                break
            except EarmarkError as trouble:
                log.warning("the end of a job cannot be written yet: %s", trouble.message)
                if self._closing.wait(RETRY_S):
                    self._live = None  # the ledger has it as running: it goes on at the next start
                    return
        if job.state in ENDED:
            self._kinds.ended(job)

    def _over(
        self, state: JobState, report: dict[str, Any] | None, error: EarmarkError | None
    ) -> JobRecord:
        assert self._live is not None  # noqa: S101 - set by `_next`, cleared by `_settle` only
        wanted = self._ledger.job(self._live.id).wanted
        return jobsteps.settled(replace(self._live, wanted=wanted), state, report, error)

    def _put(self, job: JobRecord) -> JobRecord:
        """Write down how a job stands now and tell it; the caller holds the lock."""
        self._ledger.put_job(job)
        if job.state in ENDED:
            self._pending.discard(job.id)
        self.feed.push(job)
        return job

    def _each(self, state: JobState) -> Iterator[JobRecord]:
        """Yield the jobs of a state, oldest first, a few at a time: each may be large."""
        last = None
        while page := self._ledger.jobs(
            states=(state,), before=last, limit=PAGE, oldest_first=True
        ):
            yield from page
            last = page[-1].id
