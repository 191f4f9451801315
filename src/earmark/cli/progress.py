"""Progress on stderr: a bar on a terminal, silence elsewhere; Ctrl-C ends in good order."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from earmark.cli.errors import complain
from earmark.reports import Progress, ProgressCallback

if TYPE_CHECKING:
    from earmark.monitor.scan import ScanCallback, ScanProgress
    from earmark.sound.download import FetchCallback, FetchProgress


@contextmanager
def bar(what: str) -> Iterator[ProgressCallback | None]:
    """Yield a callback that draws a bar with rate and time left, or None off a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as drawn:
        task = drawn.add_task(what, total=None, rate="")

        def show(progress: Progress) -> None:
            rate = f"{progress.x_real_time:.0f} x real time" if progress.audio_s else ""
            if progress.failed:
                rate = f"{rate}  {progress.failed} failed".strip()
            drawn.update(task, completed=progress.done, total=progress.total, rate=rate)

        yield show


@contextmanager
def bytes_bar(what: str) -> Iterator[FetchCallback | None]:
    """Yield a callback that draws a download's bar, or None off a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as drawn:
        task = drawn.add_task(what, total=None)

        def show(progress: FetchProgress) -> None:
            drawn.update(task, completed=progress.received, total=progress.total or None)

        yield show


@contextmanager
def scan_bar() -> Iterator[ScanCallback | None]:
    """Yield a callback that draws how far a scan is in its source, or None off a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    from earmark.units import clock

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[told]}"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    # What goes to stdout meanwhile is JSON for another program: it is to stay there.
    with Bar(*columns, console=console, transient=True, redirect_stdout=False) as drawn:
        task = drawn.add_task("scanning", total=None, told="")

        def show(progress: ScanProgress) -> None:
            of = "" if progress.duration_s is None else f" of {clock(progress.duration_s)}"
            told = f"{clock(progress.heard_s)}{of}  {progress.found} found"
            if progress.total > 1:
                told = f"{progress.done}/{progress.total}  {told}"
            told = f"{told}  {progress.x_real_time:.0f} x real time"
            drawn.update(task, completed=progress.heard_s, total=progress.duration_s, told=told)

        yield show


@contextmanager
def stoppable() -> Iterator[threading.Event]:
    """Yield an event that the first Ctrl-C sets; a second one ends the program at once."""
    stop = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            signal.default_int_handler(number, frame)
        stop.set()
        complain("finishing what is in hand; Ctrl-C again ends at once")

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
