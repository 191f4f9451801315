"""Long work, oldest first, scans beside all else, kept in the ledger so that a kill loses none."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from earmark.config import ServeSettings
from earmark.errors import (
    BusyError,
    ConflictError,
    EarmarkError,
    InternalError,
    JobNotFoundError,
    LibraryLockedError,
    ShuttingDownError,
    StoppedError,
)
from earmark.library import Library
from earmark.ports.ledger import JobRecord, JobState, Lane, Ledger
from earmark.service.bodies.media import MediaRoom
from earmark.service.tasks import jobsteps
from earmark.service.tasks.jobfeed import Feed
from earmark.service.tasks.jobinhand import JobInHand
from earmark.service.tasks.jobkinds import JobKinds
from earmark.service.tasks.joblanes import Waiting, lane_of
from earmark.service.tasks.jobsteps import ENDED
from earmark.service.tasks.scanwork import SCAN, Scans

log = logging.getLogger("earmark.jobs")

MOST_PENDING = 1000
PAGE = 20
RETRY_S = 1.0
LOCKED_S = 5.0
ABANDON_S = 5.0


class JobRunner:
    """Runs the ledger's jobs in a thread of its own, and scans in others (``options.scans``).

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
        self._waiting = Waiting()
        self._closing = threading.Event()
        self._pending: set[str] = set()
        self._in_hand: dict[str, JobInHand] = {}
        self._counts: dict[Lane, int] = {"jobs": 1, "scans": max(1, options.scans)}
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to work; what was running when the service died goes on."""
        tracks = len(self._library)
        for job in self._each("running"):
            gained = job.progress.get("done", 0) if job.kind == SCAN else tracks
            self._ledger.put_job(jobsteps.after_death(job, gained))
        with self._lock:
            for job in self._each("queued"):
                if job.id not in self._pending:
                    self._pending.add(job.id)
                    self._waiting.put(job)
        for lane in (lane for lane, count in self._counts.items() for _ in range(count)):
            thread = threading.Thread(
                target=self._loop, args=(lane,), name=f"earmark-{lane}", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def stop(self, grace_s: float) -> None:
        """Commit what is in hand and put the jobs back; the next `start` goes on with them."""
        self._closing.set()
        for held in list(self._in_hand.values()):
            held.stop.set()
        self._waiting.close()
        self.feed.close()
        self._join(grace_s)
        for held in list(self._in_hand.values()):
            held.abandoned.set()
        self._join(ABANDON_S)

    def _join(self, wait_s: float) -> None:
        until_s = time.monotonic() + wait_s
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, until_s - time.monotonic()))

    def pending(self) -> int:
        """Return how many jobs have not ended."""
        return len(self._pending)

    def job(self, job_id: str) -> JobRecord:
        """Return a job as it stands this moment; raises `JobNotFoundError`."""
        held = self._in_hand.get(job_id)
        return self._ledger.job(job_id) if held is None else held.job

    def jobs(
        self, *, states: Sequence[JobState] = (), before: str | None = None, limit: int = 50
    ) -> list[JobRecord]:
        """Return jobs, newest first, as they stand this moment."""
        found = self._ledger.jobs(states=states, before=before, limit=limit)
        held = dict(self._in_hand)
        return [held[job.id].job if job.id in held else job for job in found]

    def submit(self, kind: str, request: Mapping[str, Any]) -> JobRecord:
        """Keep a job that runs when those before it in its lane (`joblanes`) have ended.

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
            self._waiting.put(job)
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
            held = self._in_hand.get(job_id)
            if held is not None and job.kind == "rebuild":
                message = f"{job_id} is a rebuild at work: half an index is none, let it end"
                raise ConflictError(message)
            job = replace(self._ledger.cancel_job(job_id), progress=job.progress)
            if held is not None:
                held.stop.set()
                return job
            job = self._put(jobsteps.settled(job, "cancelled", None, None))
            self._waiting.drop(job)  # written first: what cannot be written is not lost
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

    def _loop(self, lane: Lane) -> None:
        while (job_id := self._waiting.take(lane)) is not None:
            try:
                held = self._begin(job_id)
                if held is not None:
                    self._run(held)
                continue
            except EarmarkError as error:  # the ledger's disk is full, or it is locked
                log.warning("jobs wait: %s", error.message)
            except Exception:  # the lane goes on: nobody would do what waits in it
                log.exception("a bug in the runner of jobs")
            self._in_hand.pop(job_id, None)
            self._waiting.put_back(lane, job_id)
            self._closing.wait(RETRY_S)

    def _begin(self, job_id: str) -> JobInHand | None:
        """Take a job that waits; None where it was cancelled meanwhile."""
        with self._lock:
            try:
                job = self._ledger.job(job_id)
            except JobNotFoundError:
                return None
            if job.state != "queued":
                return None
            job = jobsteps.begun(job)
            self._put(job)
            held = self._in_hand[job_id] = JobInHand(self._ledger, job, self.feed)
        return held

    def _run(self, held: JobInHand) -> None:
        job = held.job
        try:
            report = self._work(held)
        except StoppedError:
            self._settle(held, "queued")
        except LibraryLockedError as error:  # somebody else's long write: the job can wait
            log.warning("the job %s waits: %s", job.id, error.message)
            self._settle(held, "queued")
            self._closing.wait(LOCKED_S)
        except EarmarkError as error:
            self._settle(held, "failed", error=error)
        except Exception:
            log.exception("a bug in the job %s", job.id)
            message = f"the job {job.id} ended on a bug; the service's log says where"
            self._settle(held, "failed", error=InternalError(message))
        else:
            self._settle(held, "done", report)

    def _work(self, held: JobInHand) -> dict[str, Any]:
        if self._closing.is_set():
            raise StoppedError("the service is going down")
        if not held.job.wanted:
            held.stop.set()
        else:
            jobsteps.require_sound(held.job)
        return self._kinds.do(held.job, held.tell, held.stop)

    def _settle(
        self,
        held: JobInHand,
        state: JobState,
        report: dict[str, Any] | None = None,
        error: EarmarkError | None = None,
    ) -> None:
        """Write down how a run ended, as soon as the ledger takes it."""
        job_id = held.job.id
        while True:
            try:
                with self._lock:
                    job = self._put(held.settled(state, report, error))
                break
            except EarmarkError as trouble:
                log.warning("the end of a job cannot be written yet: %s", trouble.message)
                if self._closing.wait(RETRY_S):
                    # The ledger has it as running: it goes on at the next start.
                    del self._in_hand[job_id]
                    return
        if job.state in ENDED:
            self._kinds.ended(job)
        else:
            self._waiting.put_back(lane_of(job.kind), job_id)

    def _put(self, job: JobRecord) -> JobRecord:
        """Write down how a job stands now and tell it; the caller holds the lock."""
        self._ledger.put_job(job)
        if job.state in ENDED:
            self._pending.discard(job.id)
        if job.state != "running":  # before it is told: who asks then must find the same
            self._in_hand.pop(job.id, None)
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
