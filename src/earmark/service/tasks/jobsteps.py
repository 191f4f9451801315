"""How a job's record changes from one state to the next; nothing is written here."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from earmark.errors import EarmarkError, InternalError
from earmark.ports.ledger import JobRecord, JobState
from earmark.reports import Progress

ENDED = frozenset({"done", "failed", "cancelled"})
# A job during which the service dies this often in a row, and no track is added, is why it dies.
MOST_DEATHS = 5


def after_death(job: JobRecord, tracks: int) -> JobRecord:
    """Return a job that ran when the service died, as it waits again.

    Parameters
    ----------
    tracks
        How many the library holds now.
    """
    gained = tracks > job.progress.get("held", -1)
    deaths = 1 if gained else job.progress.get("deaths", 0) + 1
    return replace(job, state="queued", progress={**job.progress, "deaths": deaths, "held": tracks})


def require_sound(job: JobRecord) -> None:
    """Raise `InternalError` for a job that brings the service down again and again."""
    deaths = job.progress.get("deaths", 0)
    if deaths >= MOST_DEATHS:
        message = f"the service died {deaths} times in a row during the job {job.id}"
        raise InternalError(message)


def begun(job: JobRecord) -> JobRecord:
    """Return a job as it runs, for the first time or again."""
    resumed = job.progress.get("resumed", 0) + (job.started_at is not None)
    return replace(
        job,
        state="running",
        started_at=job.started_at or time.time(),
        progress={**job.progress, "resumed": resumed},
    )


def moved(job: JobRecord, progress: Progress) -> JobRecord:
    """Return a job that has come this far."""
    shape = {**job.progress, **asdict(progress), "left_s": progress.left_s}
    for name in ("audio_s", "wall_s", "left_s"):
        shape[name] = None if shape[name] is None else round(shape[name], 3)
    return replace(job, progress=shape)


def settled(
    job: JobRecord, state: JobState, report: Mapping[str, Any] | None, error: EarmarkError | None
) -> JobRecord:
    """Return a job whose run is over; one that was interrupted waits again or is cancelled."""
    if report is not None:
        if report["interrupted"]:
            state = "queued" if job.wanted else "cancelled"
        report = {**report, "resumed": job.progress.get("resumed", 0)}
        del report["interrupted"]
    if state == "queued":
        return replace(job, state="queued")
    told = None if error is None else {"code": error.code, "message": error.message}
    return replace(job, state=state, report=report, error=told, ended_at=time.time())
