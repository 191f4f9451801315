"""Whether two stretches are the same sound: their constellations, peak by peak, and how far."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.monitor.repeating.archive import BIN_BITS, Archive

Int64 = npt.NDArray[np.int64]

_REACH_S = 8.0
"""How far on each side of a seed is looked at first; farther where the match goes on."""
_HIT_RATE = 0.3
_LEAST_CHANCE = 0.02
_DECOYS = (-41, -23, 17, 31)
"""Frames by which a wrong alignment is off: peaks that meet by chance, or because tones last."""
_LEAST_SCORE = 75.0
_SHORT_S = 5.0
_SHORT_SCORE = 25.0
"""For each second that a link is shorter it must be that much surer."""
LEAST_S = 3.0


@dataclass(frozen=True, slots=True)
class Link:
    """Frames [start, end) sound again ``distance`` frames later."""

    start: int
    end: int
    distance: int
    score: float

    @property
    def frames(self) -> int:
        """How long it is."""
        return self.end - self.start


class Verifier:
    """Compares constellations along a distance."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def link(self, frame: int, distance: int) -> Link | None:
        """Return how far around a frame all is the same so much later, or None."""
        archive = self._archive
        reach = round(_REACH_S / archive.frame_s)
        low, high = self._bounds(frame, distance)
        while True:
            begin, end = max(low, frame - reach), min(high, frame + reach)
            found = self._span(begin, end, distance)
            if found is None:
                return None
            cut = (found.start - begin < 128 and begin > low) or (
                end - found.end < 128 and end < high
            )
            if not cut:
                break
            reach *= 2
        length_s = found.frames * archive.frame_s
        least = _LEAST_SCORE + _SHORT_SCORE * max(0.0, _SHORT_S - length_s)
        return found if length_s >= LEAST_S and found.score >= least else None

    def score(self, begin: int, end: int, distance: int) -> float:
        """Return how surely something of frames [begin, end) is the same so much later."""
        found = self._span(begin, end, distance)
        return 0.0 if found is None else found.score

    def _bounds(self, frame: int, distance: int) -> tuple[int, int]:
        archive = self._archive
        early, late = (archive.source(at) for at in (frame, frame + distance))
        low = max(int(archive.starts[early]), int(archive.starts[late]) - distance)
        high = min(int(archive.starts[early + 1]), int(archive.starts[late + 1]) - distance)
        return low, high

    def _span(self, begin: int, end: int, distance: int) -> Link | None:
        one = self._slice(begin, end)
        other = self._slice(begin + distance, end + distance) - (distance << BIN_BITS)
        if len(one) < 20 or len(other) < 20:
            return None
        times = np.concatenate([one, other]) >> BIN_BITS
        hits = np.concatenate([_met(one, other, 0), _met(other, one, 0)])
        chance = np.mean([np.mean(_met(one, other, off)) for off in _DECOYS])
        chance = max(_LEAST_CHANCE, float(chance))
        rate = max(_HIT_RATE, 2.0 * chance)
        if rate >= 0.9:
            return None
        gain, loss = math.log(rate / chance), math.log((1.0 - rate) / (1.0 - chance))
        order = np.argsort(times, kind="stable")
        steps = np.where(hits[order], gain, loss)
        total = np.concatenate([[0.0], np.cumsum(steps)])
        drawdown = total - np.minimum.accumulate(total)
        stop = int(np.argmax(drawdown))
        if stop == 0:
            return None
        start = int(np.flatnonzero(total[:stop] == total[:stop].min())[-1])
        ordered = times[order]
        return Link(
            int(ordered[start]), int(ordered[stop - 1]) + 1, distance, float(drawdown[stop])
        )

    def _slice(self, begin: int, end: int) -> Int64:
        archive = self._archive
        low, high = np.searchsorted(archive.frames, (begin, end))
        return (archive.frames[low:high] << BIN_BITS) | archive.bins[low:high]


def _met(one: Int64, other: Int64, off: int) -> npt.NDArray[np.bool_]:
    """Return for each of one whether the other has a peak there, a frame and a bin more or less."""
    hit = np.zeros(len(one), np.bool_)
    for frame in (off - 1, off, off + 1):
        key = one + (frame << BIN_BITS)
        at = np.searchsorted(other, key - 1)
        near = np.abs(other[np.minimum(at, len(other) - 1)] - key) <= 1
        hit |= near
    return hit
