"""A scan on its way: the source is fed to a monitor, what that tells is collected and logged."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from earmark.audio.fetch import FetchLimits, fetched, is_url
from earmark.audio.stream import BlockStream, Source, open_blocks
from earmark.errors import EmptyAudioError
from earmark.monitor.options import MonitorOptions
from earmark.monitor.repeats import Repeats
from earmark.monitor.scanning_book import Book
from earmark.monitor.scanning_found import Found
from earmark.monitor.scanning_progress import ScanCallback, ScanProgress
from earmark.monitor.session import Monitor
from earmark.monitor.timeline import Happening, Repeat, Timeline
from earmark.ports import Detection, ScanState
from earmark.timing import collecting, lap
from earmark.types import Samples
from earmark.units import clock

if TYPE_CHECKING:
    from earmark.library import Library

BLOCK_S = 10.0
"""How much is read at once: a stop, a checkpoint and progress wait for no more than that."""


@dataclass(slots=True)
class Scanning:
    """One scan on its way."""

    library: Library
    source: Source
    options: MonitorOptions
    name: str
    progress: ScanCallback | None
    stop: threading.Event | None
    limits: FetchLimits
    book: Book | None = None
    found: Found = field(default_factory=Found)
    warnings: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def run(self, repeats: Repeats | None, *, resume: bool = False) -> Timeline:
        """Hear it all."""
        start_s = 0.0
        if self.book is not None:
            checkpoint = self.book.checkpoint if resume else None
            if checkpoint is not None:
                self.found, start_s = Found.resumed(checkpoint)
            self.book.begin(self.found.detections, checkpoint)
        if repeats is None and self.options.repeats:
            repeats = Repeats()
        with collecting() as laps:
            monitor = Monitor(
                self.library,
                self.options,
                start_s=start_s,
                growing_gap=self.found.growing,
                repeats=repeats,
                name=self.name,
            )
            stopped = self._hear(monitor, start_s)
            with lap("listen"):
                told = monitor.finish()
            self._take(told, log=not stopped)
            groups: tuple[Repeat, ...] = ()
            if repeats is not None and not stopped:
                with lap("repeats"):
                    groups = repeats.find()
        if start_s > 0.0 and self.options.repeats:
            self.warnings.append(uncompared(self.name, f"up to {clock(start_s)}"))
        detections, gaps = self.found.ordered()
        timeline = Timeline(
            self.name,
            monitor.heard_s,
            detections,
            gaps,
            warnings=tuple(self.warnings),
            timing_ms=dict(laps),
        ).with_repeats(groups)
        if self.book is not None and not stopped:
            self.book.done(timeline.as_dict(), monitor.heard_s)
        return timeline

    def _hear(self, monitor: Monitor, start_s: float) -> bool:
        """Feed the source; return whether it was stopped before its end."""
        try:
            with (
                self._at_hand() as source,
                open_blocks(
                    source,
                    monitor.rate_hz,
                    BLOCK_S,
                    start_s=start_s,
                    name=self.name,
                    limits=self.limits,
                ) as blocks,
            ):
                stopped = self._feed(monitor, blocks)
                self.warnings += blocks.warnings
        except _CutOffError:
            stopped = True
            if self.book is not None:
                self._keep("stopped", monitor, None)
        except EmptyAudioError:
            if start_s == 0.0:
                raise
            return False  # it was cut off when all was heard
        if stopped:
            told = f"{self.name} was heard to {clock(monitor.heard_s)} only: it was stopped"
            self.warnings.append(told)
        return stopped

    @contextmanager
    def _at_hand(self) -> Iterator[Source]:
        """Yield what can be heard: of a URL the file, whose download ends where it is stopped."""
        if not (isinstance(self.source, str) and is_url(self.source)):
            yield self.source
            return

        def go_on() -> None:
            if self.stop is not None and self.stop.is_set():
                raise _CutOffError

        with fetched(self.source, self.limits, go_on=go_on) as file:
            yield file

    def _feed(self, monitor: Monitor, blocks: BlockStream) -> bool:
        for samples in _timed(blocks):
            if self.stop is not None and self.stop.is_set():
                if self.book is not None:
                    self._keep("stopped", monitor, blocks.claimed_s)
                return True
            with lap("listen"):
                told = monitor.feed(samples)
            self._take(told)
            if self.book is not None and self.book.due:
                self._keep("running", monitor, blocks.claimed_s)
            self._tell(monitor, blocks.claimed_s)
        return False

    def _take(self, told: list[Happening], *, log: bool = True) -> None:
        for happening in told:
            if happening.gap is not None:
                self.found.gaps.append(happening.gap)
            elif happening.kind == "close" and happening.detection is not None:
                found: Detection | None = happening.detection
                if self.book is not None and log:
                    with lap("log"):
                        found = self.book.log(happening)
                if found is not None:
                    self.found.detections.append(found)

    def _keep(self, state: ScanState, monitor: Monitor, claimed_s: float | None) -> None:
        assert self.book is not None  # noqa: S101 - the caller has looked
        checkpoint = self.found.checkpoint(monitor.settled_s, monitor.growing_gap)
        self.book.keep(state, checkpoint, monitor.heard_s, claimed_s)

    def _tell(self, monitor: Monitor, claimed_s: float | None) -> None:
        if self.progress is not None:
            count = len(self.found.detections) + len(monitor.open)
            wall_s = time.monotonic() - self.began
            told = ScanProgress(self.name, monitor.heard_s, claimed_s, count, wall_s)
            self.progress(told)


class _CutOffError(Exception):
    """It was stopped while it was fetched."""


def _timed(blocks: BlockStream) -> Iterator[Samples]:
    while True:
        with lap("decode"):
            clip = next(blocks, None)
        if clip is None:
            return
        yield clip.samples


def uncompared(name: str, what: str) -> str:
    """Return the warning that a source, or a part of it, was heard by an earlier run."""
    return (
        f"{name} was heard {what} already, so unknown music there is not compared with the rest; "
        "scan it with --again for that"
    )
