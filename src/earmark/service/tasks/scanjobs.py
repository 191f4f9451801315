"""Which job does which scan, and how both look together."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from earmark.errors import JobNotFoundError
from earmark.monitor.scanbook import scan_record
from earmark.ports import Scan
from earmark.ports.ledger import JobRecord
from earmark.service.tasks.jobs import JobRunner
from earmark.service.tasks.jobsteps import ENDED
from earmark.service.tasks.scanwork import SCAN
from earmark.service.tasks.sharedjobs import SharedJobs

_PAGE = 50
_KNOWN = 10_000
_GOING_ON = ("running", "stopped", "failed")
"""States of scans that a job may be about to go on with: all that are not done."""
STATES: Mapping[str, str] = {"cancelled": "stopped"}
"""What a scan is called by its job's state, where that differs."""


class ScanJobs:
    """Finds the job that does a scan; of services that share jobs, any may be asked."""

    def __init__(self, jobs: JobRunner | SharedJobs) -> None:
        self._jobs = jobs
        self._lock = threading.Lock()
        self._of: OrderedDict[str, str] = OrderedDict()

    def know(self, job: JobRecord) -> None:
        """Remember the job of a scan."""
        with self._lock:
            self._of[job.request["scan_id"]] = job.id
            if len(self._of) > _KNOWN:
                self._of.popitem(last=False)

    def of(self, scan: Scan) -> JobRecord | None:
        """Return the job that does a scan, as it stands; None where none does any more."""
        return self.each([scan])[0]

    def each(self, scans: Sequence[Scan]) -> list[JobRecord | None]:
        """Return the job of every scan, as `of` does; what is not known is looked for once."""
        found = {scan.id: self._held(scan.id) for scan in scans}
        over = {name for name, job in found.items() if job is None or job.state in ENDED}
        sought = {scan.id for scan in scans if scan.id in over and scan.state in _GOING_ON}
        found.update(self._sought(sought) if sought else {})
        return [_told(scan, found[scan.id]) for scan in scans]

    def _held(self, scan_id: str) -> JobRecord | None:
        """Return the job that was the scan's last, as far as it is known here."""
        with self._lock:
            job_id = self._of.get(scan_id)
        try:
            return None if job_id is None else self._jobs.job(job_id)
        except JobNotFoundError:
            return None

    def _sought(self, scan_ids: set[str]) -> dict[str, JobRecord]:
        """Look through the jobs that have not ended: another service may have taken them."""
        last, found = None, dict[str, JobRecord]()
        while page := self._jobs.jobs(states=("queued", "running"), before=last, limit=_PAGE):
            for job in page:
                scan_id = job.request.get("scan_id") if job.kind == SCAN else None
                if scan_id in scan_ids:
                    self.know(job)
                    found[scan_id] = job
            if len(found) == len(scan_ids):
                break
            last = page[-1].id
        return found


def _told(scan: Scan, job: JobRecord | None) -> JobRecord | None:
    """Return a job that tells more of a scan than the scan itself."""
    over = job is None or (job.state in ENDED and scan.state != "running")
    return None if over else job


def scan_shape(scan: Scan, job: JobRecord | None, *, whole: bool = False) -> dict[str, Any]:
    """Return a scan's JSON, ``whole`` with its timeline.

    Parameters
    ----------
    job
        What does it, or has done it: it knows more than what was kept a minute ago.
    """
    done_s, duration_s = scan.done_s, scan.duration_s
    state, error, left_s = str(scan.state), scan.error, None
    if job is not None and (job.state not in ENDED or scan.state == "running"):
        state, error = STATES.get(job.state, job.state), job.error
        done_s = max(done_s, float(job.progress.get("audio_s") or 0.0))
        duration_s = duration_s or float(job.progress.get("total") or 0) or None
        left_s = job.progress.get("left_s") if job.state == "running" else None
    told = scan_record(scan, whole=whole and state == "done")
    return told | {
        "state": state,
        "progress": {"done_s": done_s, "duration_s": duration_s, "left_s": left_s},
        "error": None if error is None else dict(error),
    }
