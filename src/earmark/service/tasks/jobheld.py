"""One job in the hands of one of many workers: it writes only for as long as it holds the lease."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

from earmark.errors import EarmarkError, StoppedError
from earmark.ports.ledger import JobRecord, JobState, SharedLedger
from earmark.reports import Progress
from earmark.service.tasks import jobsteps
from earmark.service.tasks.jobfeed import Feed

log = logging.getLogger("earmark.jobs")

LEASE_S = 15.0
WRITE_EVERY_S = 1.0


class HeldJob:
    """A job that a worker has taken and begun.

    Attributes
    ----------
    stop
        Set where it is to end soon: it was cancelled, the worker goes down, or the lease is lost.
    lost
        Set where another may have it by now; nothing is written any more.
    """

    def __init__(
        self, ledger: SharedLedger, job: JobRecord, worker: str, feed: Feed, lease_s: float
    ) -> None:
        self._ledger = ledger
        self._worker = worker
        self._feed = feed
        self._lease_s = lease_s
        self._lock = threading.Lock()
        self._written_at_s = time.monotonic()
        self.job = job
        self.stop = threading.Event()
        self.lost = threading.Event()
        self.abandoned = threading.Event()

    def hold(self) -> None:
        """Prolong the lease, and see whether somebody has cancelled the job."""
        try:
            wanted = self._ledger.hold_job(self.job.id, self._worker, self._lease_s)
        except EarmarkError as error:  # what it adds cannot be written either
            log.warning("the job %s cannot be held: %s", self.job.id, error.message)
            return
        if wanted is None:
            self._lose()
            return
        if not wanted:
            with self._lock:
                self.job = replace(self.job, wanted=False)
            self.stop.set()

    def tell(self, progress: Progress) -> None:
        """Take how far the job is: to those who watch here at once, to the ledger every second."""
        if self.lost.is_set() or self.abandoned.is_set():
            raise StoppedError("another worker has the job, or this one goes down")
        with self._lock:
            job = self.job = jobsteps.moved(self.job, progress)
            now_s = time.monotonic()
            due = now_s - self._written_at_s >= WRITE_EVERY_S
            if due:
                self._written_at_s = now_s
        self._feed.push(job)
        if due:
            with suppress(EarmarkError):  # how far it is will be written again in a second
                self.put(job)

    def put(self, job: JobRecord) -> bool:
        """Write down how the job stands; False, and the lease is lost, where it is another's."""
        if self.lost.is_set() or not self._ledger.put_held(job, self._worker):
            self._lose()
            return False
        self.job = job
        self._feed.push(job)
        return True

    def settled(
        self, state: JobState, report: dict[str, Any] | None, error: EarmarkError | None
    ) -> JobRecord:
        """Return the job as its run has left it, as it is wanted now."""
        wanted = self._ledger.job(self.job.id).wanted
        return jobsteps.settled(replace(self.job, wanted=wanted), state, report, error)

    def _lose(self) -> None:
        if not self.lost.is_set():
            log.warning("the job %s was lost to another worker", self.job.id)
        self.lost.set()
        self.stop.set()
