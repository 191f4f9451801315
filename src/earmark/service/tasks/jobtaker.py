"""Takes jobs of a library that many machines share, and does them, a few at a time."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from typing import Any

from earmark.errors import (
    EarmarkError,
    InternalError,
    LibraryLockedError,
    StoppedError,
    StoreUnavailableError,
)
from earmark.ports.ledger import LANES, JobRecord, JobState, Lane, SharedLedger
from earmark.service.tasks import jobsteps
from earmark.service.tasks.jobfeed import Feed
from earmark.service.tasks.jobheld import LEASE_S, HeldJob
from earmark.service.tasks.jobkinds import JobKinds
from earmark.service.tasks.joblanes import lane_of
from earmark.service.tasks.jobsteps import ENDED

log = logging.getLogger("earmark.jobs")

HOLD_EVERY_S = 1.0
WATCH_EVERY_S = 5.0
# Longer than a job that was put back may wait before it is offered again.
LOST_AFTER_S = 15.0
RETRY_S = 1.0
WAIT_S = 5.0
ABANDON_S = 5.0


class JobTaker:
    """Does jobs in ``count`` threads, and scans in ``scans`` others, until it is stopped.

    One more thread keeps the leases of what is in hand, and offers the jobs of workers that died.

    Parameters
    ----------
    kinds
        What does each kind of job.
    feed
        Who watches jobs in this process.
    """

    def __init__(
        self,
        ledger: SharedLedger,
        kinds: JobKinds,
        feed: Feed,
        *,
        count: int = 1,
        scans: int = 1,
        lease_s: float | None = None,
    ) -> None:
        self._ledger = ledger
        self._kinds = kinds
        self._feed = feed
        self._lease_s = LEASE_S if lease_s is None else lease_s
        self._queues = {lane: ledger.queue(lane) for lane in LANES}
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._held: dict[str, HeldJob] = {}
        self._threads = [
            threading.Thread(target=self._loop, args=(lane,), name=f"earmark-{lane}", daemon=True)
            for lane, threads in zip(LANES, (count, scans), strict=True)
            for _ in range(threads)
        ]
        self._keeper = threading.Thread(target=self._keep, name="earmark-leases", daemon=True)

    def start(self) -> None:
        """Begin to work; what a worker that died has left goes on."""
        for thread in (*self._threads, self._keeper):
            thread.start()

    def stop(self, grace_s: float) -> None:
        """Commit what is in hand and put the jobs back, for whoever is next."""
        self._closing.set()
        for held in self._in_hand():
            held.stop.set()
        until_s = time.monotonic() + grace_s
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, until_s - time.monotonic()))
        for held in self._in_hand():
            held.abandoned.set()
        for thread in (*self._threads, self._keeper):
            if thread.is_alive():
                thread.join(ABANDON_S)

    def live(self, job_id: str) -> JobRecord | None:
        """Return how a job that is in hand here stands this moment."""
        with self._lock:
            held = self._held.get(job_id)
        return None if held is None or held.lost.is_set() else held.job

    def cancel(self, job_id: str) -> None:
        """Stop a job at once where it is in hand here; the others find out by their leases."""
        with self._lock:
            held = self._held.get(job_id)
        if held is not None:
            held.hold()

    def _loop(self, lane: Lane) -> None:
        while not self._closing.is_set():
            try:
                self._queues[lane].work(self._run)
            except EarmarkError as error:
                log.warning("jobs wait: %s", error.message)
                self._closing.wait(RETRY_S)
            except Exception:
                log.exception("a bug in the taker of jobs")
                self._closing.wait(RETRY_S)

    def _keep(self) -> None:
        """Hold what is in hand until nothing is, and find what others have lost."""
        looked_s = -WATCH_EVERY_S
        while not self._closing.is_set() or self._in_hand():
            for held in self._in_hand():
                held.hold()
            if time.monotonic() - looked_s >= WATCH_EVERY_S and not self._closing.is_set():
                looked_s = time.monotonic()
                try:
                    for job_id in self._ledger.lost_jobs(LOST_AFTER_S):
                        log.info("the job %s is offered again", job_id)
                        self._offer(self._ledger.job(job_id))
                except EarmarkError as error:
                    log.warning("lost jobs cannot be looked for: %s", error.message)
            # Not the closing event: leases are held until what is in hand is put back.
            time.sleep(min(HOLD_EVERY_S, self._lease_s / 3))

    def _offer(self, job: JobRecord) -> None:
        self._queues[lane_of(job.kind)].offer(job.id)

    def _in_hand(self) -> list[HeldJob]:
        with self._lock:
            return list(self._held.values())

    def _run(self, job_id: str) -> None:
        """Do a job that the queue has told of; one that is done, or another's, is left alone."""
        try:
            held = self._begin(job_id)
        except EarmarkError as error:  # the ledger is away; the job will be offered again
            log.warning("the job %s cannot be begun: %s", job_id, error.message)
            self._closing.wait(RETRY_S)
            return
        if held is None:
            return
        with self._lock:
            self._held[job_id] = held
        if self._closing.is_set():
            held.stop.set()
        try:
            self._do(held)
        finally:
            with self._lock:
                del self._held[job_id]

    def _begin(self, job_id: str) -> HeldJob | None:
        worker = uuid.uuid4().hex
        job = self._ledger.take_job(job_id, worker, self._lease_s)
        if job is None:
            return None
        if job.state == "running":
            log.warning("the job %s goes on: its worker died", job_id)
            # Others add tracks meanwhile, so what counts is how far the job itself has come.
            job = jobsteps.after_death(job, job.progress.get("done", 0))
        held = HeldJob(self._ledger, job, worker, self._feed, self._lease_s)
        if not job.wanted and (job.started_at is None or job.kind == "rebuild"):
            if held.put(jobsteps.settled(job, "cancelled", None, None)):
                self._kinds.ended(held.job)
            return None
        if not held.put(jobsteps.begun(job)):
            return None
        log.info("the job %s begins", job_id)
        return held

    def _do(self, held: HeldJob) -> None:
        job = held.job
        try:
            report = self._work(held)
        except StoppedError:
            self._settle(held, "queued")
        except (LibraryLockedError, StoreUnavailableError) as error:  # the job can wait
            log.warning("the job %s waits: %s", job.id, error.message)
            self._settle(held, "queued", wait_s=WAIT_S)
        except EarmarkError as error:
            self._settle(held, "failed", error=error)
        except Exception:
            log.exception("a bug in the job %s", job.id)
            message = f"the job {job.id} ended on a bug; the log of its worker says where"
            self._settle(held, "failed", error=InternalError(message))
        else:
            self._settle(held, "done", report)

    def _work(self, held: HeldJob) -> dict[str, Any]:
        if self._closing.is_set():
            raise StoppedError("the worker is going down")
        if held.job.wanted:
            jobsteps.require_sound(held.job)
        else:
            held.stop.set()
        return self._kinds.do(held.job, held.tell, held.stop)

    def _settle(
        self,
        held: HeldJob,
        state: JobState,
        report: dict[str, Any] | None = None,
        error: EarmarkError | None = None,
        wait_s: float = 0.0,
    ) -> None:
        """Write down how a run ended, as soon as the ledger takes it, unless the job was lost."""
        while not held.lost.is_set():
            try:
                if held.put(held.settled(state, report, error)):
                    self._over(held.job, wait_s)
                return
            except EarmarkError as trouble:
                log.warning("the end of a job cannot be written yet: %s", trouble.message)
                if self._closing.wait(RETRY_S):
                    return  # its lease ends, and it goes on elsewhere

    def _over(self, job: JobRecord, wait_s: float) -> None:
        """Tidy up after a job that has ended; offer one that was put back."""
        log.info("the job %s: %s", job.id, job.state)
        if job.state in ENDED:
            self._kinds.ended(job)
            return
        if wait_s:
            self._closing.wait(wait_s)
        try:
            self._offer(job)
        except EarmarkError as error:  # whoever watches finds it
            log.warning("the job %s cannot be offered yet: %s", job.id, error.message)
