"""The jobs of a library that many machines share: asked for here, done here or by workers."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from earmark.config import ServeSettings
from earmark.errors import (
    BusyError,
    ConflictError,
    EarmarkError,
    ShuttingDownError,
    StoreUnavailableError,
)
from earmark.library import Library
from earmark.ports.ledger import LANES, JobRecord, JobState, SharedLedger
from earmark.service.bodies.media import MediaRoom
from earmark.service.tasks import jobsteps
from earmark.service.tasks.jobfeed import Feed, Reader
from earmark.service.tasks.jobkinds import JobKinds
from earmark.service.tasks.joblanes import lane_of
from earmark.service.tasks.jobs import MOST_PENDING
from earmark.service.tasks.jobsteps import ENDED
from earmark.service.tasks.jobtaker import JobTaker
from earmark.service.tasks.scanwork import Scans

log = logging.getLogger("earmark.jobs")

POLL_S = 1.0
_CANCEL_S = 10.0


class SharedJobs:
    """What `JobRunner` is for a library of one process, with the ledger as the only truth."""

    def __init__(
        self,
        library: Library,
        ledger: SharedLedger,
        options: ServeSettings,
        media: MediaRoom,
        scans: Scans | None = None,
    ) -> None:
        self._ledger = ledger
        self._kinds = JobKinds(library, options, media, scans)
        self._queues = {lane: ledger.queue(lane) for lane in LANES}
        self._closing = False
        self.feed = Feed()
        self._taker: JobTaker | None = None
        if options.jobs:
            self._taker = JobTaker(ledger, self._kinds, self.feed, scans=options.scans)

    def start(self) -> None:
        """Begin to work, where this process does jobs."""
        if self._taker is not None:
            self._taker.start()

    def stop(self, grace_s: float) -> None:
        """Put back what is in hand; whoever is next goes on with it."""
        self._closing = True
        self.feed.close()
        if self._taker is not None:
            self._taker.stop(grace_s)

    def pending(self) -> int:
        """Return how many jobs have not ended, wherever they are done."""
        return self._ledger.pending_jobs()

    def job(self, job_id: str) -> JobRecord:
        """Return a job as it stood a second ago at most; raises `JobNotFoundError`."""
        return self._live(job_id) or self._ledger.job(job_id)

    def jobs(
        self, *, states: Sequence[JobState] = (), before: str | None = None, limit: int = 50
    ) -> list[JobRecord]:
        """Return jobs, newest first."""
        found = self._ledger.jobs(states=states, before=before, limit=limit)
        return [self._live(job.id) or job for job in found]

    def submit(self, kind: str, request: Mapping[str, Any]) -> JobRecord:
        """Keep a job and offer it to the workers; as `JobRunner.submit`."""
        self._kinds.check(kind, request)
        if self._closing:
            raise ShuttingDownError("the service is going down; ask again in a moment")
        pending = self._ledger.pending_jobs()
        if pending >= MOST_PENDING:
            message = f"{pending} jobs are waiting already; come again later"
            raise BusyError(message, retry_after_s=30.0)
        job = JobRecord(uuid.uuid4().hex, kind, dict(request), time.time())
        self._ledger.add_job(job)
        try:
            self._queues[lane_of(kind)].offer(job.id)
        except EarmarkError as error:  # it is kept: whoever watches finds it
            log.warning("the job %s cannot be offered yet: %s", job.id, error.message)
        return job

    def cancel(self, job_id: str) -> JobRecord:
        """Ask a job to end, wherever it is done; as `JobRunner.cancel`."""
        job = self._ledger.job(job_id)
        if job.state in ENDED:
            raise ConflictError(f"the job {job_id} has ended already ({job.state})")
        if job.kind == "rebuild" and job.state == "running" and self._ledger.held_job(job_id):
            message = f"{job_id} is a rebuild at work: half an index is none, let it end"
            raise ConflictError(message)
        job = self._ledger.cancel_job(job_id)
        # Who waits, or whose worker died, is cancelled here, and nobody begins it meanwhile.
        worker = uuid.uuid4().hex
        taken = self._ledger.take_job(job_id, worker, _CANCEL_S)
        if taken is None:
            if self._taker is not None:
                self._taker.cancel(job_id)
            return self._ledger.job(job_id)
        job = jobsteps.settled(taken, "cancelled", None, None)
        if not self._ledger.put_held(job, worker):
            return self._ledger.job(job_id)
        self.feed.push(job)
        self._kinds.ended(job)
        return job

    async def events(self, job_id: str) -> AsyncIterator[JobRecord]:
        """Yield a job as it stands, and again whenever that changes, until it has ended.

        What is done here is told at once, what others do is looked up every second.
        """
        reader = self.feed.join(job_id)
        last = None
        try:
            job: JobRecord | None = await asyncio.to_thread(self.job, job_id)
            while job is not None:
                if job != last:
                    yield job
                    last = job
                if job.state in ENDED:
                    return
                job = await self._newer(reader, job)
        finally:
            self.feed.leave(reader)

    def _live(self, job_id: str) -> JobRecord | None:
        return None if self._taker is None else self._taker.live(job_id)

    async def _newer(self, reader: Reader, job: JobRecord) -> JobRecord | None:
        """Return the job as it stands in a moment, None where the service goes down."""
        try:
            return await asyncio.wait_for(reader.newer(), POLL_S)
        except TimeoutError:
            with suppress(StoreUnavailableError):  # it will be back; who watches waits
                return await asyncio.to_thread(self.job, job.id)
            return job
