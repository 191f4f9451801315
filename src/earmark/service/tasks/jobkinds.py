"""The kinds of jobs: what may be asked for, what each does, and what is tidied up after it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from earmark.config import ServeSettings
from earmark.errors import InvalidRequestError
from earmark.library import Library
from earmark.ports.ledger import JobRecord
from earmark.service.bodies.media import MediaRoom
from earmark.service.tasks import dedupework, jobwork
from earmark.service.tasks.dedupework import DEDUPE
from earmark.service.tasks.jobwork import Tell
from earmark.service.tasks.scanwork import SCAN, Scans


class JobKinds:
    """Does jobs, each by its kind: ingest, rebuild, dedupe and, where there is a desk, scan."""

    def __init__(
        self,
        library: Library,
        options: ServeSettings,
        media: MediaRoom,
        scans: Scans | None = None,
    ) -> None:
        self._library = library
        self._options = options
        self._media = media
        self._scans = scans

    def check(self, kind: str, request: Mapping[str, Any]) -> None:
        """Raise what is wrong with a job that somebody asks for; see `jobwork.check`."""
        if kind == DEDUPE:
            dedupework.check(request)
        elif kind != SCAN:
            jobwork.check(kind, request, self._options)
        elif self._scans is None:
            raise InvalidRequestError("nothing is scanned here: there is no desk")
        else:
            self._scans.check(request)

    def do(self, job: JobRecord, tell: Tell, stop: threading.Event) -> dict[str, Any]:
        """Do a job and return its report; raises what is wrong with it as a whole."""
        if job.kind == "rebuild":
            return jobwork.rebuild(self._library, job, tell)
        if job.kind == DEDUPE:
            return dedupework.do(self._library, job, tell, stop)
        if job.kind == SCAN:
            self.check(SCAN, job.request)
            assert self._scans is not None  # noqa: S101 - it was looked for
            return self._scans.do(job, tell, stop)
        return jobwork.add(self._library, self._options, self._media, job, tell, stop)

    def ended(self, job: JobRecord) -> None:
        """Tidy up after a job that has ended: uploads that are no track's source go."""
        if job.kind == SCAN and self._scans is not None:
            self._scans.ended(job)
        jobwork.discard(self._library, self._media, job)
