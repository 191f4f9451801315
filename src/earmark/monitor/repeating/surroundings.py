"""Whether what sounds in a stretch goes on around it: then it is a part of one piece of music."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from earmark.kernels import landmarks as kernel
from earmark.monitor.repeating.archive import Archive
from earmark.monitor.repeating.groups import Stretches
from earmark.monitor.repeating.links import Int64, Verifier

UInt32 = npt.NDArray[np.uint32]

_AROUND_S = 60.0
"""How far on each side is looked."""
_MARGIN_S = 2.0
"""So near its ends a stretch may go on: one of two plays may be cut."""
_SOONEST_S = 1.0
_STRETCH_S = 240.0
"""Plays of one source this near, and nothing known between, may lie in one piece of music."""
_LONG_S = 45.0
_MANY = 3
_DISTANCES = 6
_LEAST_SCORE = 35.0
_FAN_OUT = 4


class Surroundings:
    """Looks for bars of a stretch that come again before it or after it.

    Music repeats its bars, beats and samples while it lasts; a jingle is over when it is over.
    """

    def __init__(self, archive: Archive, verifier: Verifier) -> None:
        self._archive = archive
        self._verifier = verifier

    def without_songs(self, groups: Sequence[Stretches]) -> list[Stretches]:
        """Return the groups without plays that are but a part of what sounds there.

        A group stays whole where most of its plays end where they end; of long ones half, as one
        of two plays of a song may be broken off. Otherwise those that end are kept if they are
        three or more: songs may hold a jingle's music. No group is told whose plays all lie in one
        stretch of unknown music: a refrain, however far apart its first and last.
        """
        kept = []
        for plays in groups:
            if not self._parted(plays):
                continue
            over = [play for play in plays if not self.go_on(*play)]
            longest_s = max(end - start for start, end in plays) * self._archive.frame_s
            most = 2 * len(over) - len(plays)
            if most > 0 or (most == 0 and longest_s >= _LONG_S):
                kept.append(plays)
            elif len(over) >= _MANY and self._parted(over):
                kept.append(over)
        return kept

    def _parted(self, plays: Stretches) -> bool:
        """Return whether two plays that follow one another cannot lie in one piece of music."""
        table = np.array(sorted(plays), np.int64)
        ends, starts = table[:-1, 1], table[1:, 0]
        far = starts - ends >= _STRETCH_S / self._archive.frame_s
        return bool(np.any(far | self._archive.parted(ends, starts)))

    def go_on(self, start: int, end: int) -> bool:
        """Return whether something of frames [start, end) comes again just outside of them."""
        archive = self._archive
        around = round(_AROUND_S / archive.frame_s)
        first, last = archive.piece(start, end)
        low, high = max(start - around, first), min(end + around, last)
        margin = round(_MARGIN_S / archive.frame_s)
        before, behind = start - margin, end + margin
        for distance in self._distances(low, start, end, high):
            if distance > 0:  # what lands behind the end
                begin, stop = max(start, behind - distance), min(end, high - distance)
            else:
                begin, stop = max(start, low - distance), min(end, before - distance)
            if self._verifier.score(begin, stop, distance) >= _LEAST_SCORE:
                return True
        return False

    def _distances(self, low: int, start: int, end: int, high: int) -> list[int]:
        """Return the distances at which most landmarks inside come again outside."""
        frames, bins = self._archive.frames, self._archive.bins
        first, last = np.searchsorted(frames, (low, high))
        own = frames[first:last] - low
        hashes, anchors = kernel.pairs(
            own.astype(np.uint32), bins[first:last].astype(np.uint32), _FAN_OUT
        )
        at = anchors.astype(np.int64) + low
        inside = (at >= start) & (at < end)
        margin = round(_MARGIN_S / self._archive.frame_s)
        outside = (at < start - margin) | (at >= end + margin)
        found = _met(hashes[inside], at[inside], hashes[outside], at[outside])
        found = found[np.abs(found) >= _SOONEST_S / self._archive.frame_s]
        values, counts = np.unique(found >> 1, return_counts=True)
        best = np.argsort(-counts, kind="stable")[:_DISTANCES]
        return [int(value) * 2 for value in values[best[counts[best] > 2]]]


def _met(inner: UInt32, inner_at: Int64, outer: UInt32, outer_at: Int64) -> Int64:
    """Return the distances from every landmark inside to each of the same kind outside."""
    order = np.argsort(outer, kind="stable")
    low = np.searchsorted(outer[order], inner, side="left")
    high = np.searchsorted(outer[order], inner, side="right")
    counts = high - low
    starts = np.repeat(low - np.r_[0, np.cumsum(counts)[:-1]], counts) if len(counts) else low
    picked = order[np.arange(int(counts.sum())) + starts]
    return outer_at[picked] - np.repeat(inner_at, counts)
