"""One long source from its start to its end: heard once, told as a timeline."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from earmark.audio.fetch import DEFAULT_LIMITS, FetchLimits, is_url
from earmark.audio.stream import Source, name_of
from earmark.errors import EarmarkError, StoppedError, StoreError
from earmark.monitor.options import MonitorOptions
from earmark.monitor.repeats import Repeats
from earmark.monitor.scanning_book import Book, scan_key, source_text
from earmark.monitor.scanning_progress import ScanCallback
from earmark.monitor.scanning_shapes import timeline_of
from earmark.monitor.scanning_work import Scanning, uncompared
from earmark.monitor.timeline import Repeat, Timeline

if TYPE_CHECKING:
    from earmark.library import Library
    from earmark.monitor.desk import Desk


def scan(
    library: Library,
    source: Source,
    options: MonitorOptions | None = None,
    *,
    name: str | None = None,
    station: str | None = None,
    began_at: float | None = None,
    progress: ScanCallback | None = None,
    stop: threading.Event | None = None,
    desk: Desk | None = None,
    resume: bool = True,
    again: bool = False,
    repeats: Repeats | None = None,
    limits: FetchLimits = DEFAULT_LIMITS,
) -> Timeline:
    """Listen to a source of any length, in bounded memory, and tell what it plays.

    Parameters
    ----------
    source
        A path, an http(s) URL, bytes, or a binary file object; audio, or video with sound.
    name
        What the timeline calls it; None: its path, its URL or the file object's name.
    station
        What the log calls it; None: the file's name.
    began_at
        When it was on air, in seconds since 1970; None: the time of the scan.
    progress
        Called after every ten seconds of the source.
    stop
        Once set, what was heard by then is returned, with a warning.
    desk
        Logs every detection and keeps how far the scan is, every minute and when it is stopped.
    resume
        Go on where a scan of the same bytes was cut off, by `stop` or by a kill; and return the
        timeline of one that is done, if the library is still the same.
    again
        Listen once more to what is done. Detections keep their ids and decisions.
    repeats
        Where unknown music is kept, to be compared with that of other sources later; None keeps
        it for this source only, if the options say so.
    limits
        What a download or a spooled pipe may take.

    Raises
    ------
    InputError
        Nothing can be heard of it. One that breaks off further on is no error: see
        `Timeline.warnings`.
    StoreError
        The library or the log is the trouble; the scan can go on from its last checkpoint.
    """
    options = options or MonitorOptions()
    called = name or name_of(source)
    work = Scanning(library, source, options, called, progress, stop, limits)
    if desk is None:
        return work.run(repeats)
    work.book = book = Book(
        desk,
        scan_key(source, options, library.address),
        source=source_text(source, called),
        station=station or _station(source, called),
        began_at=began_at,
        revision=library.revision,
    )
    resume = resume and not again
    if book.finished is not None and resume:
        return _known(timeline_of(book.finished), called, shared=repeats is not None)
    try:
        return work.run(repeats, resume=resume)
    except StoppedError:  # whoever goes on with it says how it stands
        raise
    except EarmarkError as error:
        with suppress(StoreError):  # the store may be what the error tells of
            book.failed(error)
        raise


def _station(source: Source, name: str) -> str:
    """Return a file's name without folder and ending, or what the source is called."""
    if isinstance(source, str | os.PathLike) and not is_url(source):
        return PurePath(source).stem or name
    return name


def _known(timeline: Timeline, name: str, *, shared: bool) -> Timeline:
    """Return the timeline of a scan that is done, under the name that it has now."""
    repeats = tuple(
        Repeat(
            one.id,
            tuple(
                replace(play, source=name) if play.source == timeline.input else play
                for play in one.plays
            ),
        )
        for one in timeline.repeats
    )
    if not shared:
        return replace(timeline, input=name, repeats=repeats)
    told = uncompared(name, "by an earlier scan")
    return replace(timeline, input=name, repeats=repeats, warnings=(*timeline.warnings, told))
