"""Server-sent events: bytes, however they are cut, become jobs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from earmark.client.service import Service, backoff_s
from earmark.client.shapes import readable
from earmark.client.tidings import job as read_job
from earmark.client.values import Job
from earmark.errors import EarmarkError, ServiceError

SILENCE_S = 60.0
"""A service that sends not even a ping for as long (it sends one every 15 s) is gone."""
_LONGEST = 1 << 24


@dataclass(slots=True)
class Watch:
    """What is known of a job that is followed, over one connection or several."""

    service: Service
    job: Job | None = None
    failures: int = 0
    _rest: bytes = field(default=b"", repr=False)
    _data: list[str] = field(default_factory=list, repr=False)

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self.job is not None and self.job.ended

    def begin(self) -> None:
        """Forget half an event: a new connection begins."""
        self._rest = b""
        self._data = []

    def feed(self, block: bytes) -> Iterator[Job]:
        """Yield the job each time that it changed.

        Raises
        ------
        ServiceError
            This is no stream of a job's events.
        """
        self._rest += block
        if len(self._rest) + sum(map(len, self._data)) > _LONGEST:
            message = f"{self.service.url} sends an event without an end"
            raise ServiceError(message)
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            with readable(f"an event of {self.service.url}"):
                job = self._line(line.rstrip(b"\r").decode("utf-8"))
            if job is None:
                continue
            self.failures = 0
            if job != self.job:
                self.job = job
                yield job

    def pause_s(self, error: EarmarkError) -> float:
        """Return how long to wait before connecting again after a cut, or raise the error."""
        if not isinstance(error, ServiceError) or self.failures >= self.service.retries:
            raise error
        self.failures += 1
        return backoff_s(self.failures - 1)

    def cut(self) -> ServiceError:
        """Return the error for a stream that ended before the job."""
        return ServiceError(f"{self.service.url} ended the events of a job before the job")

    def _line(self, line: str) -> Job | None:
        """Take one line; return the job that an empty one completes."""
        if line:
            name, _, value = line.partition(":")
            if name == "data":
                self._data.append(value.removeprefix(" "))
            return None
        text, self._data = "\n".join(self._data), []
        return read_job(json.loads(text)) if text else None
