"""How loud is it, and is it cut off? Measured on every channel, in one pass, in bounded memory."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.types import Levels, Samples
from earmark.units import amplitude_to_db

HOT = float(np.float32(10 ** (-1 / 20)))
"""Clipping is looked for from -1 dBFS up only: quiet audio is never cut off by its format."""

SHORTEST_RUN = 3
"""So many equal samples in a row, at the highest value of their channel, are a flat top."""

PILE_UP = 8
"""A flat top is a cut when it is this many times as frequent as the next value below.

A sine that is merely rounded to few bits rests on its top level at most
``sqrt(3) / (sqrt(5) - sqrt(3))`` = 3.4 times as long as on the next one.
"""

ABSURD = 2.0**32
"""Beyond this no integer format reaches: such a sample is damage and counts as not finite."""


def measure(samples: Samples) -> Levels:
    """Return the levels of audio in memory.

    Parameters
    ----------
    samples
        Float32 of shape (n,) or (n, channels), full scale 1.0; NaN and infinity count as 0.

    Returns
    -------
    Levels
        RMS over all channels and peak in dBFS, -120 at least; the share of samples cut off.

    >>> measure(np.zeros(10, np.float32)).silent
    True
    """
    meter = LevelMeter()
    meter.feed(samples)
    return meter.levels()


class LevelMeter:
    """Levels of a stream: the same for every way to cut it into blocks."""

    def __init__(self) -> None:
        self._squares = 0.0
        self._count = 0
        self._peak = 0.0
        self._nonfinite = 0
        self._rails: list[_Rail] = []
        self._retired = 0

    def feed(self, block: Samples) -> Samples:
        """Take the next samples and return them with every non-finite one set to 0.

        Parameters
        ----------
        block
            Float32 of shape (n,) or (n, channels); the number of channels may change.
        """
        frames = block[:, np.newaxis] if block.ndim == 1 else block
        if frames.size and not (frames.max() <= ABSURD and frames.min() >= -ABSURD):
            broken = ~(np.abs(frames) <= ABSURD)
            frames = np.where(broken, np.float32(0), frames)
            self._nonfinite += int(np.count_nonzero(broken))
        self._measure(frames)
        return frames.reshape(block.shape)

    def levels(self) -> Levels:
        """Return the levels of all that was fed so far."""
        rms = math.sqrt(self._squares / self._count) if self._count else 0.0
        clipped = self._retired + sum(rail.clipped for rail in self._rails)
        return Levels(
            level_dbfs=amplitude_to_db(rms),
            peak_dbfs=amplitude_to_db(self._peak),
            clipped_fraction=clipped / self._count if self._count else 0.0,
            nonfinite_samples=self._nonfinite,
        )

    def _measure(self, frames: Samples) -> None:
        if not frames.size:
            return
        channels = frames.shape[1]
        if len(self._rails) != 2 * channels:
            self._retired += sum(rail.clipped for rail in self._rails)
            self._rails = [_Rail() for _ in range(2 * channels)]
        for channel in range(channels):
            values = np.ascontiguousarray(frames[:, channel])
            self._squares += float(np.square(values, dtype=np.float64).sum())
            self._count += len(values)
            high, low = float(values.max()), float(values.min())
            self._peak = max(self._peak, high, -low)
            self._rails[2 * channel].feed(values, high)
            self._rails[2 * channel + 1].feed(-values if low <= -HOT else values[:0], -low)


@dataclass(slots=True)
class _Rail:
    """The two highest values of one channel (or of its negative) and the flat runs at the top."""

    top: float = 0.0
    at_top: int = 0
    in_runs: int = 0
    tail: int = 0
    below: float = 0.0
    at_below: int = 0

    @property
    def clipped(self) -> int:
        """Samples in flat runs at the top, when they pile up there."""
        return self.in_runs if self.at_top >= PILE_UP * max(1, self.at_below) else 0

    def feed(self, values: Samples, high: float) -> None:
        """Take the next values, whose maximum is ``high``."""
        if high < HOT:
            self.tail = 0
            return
        if high > self.top:
            self.below, self.at_below = self.top, self.at_top
            self.top, self.at_top, self.in_runs, self.tail = high, 0, 0, 0
        hot = values[values >= max(HOT, self.below)]
        under = hot[hot < self.top]
        if len(under):
            highest = float(under.max())
            if highest > self.below:
                self.below, self.at_below = highest, 0
            self.at_below += int(np.count_nonzero(under == highest))
        self._count_runs(values == self.top)

    def _count_runs(self, flat: npt.NDArray[np.bool_]) -> None:
        self.at_top += int(np.count_nonzero(flat))
        edges = np.flatnonzero(np.diff(flat, prepend=False, append=False))
        starts, lengths = edges[::2], edges[1::2] - edges[::2]
        if len(starts) and starts[0] == 0:
            lengths[0] += self.tail
            self.in_runs -= self.tail if self.tail >= SHORTEST_RUN else 0
        self.in_runs += int(lengths[lengths >= SHORTEST_RUN].sum())
        self.tail = int(lengths[-1]) if len(flat) and flat[-1] else 0
