"""Triples of peaks that occur twice: what may be the same sound at two times."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from earmark.kernels import landmarks as kernel
from earmark.monitor.repeating.archive import Archive

Int64 = npt.NDArray[np.int64]
UInt64 = npt.NDArray[np.uint64]

FAN_OUT = 5
NEXT = 12
"""Each triple is held against so many later ones of its kind: work grows with the archive only."""
_PART_KEYS = 1 << 21
_KEYS_A_PEAK = FAN_OUT * (FAN_OUT - 1) // 2
_BLOCK_PEAKS = 1 << 17
_OVERLAP = 1 << 10
"""Peaks of the next block that landmarks of this one may reach: 63 frames hold fewer."""
_BIN_SHIFT = 13  # a landmark's hash begins with the bin of its first peak
_BINS = 512
_FRAME_BITS = 28
"""Frames of the axis: 2^28 are 1,190 hours."""
_FRAMES = np.uint64((1 << _FRAME_BITS) - 1)
_ONE, _OTHER = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)


class Alike:
    """Finds triples - a peak and two of its landmarks - that occur twice, a part at a time.

    A landmark alone is too common: in 48 hours each occurs dozens of times by chance, and the
    pairs of them grow with the square of the hours. A triple rarely occurs by chance.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._peaks = np.bincount(archive.bins, minlength=_BINS)[:_BINS]

    def matches(self) -> Iterator[tuple[Int64, Int64]]:
        """Yield (distance, earlier frame) of what occurs twice, in parts of bounded size."""
        for low, high in self._parts():
            keys = self._keys(low, high)
            keys.sort()
            yield from self._pairs(_shared(keys))

    def _parts(self) -> list[tuple[int, int]]:
        """Return ranges of the first peak's bin, with at most about `_PART_KEYS` triples each."""
        keys = np.cumsum(self._peaks) * _KEYS_A_PEAK
        count = int(keys[-1] // _PART_KEYS) + 1
        edges = np.searchsorted(keys, keys[-1] * np.arange(1, count) / count).tolist()
        marks = sorted({0, *edges, _BINS})
        return list(pairwise(marks))

    def _keys(self, low: int, high: int) -> UInt64:
        """Return (kind, frame) of each triple whose first peak is in bins [low, high)."""
        archive = self._archive
        found = [np.empty(0, np.uint64)]
        edges = [*range(0, len(archive.frames), _BLOCK_PEAKS)]
        # Each block begins with the first peak of a frame: the one before leaves that frame to it.
        starts = np.searchsorted(archive.frames, archive.frames[edges]).tolist()
        for start, stop in pairwise([*starts, len(archive.frames)]):
            zero = archive.frames[start]
            end = archive.frames[stop] - zero if stop < len(archive.frames) else None
            frames = (archive.frames[start : stop + _OVERLAP] - zero).astype(np.uint32)
            bins = archive.bins[start : stop + _OVERLAP].astype(np.uint32)
            hashes, anchors = kernel.pairs(frames, bins, FAN_OUT)
            first = hashes >> np.uint32(_BIN_SHIFT)
            own = (first >= low) & (first < high)
            if end is not None:
                own &= anchors < end
            found.append(_triples(hashes[own], anchors[own].astype(np.int64) + zero))
        return np.concatenate(found)

    def _pairs(self, keys: UInt64) -> Iterator[tuple[Int64, Int64]]:
        kinds = keys >> np.uint64(_FRAME_BITS)
        frames = (keys & _FRAMES).astype(np.int64)
        for lag in range(1, NEXT + 1):
            same = np.flatnonzero(kinds[lag:] == kinds[:-lag])
            if not len(same):
                return
            early, late = frames[same], frames[same + lag]
            apart = self._archive.apart(early, late)
            yield (late - early)[apart], early[apart]


def _triples(hashes: npt.NDArray[np.uint32], frames: Int64) -> UInt64:
    """Return each two landmarks of one peak as a key: a mixed hash, then the frame."""
    found = [np.empty(0, np.uint64)]
    first = hashes >> np.uint32(_BIN_SHIFT)
    for lag in range(1, FAN_OUT):
        same = (frames[lag:] == frames[:-lag]) & (first[lag:] == first[:-lag])
        at = np.flatnonzero(same)
        kind = (hashes[at] * _ONE) ^ (hashes[at + lag] * _OTHER)
        kind ^= kind >> np.uint64(31)
        kind *= _ONE
        found.append((kind & ~_FRAMES) | frames[at].astype(np.uint64))
    return np.concatenate(found)


def _shared(keys: UInt64) -> UInt64:
    """Return those of sorted keys whose kind occurs more than once."""
    kinds = keys >> np.uint64(_FRAME_BITS)
    same = kinds[1:] == kinds[:-1]
    if not len(same):
        return keys[:0]
    keep = np.zeros(len(keys), np.bool_)
    keep[1:] = same
    keep[:-1] |= same
    return keys[keep]
