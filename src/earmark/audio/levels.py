"""How loud is it, and is it cut off? Measured on every channel, in one pass, in bounded memory."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from earmark.kernels import levels as kernel
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
        if not frames.size:
            return block
        swept = _swept(frames)
        broken = sum(part.broken for part in swept)
        if broken:
            frames = np.where(np.abs(frames) <= ABSURD, frames, np.float32(0))
            self._nonfinite += broken
            swept = _swept(frames)
        self._measure(frames, swept)
        return frames.reshape(block.shape) if broken else block

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

    def _measure(self, frames: Samples, swept: list[kernel.Sweep]) -> None:
        channels = frames.shape[1]
        if len(self._rails) != 2 * channels:
            self._retired += sum(rail.clipped for rail in self._rails)
            self._rails = [_Rail() for _ in range(2 * channels)]
        self._squares += sum(float(part.squares.sum()) for part in swept)
        self._count += frames.size
        highs = [value for part in swept for value in part.high.tolist()]
        lows = [value for part in swept for value in part.low.tolist()]
        self._peak = max(self._peak, *highs, *(-low for low in lows))
        for channel, (high, low) in enumerate(zip(highs, lows, strict=True)):
            self._rails[2 * channel].feed(frames, channel, 1, high)
            self._rails[2 * channel + 1].feed(frames, channel, -1, -low)


def _swept(frames: Samples) -> list[kernel.Sweep]:
    """Sweep all channels at once where they are interleaved, else one after the other."""
    if frames.flags.c_contiguous:
        return [kernel.sweep(frames, ABSURD)]
    return [kernel.sweep(_alone(frames, channel), ABSURD) for channel in range(frames.shape[1])]


def _alone(frames: Samples, channel: int) -> Samples:
    """Return one channel, shape (n, 1); a view where channels follow one another."""
    return np.ascontiguousarray(frames[:, channel : channel + 1])


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

    def feed(self, frames: Samples, channel: int, sign: int, high: float) -> None:
        """Take the next values of a channel, or of its negative; their maximum is ``high``."""
        if high < HOT:
            self.tail = 0
            return
        if high > self.top:
            self.below, self.at_below = self.top, self.at_top
            self.top, self.at_top, self.in_runs, self.tail = high, 0, 0, 0
        if not frames.flags.c_contiguous:
            frames, channel = _alone(frames, channel), 0
        floor = max(HOT, self.below)
        found = kernel.top_of(frames, channel, sign, self.top, floor, SHORTEST_RUN, self.tail)
        if found.at_below:
            if found.below > self.below:
                self.below, self.at_below = found.below, 0
            self.at_below += found.at_below
        self.at_top += found.at_top
        self.in_runs += found.in_runs
        self.tail = found.tail
