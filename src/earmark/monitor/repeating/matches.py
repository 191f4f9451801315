"""Landmarks that occur twice, and the alignments on which several of them lie together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from earmark.kernels import landmarks as kernel
from earmark.monitor.repeating.archive import Archive

Int64 = npt.NDArray[np.int64]
UInt32 = npt.NDArray[np.uint32]

FAN_OUT = 4
MOST_ALIKE = 48
"""A landmark that occurs more often tells nothing (a held tone, a loop of one bar)."""
LEAST_TOGETHER = 4
_ROUNDS = 6
"""Ranges of distances that are looked at one after the other, for the sake of memory."""
_NEAR_FRAMES = 256
_CELL_FRAMES = 512
_SHIFT = np.int64(32)


@dataclass(frozen=True, slots=True)
class Seeds:
    """Where two stretches may be the same: frames, and how much later the second one is."""

    frames: Int64
    distances: Int64


def seeds(archive: Archive) -> Seeds:
    """Return the likely alignments, the one with most matches first."""
    hashes, anchors = _common(archive)
    found = [np.empty((0, 3), np.int64)]
    for low, high in _ranges(int(archive.starts[-1])):
        parts = list(_matches(archive, hashes, anchors, low, high))
        if parts:
            distance, frame = (np.concatenate(part) for part in zip(*parts, strict=True))
            parts.clear()
            found.append(_cells(*_together(distance, frame)))
    table = np.concatenate(found)
    order = np.argsort(-table[:, 2], kind="stable")
    return Seeds(table[order, 0], table[order, 1])


def _common(archive: Archive) -> tuple[UInt32, UInt32]:
    """Return (hash, frame) of landmarks that occur more than once, in the order of hashes."""
    hashes, anchors = kernel.pairs(archive.frames.astype(np.uint32), archive.bins, FAN_OUT)
    keys = hashes.astype(np.int64) << _SHIFT | anchors
    keys.sort()
    hashes = (keys >> _SHIFT).astype(np.uint32)
    new = np.flatnonzero(np.r_[np.ones(min(1, len(keys)), np.bool_), hashes[1:] != hashes[:-1]])
    counts = np.diff(np.r_[new, len(keys)])
    keys = keys[np.repeat((counts > 1) & (counts <= MOST_ALIKE), counts)]
    return (keys >> _SHIFT).astype(np.uint32), (keys & 0xFFFFFFFF).astype(np.uint32)


def _ranges(frames: int) -> list[tuple[int, int]]:
    """Return ranges of distances with about as many matches each, by a few frames too wide."""
    share = np.arange(_ROUNDS + 1) / _ROUNDS
    edges = (frames * (1.0 - np.sqrt(1.0 - share))).astype(np.int64).tolist()
    return [(low - 4, high + 4) for low, high in pairwise(edges)]


def _matches(
    archive: Archive, hashes: UInt32, anchors: UInt32, low: int, high: int
) -> Iterator[tuple[Int64, Int64]]:
    """Yield (distance, earlier frame) of what occurs twice, so many frames apart."""
    for lag in range(1, MOST_ALIKE):
        same = np.flatnonzero(hashes[lag:] == hashes[:-lag])
        if not len(same):
            return
        early, late = anchors[same].astype(np.int64), anchors[same + lag].astype(np.int64)
        distance = late - early
        fit = (distance >= low) & (distance < high)
        early, late, distance = early[fit], late[fit], distance[fit]
        apart = archive.apart(early, late)
        yield distance[apart], early[apart]


def _together(distance: Int64, frame: Int64) -> tuple[Int64, Int64]:
    """Keep matches that have another at (nearly) the same distance a few seconds off."""
    keep = np.zeros(len(distance), np.bool_)
    for half in (0, 1):
        key = (((distance + half) >> 1) << _SHIFT) | frame
        order = np.argsort(key)
        gap = np.diff(key[order])
        near = (gap > 0) & (gap < _NEAR_FRAMES)
        keep[order[:-1][near]] = True
        keep[order[1:][near]] = True
    return distance[keep], frame[keep]


def _cells(distance: Int64, frame: Int64) -> Int64:
    """Return rows of (frame, distance, matches): the middle of where several lie together."""
    found = []
    for half in (0, 1):  # two grids, so that no group is cut by the lines of both
        cell_d = (distance + 2 * half) >> 2
        cell_t = (frame + half * _CELL_FRAMES // 2) // _CELL_FRAMES
        order = np.lexsort((cell_t, cell_d))
        d, t = cell_d[order], cell_t[order]
        first = np.ones(min(1, len(d)), np.bool_)
        new = np.flatnonzero(np.r_[first, (d[1:] != d[:-1]) | (t[1:] != t[:-1])])
        counts = np.diff(np.r_[new, len(d)])
        many = counts >= LEAST_TOGETHER
        for at, count in zip(new[many].tolist(), counts[many].tolist(), strict=True):
            own = order[at : at + count]
            found.append((int(np.median(frame[own])), int(np.median(distance[own])), count))
    return np.array(found, np.int64).reshape(-1, 3)
