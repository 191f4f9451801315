"""Runs the service: one process, one library, until it is told to end."""

from __future__ import annotations

import asyncio
import errno
import math
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

import uvicorn

from earmark.bootstrap import open_ledger
from earmark.config import ServeSettings, Settings
from earmark.errors import ServiceError, UsageError
from earmark.library import Library
from earmark.ports.ledger import Ledger, SharedLedger
from earmark.service import logs
from earmark.service.app import create_app
from earmark.service.context import House
from earmark.service.door.deadlines import DeadlineProtocol
from earmark.service.fetching import bounded
from earmark.service.guards import bare, is_loopback
from earmark.service.listenwire import FRAME_BYTES
from earmark.service.warming import warm

KEEP_ALIVE_S = 20
HEAD_BYTES = 32_768
# Above the protocol's limit, so that a frame just too large is told so before the close.
WS_FRAME_BYTES = FRAME_BYTES + 65_536
# More than this many connections at once are answered with 503 and closed.
CONNECTIONS = 4096
# Left over for files when connections use up what the system lets a process open.
FILES = 256


@dataclass(frozen=True, slots=True)
class Started:
    """What `serve` tells when it accepts: its address, its tracks, whether it wants keys."""

    address: str
    tracks: int
    needs_key: bool


def serve(
    options: ServeSettings,
    settings: Settings,
    place: str,
    *,
    told: Callable[[Started], None] | None = None,
) -> None:
    """Open a library (made where there is none) and serve it until SIGINT or SIGTERM.

    Parameters
    ----------
    place
        The library's folder, or its URL.
    told
        Called once, when it accepts.

    Raises
    ------
    UsageError
        An option makes no sense, or others could come in without a key.
    ServiceError
        The address cannot be had.
    StoreError
        The library cannot be opened.
    """
    _check(options)
    logs.configure(options.log)
    settings = bounded(settings, options)
    with Library.open(place, create=True, settings=settings) as library:
        ledger = open_ledger(place, settings)
        try:
            _must_do_jobs(options, ledger)
            app = create_app(library, ledger, options=options, settings=settings)
            house: House = app.state.house
            house.monitoring.open()  # what is wrong with it is told now
            needs_key = house.keys.read().wanted
            _refuse_open(options, house)
            with _bound(options) as listener:
                started = Started(_address(listener), len(library), needs_key)
                config = _config(app, options)
                server = _Server(config, house, lambda: told(started) if told else None)
                with _told_to_end(server):
                    _run(server, listener)
        finally:
            ledger.close()


class _Server(uvicorn.Server):
    """Tells when it accepts, and lets the house close while requests in hand are finished."""

    def __init__(self, config: uvicorn.Config, house: House, accepts: Callable[[], None]) -> None:
        super().__init__(config)
        self._house = house
        self._accepts = accepts

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and not self.should_exit:
            self._house.warming = asyncio.create_task(warm(self._house))
            self._accepts()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Jobs are let go at once: whoever follows one (SSE) holds a connection open for as long.
        closing = asyncio.create_task(self._house.close())
        await super().shutdown(sockets)
        await closing


def _run(server: _Server, listener: socket.socket) -> None:
    try:
        server.run(sockets=[listener])
    except SystemExit as error:
        message = "the service could not start; its log says why"
        raise ServiceError(message) from error


def _config(app: object, options: ServeSettings) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        http=DeadlineProtocol,
        ws="auto",
        ws_max_size=WS_FRAME_BYTES,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=bool(options.proxies),
        forwarded_allow_ips=options.proxies or None,
        server_header=False,
        limit_concurrency=_connections(),
        timeout_keep_alive=KEEP_ALIVE_S,
        # The workload ends what is in hand at the end of the grace; this is for what it missed.
        timeout_graceful_shutdown=math.ceil(options.grace_s) + 2,
        h11_max_incomplete_event_size=HEAD_BYTES,
    )


def _connections() -> int:
    """Raise the limit of open files as far as the system lets us; return what fits in it."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + FILES
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(FILES, min(CONNECTIONS, soft - FILES))


def _check(options: ServeSettings) -> None:
    """Refuse options that make no sense."""
    if options.log not in logs.FORMATS:
        message = f"log is one of {', '.join(logs.FORMATS)}, not {options.log!r}"
        raise UsageError(message)
    if not 0 <= options.port <= 65_535:
        message = f"a port is 0 to 65535, got {options.port}"
        raise UsageError(message)
    for name in ("upload_limit_bytes", "body_stall_s", "timeout_s", "listens", "listen_limit_s"):
        if not getattr(options, name) > 0:
            message = f"{name} is more than 0, got {getattr(options, name)}"
            raise UsageError(message)
    for name in ("queue", "rate_per_minute", "grace_s", "threads", "streams"):
        if not getattr(options, name) >= 0:
            message = f"{name} is 0 or more, got {getattr(options, name)}"
            raise UsageError(message)


def _must_do_jobs(options: ServeSettings, ledger: Ledger) -> None:
    """Refuse to leave jobs to workers that cannot be."""
    if not options.jobs and not isinstance(ledger, SharedLedger):
        message = (
            "a library in a folder has no workers beside its service; leave out --no-jobs "
            "(EARMARK_SERVE_JOBS)"
        )
        raise UsageError(message)


def _refuse_open(options: ServeSettings, house: House) -> None:
    """Refuse to let everybody in where nobody said so."""
    held = any(key.revoked_at is None for key in house.keys.read().records.values())
    if not (options.open or held or is_loopback(bare(options.host))):
        message = (
            f"{options.host!r} is reached from other machines and the service has no keys; make "
            "one with `earmark keys add`, or let everyone in with `earmark serve --open`"
        )
        raise UsageError(message)


@contextmanager
def _bound(options: ServeSettings) -> Iterator[socket.socket]:
    host = options.host.strip("[]")
    try:
        found = socket.getaddrinfo(host, options.port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        message = f"{options.host!r} is no address of this machine: {error.strerror}"
        raise ServiceError(message) from error
    listener = socket.socket(found[0], found[1])
    with listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(found[4])
            # Taken at bind by one and at listen by another, a port may look free until now.
            listener.listen(2048)
        except OSError as error:
            raise ServiceError(_why_not(options, error)) from error
        listener.setblocking(False)
        yield listener


def _why_not(options: ServeSettings, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {options.port} at {options.host!r} is taken by another program; "
            "choose one with --port"
        )
    if error.errno == errno.EACCES:
        return f"port {options.port} is not this user's to take; choose one above 1023 with --port"
    return f"{options.host}:{options.port} cannot be had: {error.strerror or error}"


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def _told_to_end(server: uvicorn.Server) -> Iterator[None]:
    """End in order, with exit code 0, at SIGINT and SIGTERM.

    uvicorn raises the signal once more when it is done; this is where it goes to then.
    """

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - signal's shape
        server.should_exit = True

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
