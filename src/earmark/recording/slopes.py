"""Follows an alignment from where it is surest to both sides: its exact offset, speed and pitch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from earmark.recording.coincide import Pairs, Sky, Slope

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

_CORE = 500  # frames (8 s): where an alignment is surest
_REACH = 3
_LEAST = 12  # coincidences a fit stands on
_GOES_ON = 0.45  # of the core's share of coincidences, for a side to be followed further
_GROWTH = 1.6
_SHIFTS = (-701, -463, -293, 311, 457, 719)


def fitted(mine: Sky, theirs: Sky, seed: Slope, rows: Int64) -> Slope | None:
    """Return the slope that a seed becomes once it is followed, or None where nothing follows it.

    Parameters
    ----------
    rows
        Indices of own peaks that may be explained, ascending.
    """
    frames = mine.frames[rows].astype(np.float64)
    pairs = theirs.pairs(mine, seed, _REACH, rows)
    if len(pairs) < _LEAST:
        return None
    hits = mine.frames[pairs.own].astype(np.float64)
    middle = _densest(hits, _CORE)
    low, high = middle - _CORE / 2, middle + _CORE / 2
    slope, share = seed, 0.0
    for _ in range(2):  # the first fit moves peaks within reach
        fit = _fit(mine, theirs, slope, _within(rows, frames, low, high))
        if fit is None:
            return None
        slope, share = fit
    left, right = True, True
    while left or right:
        step = (_GROWTH - 1.0) * (high - low)
        if left:
            left = low > frames[0] and _goes_on(
                mine, theirs, slope, _within(rows, frames, low - step, low), share
            )
            low -= step if left else 0.0
        if right:
            right = high < frames[-1] and _goes_on(
                mine, theirs, slope, _within(rows, frames, high, high + step), share
            )
            high += step if right else 0.0
        fit = _fit(mine, theirs, slope, _within(rows, frames, low, high))
        if fit is None:
            return None
        slope = fit[0]
    return slope


def refitted(mine: Sky, pairs: Pairs, slope: Slope) -> Slope:
    """Return a slope fitted anew to the coincidences of its own stretch."""
    own = mine.frames[pairs.own].astype(np.float64)
    shift, turn = _straight(own, pairs.late)
    return Slope(slope.offset + shift, slope.time + turn, slope.pitch)


def share_of(mine: Sky, theirs: Sky, slope: Slope, rows: Int64) -> float:
    """Return the share of own peaks that coincide where the two are laid wrongly: by chance."""
    shares = []
    for shift in _SHIFTS:
        moved = Slope(slope.offset + shift, slope.time, slope.pitch)
        where = moved.at(mine.frames[rows].astype(np.float64))
        inside = rows[(where >= 0) & (where < theirs.span_frames)]
        if len(inside) >= _LEAST:
            shares.append(len(theirs.pairs(mine, moved, 2, inside)) / len(inside))
    return float(np.mean(shares)) if shares else 0.0


def _densest(hits: Float64, width: float) -> float:
    """Return the middle of the window of that width which holds most of the ascending hits."""
    count = np.searchsorted(hits, hits + width) - np.arange(len(hits))
    return float(hits[int(np.argmax(count))]) + width / 2


def _within(rows: Int64, frames: Float64, low: float, high: float) -> Int64:
    return rows[np.searchsorted(frames, low) : np.searchsorted(frames, high)]


def _goes_on(mine: Sky, theirs: Sky, slope: Slope, rows: Int64, share: float) -> bool:
    if len(rows) < _LEAST:
        return False
    return len(theirs.pairs(mine, slope, _REACH, rows)) >= _GOES_ON * share * len(rows)


def _fit(mine: Sky, theirs: Sky, slope: Slope, rows: Int64) -> tuple[Slope, float] | None:
    """Return a slope fitted to the coincidences of one that is nearly right, and their share."""
    pairs = theirs.pairs(mine, slope, _REACH, rows)
    if len(pairs) < _LEAST:
        return None
    shift, turn = _straight(mine.frames[pairs.own].astype(np.float64), pairs.late)
    base = float(mine.first_bin)
    heard, held = mine.bins[pairs.own] + base, theirs.bins[pairs.other] + base
    pitch = float((heard * held).sum() / np.square(held).sum())
    return Slope(slope.offset + shift, slope.time + turn, pitch), len(pairs) / max(1, len(rows))


def _straight(own: Float64, late: Float64) -> tuple[float, float]:
    """Return (shift, turn) of the least-squares line, without what chance has put elsewhere."""
    keep = np.ones(len(own), np.bool_)
    shift, turn = 0.0, 0.0
    for reach in (2.5, 1.5, 1.0):
        at, by = own[keep], late[keep]
        centre = at.mean()
        spread = float(np.square(at - centre).sum())
        turn = float(((at - centre) * (by - by.mean())).sum()) / max(spread, 1.0)
        shift = float(by.mean()) - turn * centre
        near = np.abs(late - (shift + turn * own)) <= reach
        if near.sum() < _LEAST:
            break
        keep = near
    return shift, turn
