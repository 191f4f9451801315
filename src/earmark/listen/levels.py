"""How loud it is right now, in a word: silent, quiet, all right, or cut off."""

from __future__ import annotations

from typing import Literal

import numpy as np

from earmark.audio.levels import measure
from earmark.types import Levels, Samples
from earmark.units import amplitude_to_db

Verdict = Literal["ok", "quiet", "silent", "clipped"]

EVERY_S = 0.5
"""How much sound one level is measured over."""
SILENT_DBFS = -60.0
"""A peak below it is a microphone's own noise, or a muted one."""
QUIET_DBFS = -55.0
"""An RMS level below it: less is found, so bring the microphone nearer."""


def verdict_of(levels: Levels) -> Verdict:
    """Return what to tell a person of a level.

    >>> verdict_of(Levels(-23.1, -10.2, 0.0)), verdict_of(Levels(-120.0, -120.0, 0.0))
    ('ok', 'silent')
    """
    if levels.peak_dbfs < SILENT_DBFS:
        return "silent"
    if levels.clipped or levels.peak_dbfs > 0.0:  # lossy codecs round flat tops, upwards too
        return "clipped"
    return "quiet" if levels.level_dbfs < QUIET_DBFS else "ok"


def audible(peak: float) -> bool:
    """Return whether a highest sample is more than silence."""
    return amplitude_to_db(peak) >= SILENT_DBFS


class LevelGate:
    """Cuts sound into pieces of `EVERY_S` and measures each, whatever way it came."""

    def __init__(self, rate_hz: int) -> None:
        self._length = max(1, round(EVERY_S * rate_hz))
        self._rate_hz = rate_hz
        self._held: list[Samples] = []
        self._count = 0
        self._done = 0

    def feed(self, frames: Samples) -> list[tuple[float, Levels]]:
        """Take float32 of shape (n, channels); return each level with the second it ends at."""
        self._held.append(frames)
        self._count += len(frames)
        if self._count < self._length:
            return []
        joined = np.concatenate(self._held) if len(self._held) > 1 else frames
        whole = self._count - self._count % self._length
        found = []
        for at in range(0, whole, self._length):
            self._done += self._length
            found.append((self._done / self._rate_hz, measure(joined[at : at + self._length])))
        self._held, self._count = [joined[whole:].copy()], self._count - whole
        return found
