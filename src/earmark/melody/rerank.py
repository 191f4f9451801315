"""Second stage: the sung line is laid on each proposed tune, first stretched, then warped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.kernels import align
from earmark.melody.contour import Line
from earmark.melody.params import LINE_HZ, SearchParams
from earmark.melody.propose import Proposals
from earmark.melody.tune import Tune

Floats = npt.NDArray[np.float32]

WORST = 4.0
"""The cost of an alignment that was not tried."""


@dataclass(frozen=True, slots=True)
class Alignments:
    """One row a proposed track: costs in mean semitones (0 is perfect, `WORST` the worst).

    ``start_s`` is where in the track the line begins, ``time_ratio`` track seconds a query second,
    ``shift_semitones`` how far the query lies above the tune.
    """

    scaled: Floats
    two_key: Floats
    warped: Floats
    start_s: Floats
    time_ratio: Floats
    shift_semitones: Floats


def lines_of(tunes: Sequence[tuple[Tune, bool]]) -> align.Lines:
    """Return (tune, written) pairs end to end, as the kernels read them."""
    stop = np.cumsum([len(tune) for tune, _ in tunes])
    return align.Lines(
        np.concatenate([tune.onset_s for tune, _ in tunes]).astype(np.float32),
        np.concatenate([tune.semitones for tune, _ in tunes]).astype(np.float32),
        (stop - [len(tune) for tune, _ in tunes]).astype(np.int64),
        stop.astype(np.int64),
        np.array([written for _, written in tunes], np.uint8),
    )


def align_all(
    line: Line, tunes: Sequence[tuple[Tune, bool]], proposals: Proposals, params: SearchParams
) -> Alignments:
    """Return the best alignment of ``line`` with each proposed tune.

    Parameters
    ----------
    tunes
        One (tune, written) pair for each of ``proposals.numbers``, none without notes.
    """
    lines, query = lines_of(tunes), np.ascontiguousarray(line.semitones)
    which = proposals.which
    scaled = align.scale(
        query,
        LINE_HZ,
        lines,
        which,
        proposals.start_s,
        proposals.time_ratio,
        np.array(params.fine, np.float32),
        params.back,
        params.grid_s,
        params.truncate_semitones,
        params.apart,
    )
    cost = np.full(len(which), WORST, np.float32)
    # Each track's best, and the best of all: a track that was not warped could not be compared.
    order = np.lexsort((scaled.cost, which))
    nearest = order[np.unique(which[order], return_index=True)[1]]
    near = np.union1d(nearest, np.argsort(scaled.cost, kind="stable")[: params.warped])
    cost[near] = align.warp(
        query,
        LINE_HZ,
        lines,
        which[near],
        align.Scaled(*(column[near] for column in scaled)),
        params.keys,
        params.band_frames,
        params.growth,
        params.truncate_semitones,
        params.penalty,
    )
    count = len(tunes)
    best = np.full((3, count), WORST, np.float32)
    for row, column in zip(best, (scaled.cost, scaled.two_key_cost, cost), strict=True):
        np.minimum.at(row, which, column)
    order = np.lexsort((scaled.cost + cost, which))
    chosen = order[np.unique(which[order], return_index=True)[1]]
    place = np.zeros((3, count), np.float32)
    place[1] = 1.0
    place[:, which[chosen]] = (
        scaled.start_s[chosen],
        scaled.time_ratio[chosen],
        scaled.shift_semitones[chosen],
    )
    return Alignments(best[0], best[1], best[2], place[0], place[1], place[2])
