"""The line under which `earmark listen` shows how loud it is, on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.live import Live

    from earmark.listen import Event

WIDTH = 24
FLOOR_DBFS = -60.0
ADVICE = {
    "ok": "",
    "quiet": "quiet: bring the microphone nearer",
    "silent": "silent: is the microphone on?",
    "clipped": "too loud: turn it down",
}


class Meter:
    """Draws events into one line; without a ``live`` line it draws nothing."""

    def __init__(self, limit_s: float, live: Live | None) -> None:
        self._limit_s = limit_s
        self._live = live
        self._perhaps = ""

    def show(self, event: Event) -> None:
        """Draw a level, or remember what a look nearly found."""
        if self._live is None:
            return
        if event.kind == "partial" and event.answer is not None:
            best = event.answer.best
            self._perhaps = f"perhaps {best.track.label}?" if best is not None else ""
        if event.levels is not None and event.verdict is not None:
            bar = level_bar(event.levels.level_dbfs)
            level = f"{event.levels.level_dbfs:4.0f} dBFS"
            text = f"{event.at_s:4.1f} / {self._limit_s:g} s  {bar} {level}"
            more = ADVICE[event.verdict] or self._perhaps
            from rich.text import Text

            self._live.update(Text(f"{text}  {more}".rstrip()), refresh=True)

    def clear(self) -> None:
        """Take the line away, before an answer is printed."""
        if self._live is not None:
            self._live.stop()


def level_bar(level_dbfs: float) -> str:
    """Return a level as a bar from -60 to 0 dBFS.

    >>> level_bar(-30.0)
    '############............'
    """
    full = round(WIDTH * min(1.0, max(0.0, 1.0 - level_dbfs / FLOOR_DBFS)))
    return "#" * full + "." * (WIDTH - full)


@contextmanager
def meter(limit_s: float) -> Iterator[Meter]:
    """Yield a meter that draws on stderr where that is a terminal."""
    if not sys.stderr.isatty():
        yield Meter(limit_s, None)
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), transient=True, auto_refresh=False) as live:
        yield Meter(limit_s, live)
