"""Uploads that no track and no job names any more are thrown away, a day after they came."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from earmark.errors import EarmarkError
from earmark.ports.ledger import JobRecord
from earmark.service.bodies.media import files_of, tail
from earmark.service.context import House

log = logging.getLogger("earmark.service")

# A job may name a thousand uploads.
_PAGE = 20


def sweep(house: House) -> None:
    """Sweep the media room; what stands in the way is logged and changes nothing else."""
    try:
        # Jobs first: what a job makes a track of meanwhile is found as one thing or the other.
        used = {tail(path) for job in _waiting(house) for path in job.request.get("uploads", ())}
        used |= {tail(path) for track in house.library.tracks() for path in files_of(track)}
        gone = house.media.sweep(lambda path: tail(path) in used)
    except (EarmarkError, OSError) as error:
        log.warning("uploads could not be swept: %s", error)
        return
    if gone:
        log.info("threw away %d uploads that nothing names", gone)


def _waiting(house: House) -> Iterator[JobRecord]:
    """Yield the jobs that have not ended, of every service, oldest first, a few at a time."""
    last = None
    while page := house.ledger.jobs(
        states=("queued", "running"), before=last, limit=_PAGE, oldest_first=True
    ):
        yield from page
        last = page[-1].id
