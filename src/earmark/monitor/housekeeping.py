"""Gives up once an hour what has grown old."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from earmark.errors import EarmarkError

if TYPE_CHECKING:
    from earmark.monitor.desk import Desk

log = logging.getLogger("earmark.monitor")

EVERY_S = 3600.0
FIRST_S = 30.0
"""So long after the start it begins: what starts has better things to do."""
STOP_S = 10.0
MOST_AHEAD_S = 600.0
"""A clock that was set forward by more between two rounds is given a round to be set right."""


class Housekeeper:
    """Prunes a desk in the background, as its retention says; any number of processes may.

    Where everything is kept for ever it does nothing. Where the clock was set forward since the
    last round (or the machine slept) it leaves one round out: by a wrong clock all is old.

    Parameters
    ----------
    desk
        What to prune; also its clock.
    every_s, first_s
        How often, and how long after the start for the first time.
    steady
        Seconds of a clock that nobody sets.
    """

    def __init__(
        self,
        desk: Desk,
        *,
        every_s: float = EVERY_S,
        first_s: float = FIRST_S,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._desk = desk
        self._every_s = every_s
        self._first_s = first_s
        self._steady = steady
        self._zero_at = self._zero()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; starting twice is once."""
        if self._thread is None and self._desk.retention.bounded:
            self._stop.clear()
            self._zero_at = self._zero()
            self._thread = threading.Thread(
                target=self._run, name="earmark-housekeeper", daemon=True
            )
            self._thread.start()

    def stop(self, wait_s: float = STOP_S) -> None:
        """End; what is being pruned may take ``wait_s`` more."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(wait_s)
            self._thread = None

    def __enter__(self) -> Housekeeper:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def tidy(self) -> None:
        """Do one round, unless the clock was set forward since the last; what fails is logged."""
        before_at, self._zero_at = self._zero_at, self._zero()
        ahead_s = self._zero_at - before_at
        if ahead_s > MOST_AHEAD_S:
            message = "the clock was set forward by %.0f s: nothing is pruned before the next round"
            log.warning(message, ahead_s)
            return
        try:
            told = self._desk.prune()
        except EarmarkError as error:
            log.warning("nothing is pruned now: %s", error.message)
            return
        except Exception:
            log.exception("a bug in the housekeeper")
            return
        if told.detections or told.clips or told.files:
            log.info(
                "pruned %d detections, %d clips of others, %d files (%d bytes)",
                told.detections,
                told.clips,
                told.files,
                told.bytes,
            )

    def _run(self) -> None:
        wait_s = self._first_s
        while not self._stop.wait(wait_s):
            wait_s = self._every_s
            self.tidy()

    def _zero(self) -> float:
        """Return when the steady clock was at 0, by the clock that may be set."""
        return self._desk.clock() - self._steady()
