"""One job in hand: how it stands this moment, for those who watch and for the ledger."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import replace

from earmark.errors import EarmarkError, StoppedError
from earmark.ports.ledger import JobRecord, JobState, Ledger
from earmark.reports import Progress
from earmark.service.tasks import jobsteps
from earmark.service.tasks.jobfeed import Feed

WRITE_EVERY_S = 1.0


class JobInHand:
    """A job that this process alone can do; `jobheld.HeldJob` is one of many processes.

    Attributes
    ----------
    job
        How it stands.
    stop
        Set where it is to end soon.
    abandoned
        Set where nobody waits for it any more.
    """

    def __init__(self, ledger: Ledger, job: JobRecord, feed: Feed) -> None:
        self._ledger = ledger
        self._feed = feed
        self._written_at_s = time.monotonic()
        self.job = job
        self.stop = threading.Event()
        self.abandoned = threading.Event()

    def tell(self, progress: Progress) -> None:
        """Take how far the job is: to those who watch at once, to the ledger once a second."""
        if self.abandoned.is_set():
            raise StoppedError("the service is going down")
        job = self.job = jobsteps.moved(self.job, progress)
        self._feed.push(job)
        now_s = time.monotonic()
        if now_s - self._written_at_s >= WRITE_EVERY_S:
            self._written_at_s = now_s
            with suppress(EarmarkError):  # how far it is will be written again in a second
                self._ledger.put_job(job)

    def settled(
        self, state: JobState, report: dict[str, object] | None, error: EarmarkError | None
    ) -> JobRecord:
        """Return the job as its run has left it, as it is wanted now."""
        wanted = self._ledger.job(self.job.id).wanted
        return jobsteps.settled(replace(self.job, wanted=wanted), state, report, error)
