"""The shape of a recording to draw: the lowest and the highest sample of each short stretch."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.audio.stream import Source, open_blocks
from earmark.errors import StoppedError, UsageError
from earmark.types import Samples

RATE_HZ = 16_000
MOST_POINTS = 100_000


@dataclass(frozen=True, slots=True, eq=False)
class Waveform:
    """Peaks of a stretch: float32 of shape (points, 2), lowest and highest sample, in [-1, 1].

    The points divide ``start_s`` to ``end_s`` evenly; ``duration_s`` is how long the whole is.
    """

    duration_s: float
    start_s: float
    end_s: float
    peaks: npt.NDArray[np.float32]


def measure_waveform(
    source: Source,
    duration_s: float,
    points: int,
    start_s: float = 0.0,
    end_s: float | None = None,
    *,
    name: str | None = None,
    stop: threading.Event | None = None,
) -> Waveform:
    """Read a stretch once, block by block, and keep its peaks; memory does not grow with it.

    Parameters
    ----------
    duration_s
        How long the source is; what lies beyond is not looked at, what is missing is flat.
    points
        How many peaks.
    start_s, end_s
        Which stretch; None is to the end.
    name
        What to call the source in messages.
    stop
        Once set, it is given up before the next block.

    Raises
    ------
    UsageError
        No such stretch, or too many points.
    InputError
        The source cannot be read.
    StoppedError
        ``stop`` was set.
    """
    end_s = duration_s if end_s is None else min(end_s, duration_s)
    if not 1 <= points <= MOST_POINTS:
        message = f"a waveform has 1 to {MOST_POINTS} points, not {points}"
        raise UsageError(message)
    if not 0.0 <= start_s < end_s:
        message = f"it is {duration_s:.1f} s long; there is no stretch {start_s:g} s to {end_s:g} s"
        raise UsageError(message)
    length = max(1, round((end_s - start_s) * RATE_HZ))
    # Buckets of one sample at least; more points than samples repeat their neighbours.
    peaks = _Peaks(min(points, length), length)
    with open_blocks(
        source, RATE_HZ, start_s=start_s, duration_s=end_s - start_s, name=name
    ) as stream:
        for clip in stream:
            if stop is not None and stop.is_set():
                message = f"{stream.name}: stopped before its waveform was done"
                raise StoppedError(message)
            peaks.feed(clip.samples)
    spread = np.arange(points) * peaks.count // points
    return Waveform(duration_s, start_s, end_s, peaks.found()[spread])


class _Peaks:
    """The lowest and highest sample of each of ``count`` buckets that divide ``length`` samples."""

    def __init__(self, count: int, length: int) -> None:
        self.count = count
        self._length = length
        self._starts = np.arange(count, dtype=np.int64) * length // count
        self._low = np.full(count, np.inf, np.float32)
        self._high = np.full(count, -np.inf, np.float32)
        self._at = 0

    def feed(self, samples: Samples) -> None:
        samples = samples[: self._length - self._at]
        if not len(samples):
            return
        first, last = np.searchsorted(
            self._starts, [self._at, self._at + len(samples) - 1], side="right"
        )
        buckets = slice(int(first) - 1, int(last))
        cuts = np.maximum(self._starts[buckets] - self._at, 0)
        np.minimum(self._low[buckets], np.minimum.reduceat(samples, cuts), out=self._low[buckets])
        np.maximum(self._high[buckets], np.maximum.reduceat(samples, cuts), out=self._high[buckets])
        self._at += len(samples)

    def found(self) -> npt.NDArray[np.float32]:
        """Return them, flat where nothing was fed."""
        heard = np.isfinite(self._low)[:, None]
        both = np.where(heard, np.stack([self._low, self._high], axis=1), np.float32(0))
        return np.clip(both, -1.0, 1.0).astype(np.float32)
