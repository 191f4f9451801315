"""Uploads that no track and no job names any more are thrown away, a day after they came."""

from __future__ import annotations

import logging

from earmark.errors import EarmarkError
from earmark.service.bodies.media import files_of, tail
from earmark.service.context import House

log = logging.getLogger("earmark.service")

# As many jobs as may wait; more are never there.
_JOBS = 100_000


def sweep(house: House) -> None:
    """Sweep the media room; what stands in the way is logged and changes nothing else."""
    try:
        # Jobs first: what a job makes a track of meanwhile is found as one thing or the other.
        waiting = house.ledger.jobs(states=("queued", "running"), limit=_JOBS)
        used = {tail(path) for job in waiting for path in job.request.get("uploads", ())}
        used |= {tail(path) for track in house.library.tracks() for path in files_of(track)}
        gone = house.media.sweep(lambda path: tail(path) in used)
    except (EarmarkError, OSError) as error:
        log.warning("uploads could not be swept: %s", error)
        return
    if gone:
        log.info("threw away %d uploads that nothing names", gone)
