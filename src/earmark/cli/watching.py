"""What `earmark watch` shows: a line for each event, and on a terminal how loud it is now."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from earmark.cli.meter import level_bar
from earmark.cli.output import json_line, text_line

if TYPE_CHECKING:
    from rich.live import Live

    from earmark.monitor.watching import WatchEvent
    from earmark.ports import Detection, Outage

_QUIET = ("level", "updated")


class Board:
    """Prints events on stdout and draws the level into one line; without ``live`` it draws nothing.

    Parameters
    ----------
    named
        Whether each line says of which stream it tells; then threads may tell at once.

    Attributes
    ----------
    detected : bool
        Whether anything was detected.
    """

    def __init__(self, live: Live | None, *, as_json: bool, named: bool = False) -> None:
        self.detected = False
        self._live = live
        self._as_json = as_json
        self._named = named
        self._lock = threading.Lock()
        self._open: dict[str, Detection] = {}

    def show(self, event: WatchEvent) -> None:
        """Take note of an event and show it."""
        with self._lock:
            self._show(event)

    def _show(self, event: WatchEvent) -> None:
        detection = event.detection
        if detection is not None:
            self.detected = True
            if event.kind == "closed":
                self._open.pop(detection.id, None)
            else:
                self._open[detection.id] = detection
        if event.kind == "level":
            self._draw(event)
        elif self._as_json and event.kind not in _QUIET:
            self._print(lambda: json_line(event.as_dict()))
        elif not self._as_json and (line := line_of(event)):
            told = f"{line}  [{event.stream.name}]" if self._named else line
            self._print(lambda: text_line(told))

    def _draw(self, event: WatchEvent) -> None:
        if self._live is None or event.level_dbfs is None:
            return
        from rich.text import Text

        now = ", ".join(detection.track.label for detection in self._open.values())
        level = f"{level_bar(event.level_dbfs)} {event.level_dbfs:4.0f} dBFS"
        text = f"{clock(event.at)}  {level}  {now}".rstrip()
        self._live.update(Text(text, no_wrap=True, overflow="ellipsis"), refresh=True)

    def _print(self, write: Callable[[], None]) -> None:
        if self._live is not None:
            self._live.stop()
        write()
        if self._live is not None:
            self._live.start()


def line_of(event: WatchEvent) -> str:
    """Return the line that tells a person of an event; empty for what is not told."""
    if event.kind == "opened" and event.detection is not None:
        return f"{clock(event.began_at)}  > {event.detection.track.label}"
    if event.kind == "closed" and event.detection is not None:
        detection = event.detection
        length_s = detection.end_s - detection.start_s
        action = "" if event.entry is None else f"  {event.entry.action}"
        return (
            f"{clock(event.began_at + length_s)}  . {detection.track.label}  "
            f"played {length(detection.played_s)}  confidence {detection.confidence:.2f}{action}"
        )
    if event.kind == "gap" and event.gap is not None:
        gap = event.gap
        return f"{clock(event.began_at)}  - {gap.kind}, {length(gap.span.duration_s)}"
    if event.kind == "outage" and event.outage is not None:
        return _outage_line(event.outage)
    if event.kind == "state" and event.stream.state in ("live", "ended"):
        return f"{clock(event.at)}  {event.stream.name}: {event.stream.state}"
    return ""


def _outage_line(outage: Outage) -> str:
    if outage.until is None:
        return f"{clock(outage.since)}  ! away: {outage.reason}"
    away_s = outage.until - outage.since
    return f"{clock(outage.until)}  ! away for {length(away_s)}: {outage.reason}"


def clock(at: float) -> str:
    """Return a time as the clock on the wall shows it."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def length(seconds: float) -> str:
    """Return a length for a person.

    >>> length(3.2), length(192.0), length(3723.0)
    ('0:03', '3:12', '1:02:03')
    """
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


@contextmanager
def board(*, as_json: bool) -> Iterator[Board]:
    """Yield a board that draws on stderr where that is a terminal."""
    if not sys.stderr.isatty():
        yield Board(None, as_json=as_json)
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), transient=True, auto_refresh=False) as live:
        yield Board(live, as_json=as_json)
