"""Puts the service together: middleware, routes, and what starts and stops with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from starlette.middleware.cors import CORSMiddleware

from earmark import __version__
from earmark.config import ServeSettings, Settings
from earmark.library import Library
from earmark.ports.ledger import Ledger, SharedLedger
from earmark.service import pages
from earmark.service.answering import openapi, problems
from earmark.service.bodies.media import MediaRoom
from earmark.service.bodies.shelf import media_room
from earmark.service.context import House
from earmark.service.door.headers import SecurityHeaders
from earmark.service.door.keyring import KeyRing
from earmark.service.door.limits import BodyLimits
from earmark.service.door.methods import Methods
from earmark.service.door.ratelimit import RateLimit
from earmark.service.door.requestlog import RequestLog
from earmark.service.guards import OpenDoorGuard, bare, is_loopback
from earmark.service.metrics import Metrics
from earmark.service.routes import (
    about,
    compare,
    compat,
    detections,
    feedback,
    health,
    identify,
    jobs,
    keys,
    listen,
    media,
    rules,
    scans,
    scores,
    streams,
    tracks,
    upkeep,
    webhooks,
)
from earmark.service.sweeping import sweep
from earmark.service.tasks.jobs import JobRunner
from earmark.service.tasks.monitoring import Monitoring
from earmark.service.tasks.scanjobs import ScanJobs
from earmark.service.tasks.scanwork import Scans
from earmark.service.tasks.sharedjobs import SharedJobs
from earmark.service.tasks.workload import Workload

ROUTES = (
    *(about, identify, compare, tracks, media, scores, jobs),
    *(scans, streams, detections, rules, webhooks),
    *(upkeep, keys, feedback, listen, health),
)
LOOKUP_THREADS = 4
LOOKUP_QUEUE = 1000
EXPOSED = ("ETag", "Location", "Retry-After", "X-Request-ID", "Idempotency-Replayed")


def create_app(
    library: Library, ledger: Ledger, *, options: ServeSettings, settings: Settings
) -> FastAPI:
    """Return the service over an open library; both stay the caller's to close.

    Parameters
    ----------
    options
        What the service was told; ``host`` says whether it is reached from this machine only.
    settings
        What the library was opened with.
    """
    app = FastAPI(
        title="earmark",
        version=__version__,
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    house = _furnish(library, ledger, options, settings)
    app.state.house = house
    app.state.methods = Methods()
    problems.install(app)
    openapi.describe(app)
    for module in ROUTES:
        _take(app, module.router)
    if options.compat:
        _take(app, compat.router)
    _take(app, pages.router)
    app.mount("/static", pages.static_files())
    app.add_middleware(
        BodyLimits,
        upload_bytes=options.upload_limit_bytes,
        stall_s=options.body_stall_s,
        small_s=options.timeout_s,
    )
    app.add_middleware(OpenDoorGuard, origins=options.origin_list, anyone=options.open)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=options.origin_list,
        allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=["*"],
        expose_headers=EXPOSED,
    )
    app.add_middleware(RequestLog, metrics=house.metrics)
    app.add_middleware(SecurityHeaders)  # outermost, so that a bug's answer has them too
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    house: House = app.state.house
    await house.quick(house.monitoring.start)
    await house.quick(house.jobs.start)
    sweeping = asyncio.create_task(asyncio.to_thread(sweep, house))
    try:
        yield
    finally:
        await house.close()
        house.work.stop()
        house.changes.stop()
        house.lookups.stop()
        await sweeping
        house.monitoring.close()


def _furnish(library: Library, ledger: Ledger, options: ServeSettings, settings: Settings) -> House:
    room = media_room(library, ledger, options)
    monitoring = Monitoring(library, ledger, options, settings, room)
    runner = _jobs(library, ledger, options, room, monitoring.scans)
    house = House(
        library=library,
        ledger=ledger,
        options=options,
        settings=settings,
        media=room,
        jobs=runner,
        keys=KeyRing(ledger, anyone=options.open, loopback=is_loopback(bare(options.host))),
        rates=RateLimit(options.rate_per_minute),
        metrics=Metrics(),
        work=Workload(options.thread_count, options.queue),
        changes=Workload(options.thread_count, options.queue, "changes"),
        lookups=Workload(LOOKUP_THREADS, LOOKUP_QUEUE, "lookups"),
        monitoring=monitoring,
        scans=ScanJobs(runner),
    )
    _show(house)
    return house


def _jobs(
    library: Library, ledger: Ledger, options: ServeSettings, room: MediaRoom, scans: Scans
) -> JobRunner | SharedJobs:
    if isinstance(ledger, SharedLedger):
        return SharedJobs(library, ledger, options, room, scans)
    return JobRunner(library, ledger, options, room, scans)


def _show(house: House) -> None:
    """Let the metrics ask for what is going on."""
    metrics, work, changes = house.metrics, house.work, house.changes
    metrics.gauge("work_running", "Pieces of work that have a thread.", lambda: work.running)
    metrics.gauge("work_waiting", "Pieces of work that wait for one.", lambda: work.waiting)
    metrics.gauge("changes_running", "Changes that have a thread.", lambda: changes.running)
    metrics.gauge("changes_waiting", "Changes that wait for one.", lambda: changes.waiting)
    metrics.gauge("library_tracks", "Tracks in the library.", lambda: len(house.library))
    metrics.gauge("jobs_pending", "Jobs that have not ended.", house.jobs.pending)
    house.monitoring.show(metrics)
    metrics.gauge("listening", "Sockets that listen.", lambda: len(house.listening))


def _take(app: FastAPI, router: APIRouter) -> None:
    app.include_router(router)
    app.state.methods.add(router.routes)
