"""Cuts a track into the stretches that get a vector each: overlapping windows, silence left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from earmark.sound.params import WindowParams
from earmark.types import Samples


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch that sounds: samples (n,) float32, beginning ``start_s`` into the track."""

    start_s: float
    samples: Samples


class Windower:
    """Takes a track piece by piece and gives its windows as soon as they are whole.

    Memory does not grow with the track: less than two windows are held.
    """

    def __init__(self, rate_hz: int, params: WindowParams) -> None:
        self._rate_hz = rate_hz
        self._params = params
        self._window = round(params.window_s * rate_hz)
        self._hop = round(params.hop_s * rate_hz)
        self._held: list[Samples] = []
        self._count = 0
        self._start = 0
        """The sample of the track at which what is held begins."""
        self._covered = 0
        """The sample of the track up to which windows were cut."""
        self._whole = False
        """Whether the last of them was given whole; else it cannot stand for a rest behind it."""

    def feed(self, samples: Samples) -> Iterator[Window]:
        """Take the next samples; yield the windows that are whole now."""
        if len(samples):
            self._held.append(samples)
            self._count += len(samples)
        while self._count > self._window:  # one sample more: else it may be the track's last
            yield from self._cut(0, self._window)
            self._forget(self._hop)

    def finish(self) -> Iterator[Window]:
        """Yield the last window, which is shorter for a short track."""
        end = self._start + self._count
        rest = end - self._covered
        if not rest or (self._whole and rest < self._params.least_rest_s * self._rate_hz):
            return
        yield from self._cut(0, self._count)

    def _cut(self, first: int, last: int) -> Iterator[Window]:
        held = self._all()
        self._covered = self._start + last
        sounding = sounding_of(held[first:last], self._rate_hz, self._params)
        self._whole = False
        if sounding is not None:
            begin, end = first, last
            self._whole = sounding[1] - sounding[0] >= self._params.cut_share * (last - first)
            if not self._whole:
                begin, end = first + sounding[0], first + sounding[1]
            yield Window((self._start + begin) / self._rate_hz, held[begin:end])

    def _forget(self, count: int) -> None:
        self._held = [self._all()[count:]]
        self._start += count
        self._count -= count

    def _all(self) -> Samples:
        if len(self._held) != 1:
            self._held = [np.concatenate(self._held)] if self._held else [np.zeros(0, np.float32)]
        return self._held[0]


def sounding_of(samples: Samples, rate_hz: int, params: WindowParams) -> tuple[int, int] | None:
    """Return the first and last sample of the stretch that sounds, or None where all is silent.

    >>> beep = np.concatenate([np.zeros(8000), np.ones(800), np.zeros(8000)]).astype(np.float32)
    >>> sounding_of(beep, 8000, WindowParams())
    (7200, 9600)
    """
    frame = max(1, round(params.frame_s * rate_hz))
    starts = np.arange(0, len(samples), frame)
    if not len(starts):
        return None
    lengths = np.diff(starts, append=len(samples))
    power = np.add.reduceat(np.square(samples, dtype=np.float32), starts) / lengths
    loud = np.flatnonzero(power > 10.0 ** (params.silence_dbfs / 10.0))
    if not len(loud):
        return None
    margin = round(params.margin_s * rate_hz)
    first = max(0, int(loud[0]) * frame - margin)
    return first, min(len(samples), (int(loud[-1]) + 1) * frame + margin)
