"""What every route works with: the open library and all that stands around it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from starlette.requests import HTTPConnection

from earmark.config import ServeSettings, Settings
from earmark.library import Library
from earmark.ports.ledger import Ledger
from earmark.service.bodies.media import MediaRoom
from earmark.service.door.keyring import KeyRing, Keys
from earmark.service.door.ratelimit import RateLimit
from earmark.service.metrics import Metrics
from earmark.service.tasks.jobs import JobRunner
from earmark.service.tasks.monitoring import Monitoring
from earmark.service.tasks.scanjobs import ScanJobs
from earmark.service.tasks.sharedjobs import SharedJobs
from earmark.service.tasks.workload import Workload

Result = TypeVar("Result")


@dataclass(slots=True)
class House:
    """One service: ``work`` is the pool of questions, ``lookups`` that of short look-ups.

    ``changes`` is the pool of what changes the library: a rebuild can keep it waiting for the
    writer's lock, and questions go on meanwhile.

    ``monitoring`` is the desk of detections and the streams that are watched, ``scans`` which
    job does which scan.

    ``warming`` opens the engines where `serve` began it; ``readiness`` is a look at all parts that
    is going on, and ``asking`` what it asks of each.
    """

    library: Library
    ledger: Ledger
    options: ServeSettings
    settings: Settings
    media: MediaRoom
    jobs: JobRunner | SharedJobs
    keys: KeyRing
    rates: RateLimit
    metrics: Metrics
    work: Workload
    changes: Workload
    lookups: Workload
    monitoring: Monitoring
    scans: ScanJobs
    listening: set[object] = field(default_factory=set)
    warming: asyncio.Task[None] | None = field(default=None, repr=False)
    readiness: asyncio.Task[dict[str, str]] | None = field(default=None, repr=False)
    asking: dict[str, asyncio.Future[str]] = field(default_factory=dict, repr=False)
    _closed: asyncio.Task[None] | None = field(default=None, repr=False)

    async def quick(self, work: Callable[[], Result]) -> Result:
        """Run a short look-up (SQLite, a small file) off the event loop, not behind long work."""
        return await self.lookups.run(lambda _: work(), timeout_s=self.options.timeout_s)

    async def close(self) -> None:
        """Let the jobs go at once; requests in hand have the grace to be finished."""
        if self._closed is None:
            grace_s = self.options.grace_s
            self.work.close(grace_s)
            self.changes.close(grace_s)
            self._closed = asyncio.create_task(asyncio.to_thread(self._stop, grace_s))
        await asyncio.shield(self._closed)

    def _stop(self, grace_s: float) -> None:
        until_s = time.monotonic() + grace_s
        self.monitoring.hush()
        self.jobs.stop(grace_s)
        self.monitoring.stop(max(0.0, until_s - time.monotonic()))

    @property
    def closing(self) -> bool:
        """Whether the service is going down."""
        return self._closed is not None

    async def current_keys(self) -> Keys:
        """Return the keys as they were at most two seconds ago."""
        keys = self.keys.fresh()
        return await self.quick(self.keys.read) if keys is None else keys


def house(connection: HTTPConnection) -> House:
    """Return the service that a request reached; a dependency of FastAPI."""
    found: House = connection.app.state.house
    return found
