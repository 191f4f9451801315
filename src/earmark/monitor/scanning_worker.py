"""What a worker process does of a scan of many sources: it opens the library once, for itself."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from earmark.config import Settings
from earmark.monitor.options import MonitorOptions
from earmark.monitor.repeating.peaks import RepeatPeaks
from earmark.monitor.scanning_board import Board
from earmark.monitor.scanning_progress import ScanProgress
from earmark.monitor.timeline import Timeline

if TYPE_CHECKING:
    from earmark.library import Library
    from earmark.monitor.desk import Desk


@dataclass(frozen=True, slots=True)
class ScanJob:
    """One source: its place in the order, where it is, what it is called."""

    slot: int
    source: str
    name: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of it: the timeline, and what is needed to find repeats in all of them.

    ``unknown`` is None where repeats are not looked for, or nothing was heard anew.
    """

    timeline: Timeline
    unknown: RepeatPeaks | None


@dataclass(slots=True)
class ScanWorker:
    """Scans one source after another; pickled before it has opened anything."""

    place: str
    settings: Settings
    options: MonitorOptions
    board: str
    log: bool
    station: str | None
    began_at: float | None
    resume: bool
    again: bool
    _open: tuple[Library, Desk | None, Board] | None = field(default=None, init=False)

    def __call__(self, job: ScanJob) -> Heard:
        """Scan one source."""
        from earmark.audio.fetch import FetchLimits
        from earmark.monitor.repeats import Repeats
        from earmark.monitor.scanning_one import scan

        library, desk, board = self._opened()
        stop = threading.Event()

        def tell(progress: ScanProgress) -> None:
            board.tell(job.slot, progress.heard_s, progress.duration_s or 0.0, progress.found)
            if board.stopped:
                stop.set()

        if board.stopped:
            stop.set()
        settings = self.settings
        repeats = Repeats() if self.options.repeats else None
        timeline = scan(
            library,
            job.source,
            self.options,
            name=job.name,
            station=self.station,
            began_at=self.began_at,
            progress=tell,
            stop=stop,
            desk=desk,
            resume=self.resume,
            again=self.again,
            repeats=repeats,
            limits=FetchLimits(
                max_bytes=settings.fetch_limit_bytes,
                stall_s=settings.fetch_timeout_s,
                public_only=settings.fetch_public_only,
            ),
        )
        unknown = None if repeats is None else repeats.extract()
        # Nothing is in there where the source was known already.
        return Heard(timeline, unknown if unknown is not None and unknown.sources else None)

    def _opened(self) -> tuple[Library, Desk | None, Board]:
        """Open what stays open until the process ends, or is killed, which harms nothing."""
        if self._open is None:
            from earmark.library import Library
            from earmark.monitor.desk import Desk

            with ExitStack() as stack:
                library = stack.enter_context(Library.open(self.place, settings=self.settings))
                desk = stack.enter_context(Desk.open(library, self.settings)) if self.log else None
                stack.pop_all()
            self._open = library, desk, Board(self.board)
        return self._open
