"""The crew for the engines that are on: a new one when they, or their parameters, change."""

from __future__ import annotations

import threading

from earmark.errors import StoppedError
from earmark.ingest.analyse import Analysed, Analyst, Job
from earmark.ingest.crew import Crew, Patience


class Workshop:
    """Analysis processes that stay, for any number of threads.

    Parameters
    ----------
    count
        The most processes at once.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._lock = threading.Lock()
        self._key: object = None
        self._crew: Crew[Job, Analysed] | None = None
        self._retired: list[Crew[Job, Analysed]] = []
        self._closed = False

    def perform(self, analyst: Analyst, job: Job, patience: Patience) -> Analysed:
        """Have a job done as ``analyst`` does it; raises what `Crew.perform` raises."""
        return self._crew_of(analyst).perform(job, patience)

    def close(self) -> None:
        """End every process now; jobs in hand raise `StoppedError`."""
        with self._lock:
            self._closed = True
            crews = [*self._retired, *filter(None, [self._crew])]
        for crew in crews:
            crew.close()

    def _crew_of(self, analyst: Analyst) -> Crew[Job, Analysed]:
        key = (analyst.limits, *((one.name, one.digest) for one in analyst.analyses))
        with self._lock:
            if self._closed:
                message = "the library is closed; open it again"
                raise StoppedError(message)
            if self._crew is None or key != self._key:
                if self._crew is not None:
                    self._crew.retire()
                    self._retired = [crew for crew in (*self._retired, self._crew) if crew.size]
                self._key, self._crew = key, Crew(analyst, self._count)
            return self._crew
