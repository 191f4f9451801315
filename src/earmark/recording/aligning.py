"""How two recordings lie on one another, by their constellations alone.

Landmarks that both have vote for where; the best place is then followed to both sides as long as
peaks go on to coincide, which tells speed to a few parts in a million, and ends where they cease.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.kernels import landmarks as kernel
from earmark.recording.coincide import Pairs, Sky, Slope
from earmark.recording.constellation import Constellation
from earmark.recording.landmarks import Warp, reference_landmarks, warps
from earmark.recording.params import RecordingParams
from earmark.recording.slopes import fitted, refitted, share_of
from earmark.recording.spans import greatest_run

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
UInt32 = npt.NDArray[np.uint32]

_FAN_OUT = 3
_COMMON = 64  # a hash that one recording has more often than this tells little of where
_SEEDS = 6  # alignments of one vote that are followed
_MOST_LINES = 64
_BIN_S = 1.0
_BEYOND = 0.35  # of the better seconds' share: below it a second speaks against the alignment
_CHANCE = 0.12  # of own peaks coincide in music of the same key, laid on one another wrongly
_OVERLAP, _AS_STRONG = 0.3, 0.7
LEAST_HITS = 24
"""Peaks that coincide; fewer are chance."""
LEAST_SHARE = 0.25
"""Of own peaks within the stretch."""


@dataclass(frozen=True, slots=True)
class Aligned:
    """One stretch along one slope: own frames ``start`` to ``stop``.

    ``pairs`` are the peaks that coincide there, ``share`` their part of own peaks, ``chance``
    what that part is where the two are laid on one another wrongly.
    """

    slope: Slope
    start: float
    stop: float
    pairs: Pairs
    share: float
    chance: float

    @property
    def frames(self) -> float:
        """Own length."""
        return self.stop - self.start

    @property
    def held(self) -> tuple[float, float]:
        """The other's frames."""
        slope = self.slope
        return slope.offset + self.start * slope.time, slope.offset + self.stop * slope.time


class Landmarks:
    """What one constellation is found by: its landmarks in the order of their hashes."""

    def __init__(self, stars: Constellation, params: RecordingParams) -> None:
        hashes, frames = reference_landmarks(stars, params.reference)
        order = np.argsort(hashes, kind="stable")
        self.hashes = hashes[order]
        self.frames = frames[order].astype(np.int64)

    def asked(self, hashes: UInt32) -> tuple[UInt32, Int64]:
        """Return (index of the question, frame) of every landmark that has one of the hashes."""
        first = np.searchsorted(self.hashes, hashes, "left")
        count = np.searchsorted(self.hashes, hashes, "right") - first
        count[count > _COMMON] = 0
        total = int(count.sum())
        which = np.repeat(np.arange(len(hashes)), count)
        within = np.arange(total) - np.repeat(np.cumsum(count) - count, count)
        return which.astype(np.uint32), self.frames[first[which] + within]


def questions(stars: Constellation, warp: Warp, params: RecordingParams) -> tuple[UInt32, UInt32]:
    """Return (hashes, own frames) by which a constellation is looked for, bent by ``warp``.

    Frames are those of the bent constellation.
    """
    frames, bins = stars.frames, stars.bins
    if warp != Warp():
        base = float(params.spectrum.first_bin)
        moved = np.rint((bins + base) / warp.pitch - base)
        inside = (moved >= 0) & (moved < params.spectrum.bins)
        frames = np.rint(frames[inside] * warp.time).astype(np.uint32)
        bins = moved[inside].astype(np.uint32)
    even = np.ones(len(frames), np.float32)
    hashes, anchors, _ = kernel.query_pairs(
        np.ascontiguousarray(frames), np.ascontiguousarray(bins), even, _FAN_OUT, 1.0
    )
    return hashes, anchors


def align(
    own: Constellation,
    other: Constellation,
    params: RecordingParams,
    tried: Sequence[Warp] | None = None,
) -> list[Aligned]:
    """Return every stretch of ``own`` that ``other`` holds, in the order of time.

    No moment of ``own`` is told twice: of several places in ``other`` the best one is.

    Parameters
    ----------
    tried
        Speeds and pitches to look for; None looks for the plain one first, and for all others
        where that explains less than half.
    """
    if not len(own.frames) or not len(other.frames):
        return []
    mine, theirs = Sky(own, params), Sky(other, params)
    landmarks = Landmarks(other, params)
    free = np.ones(len(mine), np.bool_)
    found: list[Aligned] = []
    for group in ([Warp()], list(warps())) if tried is None else (list(tried),):
        if tried is None and _explained(found) >= 0.5 * own.span_frames:
            break
        seeds = [s for warp in group for s in _seeds(own, landmarks, warp, params, free)]
        found += _followed(mine, theirs, seeds, free, params)
    return sorted(_once(found), key=lambda one: one.start)


def _once(found: Sequence[Aligned]) -> list[Aligned]:
    """Leave out weak lines to where a stronger one leads: music that repeats itself.

    What coincides as well as the stronger line is there a second time indeed (a jingle, say).
    """
    kept: list[Aligned] = []
    for one in sorted(found, key=lambda line: -len(line.pairs)):
        start, stop = one.held
        rivals = [
            line
            for line in kept
            if min(stop, line.held[1]) - max(start, line.held[0]) > _OVERLAP * (stop - start)
        ]
        if all(one.share >= _AS_STRONG * line.share for line in rivals):
            kept.append(one)
    return kept


def _explained(found: Sequence[Aligned]) -> float:
    return sum(one.frames for one in found)


def _seeds(
    own: Constellation,
    landmarks: Landmarks,
    warp: Warp,
    params: RecordingParams,
    free: npt.NDArray[np.bool_],
) -> list[tuple[float, Slope]]:
    """Return (votes, slope) of the alignments that most landmarks agree in."""
    hashes, anchors = questions(own, warp, params)
    which, frames = landmarks.asked(hashes)
    # What is explained already has no vote any more.
    taken = np.zeros(own.span_frames + 1, np.bool_)
    taken[own.frames[~free]] = True
    at = np.minimum(np.rint(anchors / warp.time).astype(np.int64), own.span_frames)
    open_ = ~taken[at[which]]
    which, frames = which[open_], frames[open_]
    if not len(which):
        return []
    base = int(anchors.max()) + 1
    weights = np.ones(len(hashes), np.float32)
    offsets, votes = kernel.vote(
        np.ascontiguousarray(which), np.ascontiguousarray(frames), anchors, weights, base, _SEEDS
    )
    slopes = [Slope(float(offset), warp.time, warp.pitch) for offset in offsets]
    return list(zip(votes.tolist(), slopes, strict=True))


def _followed(
    mine: Sky,
    theirs: Sky,
    seeds: list[tuple[float, Slope]],
    free: npt.NDArray[np.bool_],
    params: RecordingParams,
) -> list[Aligned]:
    """Follow seeds, most votes first, each on what the ones before have left over."""
    found: list[Aligned] = []
    for _, seed in sorted(seeds, key=lambda pair: -pair[0])[: 4 * _SEEDS]:
        if len(found) >= _MOST_LINES:
            break
        rows = np.flatnonzero(free)
        if len(rows) < LEAST_HITS:
            break
        slope = fitted(mine, theirs, seed, rows)
        if slope is None:
            continue
        one = _extent(mine, theirs, slope, rows, params)
        if one is not None:
            found.append(one)
            free &= (mine.frames < one.start) | (mine.frames >= one.stop)
    return found


def _extent(
    mine: Sky, theirs: Sky, slope: Slope, rows: Int64, params: RecordingParams
) -> Aligned | None:
    """Return the stretch that a slope explains, or None where it explains none."""
    where = slope.at(mine.frames[rows].astype(np.float64))
    rows = rows[(where >= 0) & (where < theirs.span_frames)]
    if len(rows) < LEAST_HITS:
        return None
    pairs = theirs.pairs(mine, slope, 2, rows)
    cell = _BIN_S / params.spectrum.frame_s
    of = (mine.frames[rows] / cell).astype(np.int64)
    count = np.bincount(of)
    hits = np.bincount((mine.frames[pairs.own] / cell).astype(np.int64), minlength=len(count))
    level = float(np.quantile((hits / np.maximum(count, 1))[count > 0], 0.75))
    first, stop = greatest_run(hits - max(_CHANCE, _BEYOND * level) * count)
    if stop <= first:
        return None
    inside = (mine.frames[pairs.own] >= first * cell) & (mine.frames[pairs.own] < stop * cell)
    kept = Pairs(pairs.own[inside], pairs.other[inside], pairs.late[inside])
    if len(kept) < LEAST_HITS:
        return None
    start, end = _edges(mine, kept, first * cell, stop * cell)
    of_rows = rows[(mine.frames[rows] >= start) & (mine.frames[rows] <= end)]
    share = len(kept) / max(1, len(of_rows))
    if share < LEAST_SHARE:
        return None
    slope = refitted(mine, kept, slope)
    chance = share_of(mine, theirs, slope, of_rows)
    return Aligned(slope, start, end, kept, share, chance)


def _edges(mine: Sky, pairs: Pairs, start: float, stop: float) -> tuple[float, float]:
    """Return the run from its first to its last coincidence that is not alone."""
    frames = mine.frames[pairs.own].astype(np.float64)
    return max(start, float(frames[min(1, len(frames) - 1)])), min(stop, float(frames[-1]) + 1.0)
