"""The alignments on which several matches lie together: where two stretches may be the same."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.monitor.repeating.alike import Alike
from earmark.monitor.repeating.archive import Archive

Int64 = npt.NDArray[np.int64]

LEAST_TOGETHER = 4
"""Peaks whose triples come again together."""
_CELL_FRAMES = 512
_AT_ONCE = 1 << 18
_PLACE_FRAMES = 1024
_MOST_A_PLACE = 4
"""Loops agree at every bar: between two places of 16 s no more alignments are looked at."""
_TIME_BITS = 30
_TIMES = np.int64((1 << _TIME_BITS) - 1)


@dataclass(frozen=True, slots=True)
class Seeds:
    """Where two stretches may be the same: frames, and how much later the second one is.

    ``matches`` counts what was looked at to find them.
    """

    frames: Int64
    distances: Int64
    matches: int


def seeds(archive: Archive) -> Seeds:
    """Return the likely alignments, the one with most matches first."""
    packed = [np.empty(0, np.int64)]
    for distance, frame in Alike(archive).matches():
        # Triples of one peak are one match. Here, too: in a loop that plays for days they are ten
        # times as many.
        packed.append(np.unique((distance << _TIME_BITS) | frame))
    keys = np.concatenate(packed)
    packed.clear()
    keys = np.unique(keys)
    shifts = (0, _CELL_FRAMES // 2)
    table = np.concatenate([_cells(part, shift) for part in _slices(keys) for shift in shifts])
    table = table[np.lexsort((table[:, 0], table[:, 1], -table[:, 2]))]
    table = table[_foremost(table[:, 0], table[:, 1])]
    return Seeds(table[:, 0], table[:, 1], len(keys))


def _slices(keys: Int64) -> list[Int64]:
    """Cut sorted keys where no distance is next to another, about `_AT_ONCE` in each part."""
    breaks = np.flatnonzero(np.diff(keys >> _TIME_BITS) > 1) + 1
    wanted = np.searchsorted(breaks, np.arange(_AT_ONCE, len(keys), _AT_ONCE))
    return np.split(keys, np.unique(breaks[wanted[wanted < len(breaks)]]))


def _foremost(frames: Int64, distances: Int64) -> npt.NDArray[np.bool_]:
    """Return which of the seeds are among the first of those that join the same two places."""
    places = (frames // _PLACE_FRAMES << _TIME_BITS) | ((frames + distances) // _PLACE_FRAMES)
    order = np.argsort(places, kind="stable")
    _, first, count = np.unique(places[order], return_index=True, return_counts=True)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order)) - np.repeat(first, count)
    return rank < _MOST_A_PLACE


def _cells(keys: Int64, shift: int) -> Int64:
    """Return rows of (frame, distance, matches) for each cell of eight seconds with several.

    Cells of two calls lie across each other, so that no stretch is cut by the edges of both. Of
    distances that are a frame apart the fullest is told, with the matches of all three.
    """
    cells = (((keys & _TIMES) + shift) // _CELL_FRAMES << _TIME_BITS) | (keys >> _TIME_BITS)
    order = np.argsort(cells, kind="stable")
    frames = (keys & _TIMES)[order]
    found, first, count = np.unique(cells[order], return_index=True, return_counts=True)
    if not len(found):
        return np.empty((0, 3), np.int64)
    middle: Int64 = np.add.reduceat(frames, first) // count
    left, right = (_beside(found, count, by) for by in (-1, 1))
    together = count + left + right
    best = (together >= LEAST_TOGETHER) & (count > left) & (count >= right)
    rows: Int64 = np.stack([middle, found & _TIMES, together], 1)[best]
    return rows


def _beside(cells: Int64, count: Int64, by: int) -> Int64:
    """Return the count of the cell whose distance is so many frames longer, 0 without one."""
    other = np.zeros_like(count)
    if by > 0:
        next_to = cells[1:] == cells[:-1] + 1
        other[:-1][next_to] = count[1:][next_to]
    else:
        next_to = cells[1:] == cells[:-1] + 1
        other[1:][next_to] = count[:-1][next_to]
    return other
