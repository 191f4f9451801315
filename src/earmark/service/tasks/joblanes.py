"""Jobs in two lanes, each in its order: a scan of hours keeps nobody waiting but other scans."""

from __future__ import annotations

import threading
from collections import deque

from earmark.ports.ledger import LANES, JobRecord, Lane
from earmark.service.tasks.scanwork import SCAN


def lane_of(kind: str) -> Lane:
    """Return the lane of a kind of jobs."""
    return "scans" if kind == SCAN else "jobs"


class Waiting:
    """The ids of jobs that wait, oldest first in each lane; for any thread."""

    def __init__(self) -> None:
        self._ready = threading.Condition()
        self._ids: dict[Lane, deque[str]] = {lane: deque() for lane in LANES}
        self._closed = False

    def put(self, job: JobRecord) -> None:
        """Put a job at the end of its lane."""
        with self._ready:
            self._ids[lane_of(job.kind)].append(job.id)
            self._ready.notify_all()

    def put_back(self, lane: Lane, job_id: str) -> None:
        """Put a job that was taken where it was: at the front."""
        with self._ready:
            self._ids[lane].appendleft(job_id)
            self._ready.notify_all()

    def drop(self, job: JobRecord) -> None:
        """Take a job out of its lane, if it is there."""
        with self._ready:
            lane = self._ids[lane_of(job.kind)]
            if job.id in lane:
                lane.remove(job.id)

    def take(self, lane: Lane) -> str | None:
        """Wait for the next job of a lane; None once it is closed."""
        with self._ready:
            self._ready.wait_for(lambda: self._closed or self._ids[lane])
            return None if self._closed else self._ids[lane].popleft()

    def close(self) -> None:
        """Let nobody wait any more."""
        with self._ready:
            self._closed = True
            self._ready.notify_all()
