"""Does the jobs of a library that many machines share, until it is told to end; answers nobody."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from earmark.bootstrap import open_ledger, refuse_half_url
from earmark.config import ServeSettings, Settings
from earmark.errors import UsageError
from earmark.library import Library
from earmark.ports.ledger import SharedLedger
from earmark.service import logs
from earmark.service.bodies.shelf import media_room
from earmark.service.fetching import bounded
from earmark.service.tasks.jobfeed import Feed
from earmark.service.tasks.jobkinds import JobKinds
from earmark.service.tasks.jobtaker import JobTaker
from earmark.service.tasks.monitoring import open_desk
from earmark.service.tasks.scanwork import Scans


def work(
    options: ServeSettings,
    settings: Settings,
    place: str,
    *,
    jobs: int = 1,
    told: Callable[[int], None] | None = None,
) -> None:
    """Open a library in Redis and do its jobs until SIGINT or SIGTERM.

    What is in hand then is committed as far as it has come, and put back for whoever is next.

    Parameters
    ----------
    options
        What the service was told: its media folder and roots are the worker's too.
    place
        The library's URL.
    jobs
        How many jobs are done at once; ``options.scans`` says how many scans beside them.
    told
        Called once, with how many jobs wait, when it begins.

    Raises
    ------
    UsageError
        The library lies in a folder, or the media folder is another library's.
    StoreError
        The library cannot be opened.
    """
    if "://" not in place:
        refuse_half_url(place)
        message = (
            f"{place!r} is a library in a folder, whose jobs are done inside `earmark serve`; "
            "workers are for a library in Redis (--library redis://...)"
        )
        raise UsageError(message)
    if options.log not in logs.FORMATS:
        message = f"log is one of {', '.join(logs.FORMATS)}, not {options.log!r}"
        raise UsageError(message)
    logs.configure(options.log)
    settings = bounded(settings, options)
    with Library.open(place, create=True, settings=settings) as library:
        ledger = open_ledger(place, settings)
        try:
            if not isinstance(ledger, SharedLedger):
                message = f"{library.address!r} has no workers beside its service"
                raise UsageError(message)
            room = media_room(library, ledger, options)
            with open_desk(library, settings, room) as desk, _told_to_end() as end:
                scans = Scans(library, options, settings, room, lambda: desk)
                kinds = JobKinds(library, options, room, scans)
                taker = JobTaker(ledger, kinds, Feed(), count=jobs, scans=options.scans)
                taker.start()
                if told is not None:
                    told(ledger.pending_jobs())
                end.wait()
                taker.stop(options.grace_s)
        finally:
            ledger.close()


@contextmanager
def _told_to_end() -> Iterator[threading.Event]:
    """Yield what is set at SIGINT and SIGTERM."""
    end = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - signal's shape
        end.set()

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield end
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
