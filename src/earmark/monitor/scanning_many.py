"""Many sources at once, one worker process a core; what repeats is looked for in all of them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from earmark.config import Settings, load_settings
from earmark.ingest.pool import Pool
from earmark.monitor.options import MonitorOptions
from earmark.monitor.repeating.peaks import RepeatPeaks
from earmark.monitor.repeats import Repeats
from earmark.monitor.scanning_board import Board
from earmark.monitor.scanning_progress import ScanCallback, ScanProgress
from earmark.monitor.scanning_worker import Heard, ScanJob, ScanWorker
from earmark.monitor.timeline import Repeat, Timeline
from earmark.reports import Failure

_POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Scanned:
    """What became of one source: a timeline, or why there is none."""

    input: str
    source: str
    timeline: Timeline | None = None
    failure: Failure | None = None


def scan_many(
    place: str | os.PathLike[str],
    sources: Sequence[str],
    options: MonitorOptions | None = None,
    *,
    names: Sequence[str] | None = None,
    workers: int = 0,
    settings: Settings | None = None,
    log: bool = False,
    station: str | None = None,
    began_at: float | None = None,
    tell: Callable[[Scanned], None] | None = None,
    progress: ScanCallback | None = None,
    stop: threading.Event | None = None,
    resume: bool = True,
    again: bool = False,
) -> list[Scanned]:
    """Scan files and URLs in worker processes and return what became of each, in their order.

    A source that cannot be heard, or that brings its process down, stops no other. Each process
    holds one source at a time, so memory does not grow with their number or length, but for what
    is kept to find repeats (about 1 MB an hour).

    Parameters
    ----------
    place
        The library's folder or URL; every process opens it for itself.
    names
        What timelines call the sources; None: as they are.
    workers
        How many processes; 0: as the settings say.
    log
        Whether detections are logged at the library's desk, which also lets a scan go on that was
        cut off.
    tell
        Called with each that is done, as soon as it is, before repeats are looked for.
    progress
        Called a few times a second with the sums of all.
    stop
        Once set, the processes stop within some ten seconds of audio; what is not begun is left
        out of the result.

    The rest is as in `scan`.
    """
    options = options or MonitorOptions()
    settings = settings or load_settings()
    called = list(sources if names is None else names)
    jobs = [ScanJob(slot, *pair) for slot, pair in enumerate(zip(sources, called, strict=True))]
    board = Board()
    worker = ScanWorker(
        os.fspath(place),
        settings,
        options,
        board.path,
        log,
        station,
        began_at,
        resume,
        again,
    )
    found: dict[int, Scanned] = {}
    unknown: dict[int, RepeatPeaks] = {}
    began = time.monotonic()
    try:
        count = min(workers or settings.worker_count, len(jobs))
        with Pool[ScanJob, Heard](worker, count) as pool:
            waiting = jobs[::-1]
            while waiting or pool.pending:
                if stop is not None and stop.is_set():
                    board.stop()
                    waiting.clear()
                while waiting and pool.has_room:
                    pool.submit(waiting.pop())
                reply = pool.fetch(_POLL_S)
                if reply is not None:
                    slot = reply.job.slot
                    found[slot] = _scanned(reply.job, reply.result)
                    if isinstance(reply.result, Heard) and reply.result.unknown is not None:
                        unknown[slot] = reply.result.unknown
                    if tell is not None:
                        tell(found[slot])
                if progress is not None:
                    progress(_sum(jobs, found, board, time.monotonic() - began))
    finally:
        board.close()
    groups = _groups(unknown)
    return [_with(found[slot], groups, fresh=slot in unknown) for slot in sorted(found)]


def _scanned(job: ScanJob, result: Heard | Failure) -> Scanned:
    if isinstance(result, Heard):
        return Scanned(job.name, job.source, result.timeline)
    return Scanned(job.name, job.source, failure=replace(result, input=job.name))


def _sum(
    jobs: Sequence[ScanJob], found: Mapping[int, Scanned], board: Board, wall_s: float
) -> ScanProgress:
    """Return how far all of them are; the length of all is known once that of each is."""
    heard_s, whole_s, tracks, known = 0.0, 0.0, 0, True
    for job in jobs:
        heard, whole, count = board.read(job.slot)
        done = found.get(job.slot)
        heard_s += heard
        whole_s += heard if done is not None else whole
        known = known and (done is not None or whole > 0.0)
        tracks += len(done.timeline.detections) if done and done.timeline else count
    total = whole_s if known else None
    return ScanProgress("", heard_s, total, tracks, wall_s, len(found), len(jobs))


def _groups(unknown: Mapping[int, RepeatPeaks]) -> tuple[Repeat, ...]:
    """Return what is played several times in all of them together."""
    if not unknown:
        return ()
    repeats = Repeats()
    for slot in sorted(unknown):
        repeats.absorb(unknown[slot])
    return repeats.find()


def _with(scanned: Scanned, groups: tuple[Repeat, ...], *, fresh: bool) -> Scanned:
    """Return a source with its repeats; one that was known before keeps those it had."""
    timeline = scanned.timeline
    if timeline is None:
        return scanned
    own = groups if fresh else (*timeline.repeats, *groups)
    return replace(scanned, timeline=timeline.with_repeats(own))
