"""Peaks of two constellations that are the same peak under an alignment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.recording.constellation import Constellation
from earmark.recording.params import RecordingParams

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

_BINS = 1024  # more than there are: a frame's peaks never run into the next frame's


@dataclass(frozen=True, slots=True)
class Slope:
    """A straight line: own frame t is frame ``offset + t * time`` of the other.

    Own frequencies are ``pitch`` times as high as the other's.
    """

    offset: float
    time: float = 1.0
    pitch: float = 1.0

    def at(self, frames: Float64) -> Float64:
        """Return the other's frames where own ``frames`` fall."""
        return self.offset + frames * self.time


@dataclass(frozen=True, slots=True)
class Pairs:
    """Coincidences: own peak ``own[i]`` is the other's peak ``other[i]``, late by ``late`` frames.

    ``own`` ascends; both are indices of peaks.
    """

    own: Int64
    other: Int64
    late: Float64

    def __len__(self) -> int:
        return len(self.own)


class Sky:
    """A constellation in which peaks near given places are looked up, many at a time."""

    def __init__(self, stars: Constellation, params: RecordingParams) -> None:
        self.frames = stars.frames.astype(np.int64)
        self.bins = stars.bins.astype(np.int64)
        self.span_frames = stars.span_frames
        self.first_bin = params.spectrum.first_bin
        keys = self.frames * _BINS + self.bins
        self._order = np.argsort(keys, kind="stable")
        self._keys = keys[self._order]

    def __len__(self) -> int:
        return len(self.frames)

    def pairs(self, own: Sky, slope: Slope, reach: int, rows: Int64 | None = None) -> Pairs:
        """Return which of another sky's peaks coincide with one here.

        Parameters
        ----------
        own
            The peaks that are laid on this sky.
        reach
            Frames to both sides; a peak may lie one bin beside.
        rows
            Indices of own peaks to look at, ascending; None is all.
        """
        which = np.arange(len(own)) if rows is None else rows
        where = slope.at(own.frames[which].astype(np.float64))
        base = self.first_bin
        bins = np.rint((own.bins[which] + base) / slope.pitch - base).astype(np.int64)
        bins = np.clip(bins, 1, _BINS - 2)
        nearest = np.rint(where).astype(np.int64)
        found = np.full(len(which), -1, np.int64)
        late = np.full(len(which), np.inf)
        for step in range(-reach, reach + 1):
            low = (nearest + step) * _BINS + bins - 1
            at = np.searchsorted(self._keys, low)
            inside = at < len(self._keys)
            inside[inside] = self._keys[at[inside]] <= low[inside] + 2
            error = nearest + step - where
            better = inside & (np.abs(error) < np.abs(late))
            found[better] = self._order[at[better]]
            late[better] = error[better]
        hit = found >= 0
        return Pairs(which[hit], found[hit], late[hit])
