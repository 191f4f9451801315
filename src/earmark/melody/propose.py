"""First stage: nearest windows vote for tracks and say where in them the query may lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.melody.params import SearchParams
from earmark.melody.windows import PART, WHOLE, Asked
from earmark.ports import Neighbours

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

_BLUR = 20.0  # rank fusion 1 / (_BLUR + rank), Cormack et al. 2009


@dataclass(frozen=True, slots=True)
class Proposals:
    """Tracks worth aligning, best first, and hypotheses about where in them the query lies.

    ``whole`` and ``part`` are each track's best similarity to the whole query and its mean best
    similarity to parts. Hypothesis i says: track ``which[i]`` (an index into ``numbers``) begins
    the query at ``start_s[i]`` and runs ``time_ratio[i]`` track seconds a query second.
    """

    numbers: Integers
    whole: Floats
    part: Floats
    which: Integers
    start_s: Floats
    time_ratio: Floats


def propose(asked: Asked, found: Neighbours, params: SearchParams) -> Proposals:
    """Fuse both votes and return at most ``params.candidates`` tracks."""
    hits = found.number >= 0
    numbers, track = np.unique(found.number[hits], return_inverse=True)
    row = np.nonzero(hits)[0]
    similarity = found.similarity[hits]
    # A track that is not among a row's nearest is at best as near as the last of them.
    floor = np.where(hits.all(1), np.where(hits, found.similarity, np.inf).min(1), -1.0)
    best = np.repeat(floor[:, None].astype(np.float32), len(numbers), axis=1)
    np.maximum.at(best, (row, track), similarity)
    whole = best[asked.role == WHOLE].max(0)
    starts = asked.windows.start_s
    parts = asked.role == PART
    votes = [best[parts & (starts == at)].max(0) for at in np.unique(starts[parts])]
    part = np.mean(votes, axis=0)
    fused = 1.0 / (_BLUR + _ranks(-whole)) + 1.0 / (_BLUR + _ranks(-part))
    chosen = np.argsort(-fused, kind="stable")[: params.candidates]
    place = np.full(len(numbers), -1)
    place[chosen] = np.arange(len(chosen))
    ratio = found.length_s[hits] / asked.windows.length_s[row]
    start = found.start_s[hits] - asked.windows.start_s[row] * ratio
    kept = place[track] >= 0
    which, start, ratio = _apart(
        place[track][kept], start[kept], ratio[kept], similarity[kept], params.alignments
    )
    return Proposals(numbers[chosen], whole[chosen], part[chosen], which, start, ratio)


def _ranks(values: Floats) -> npt.NDArray[np.float64]:
    ranks = np.empty(len(values))
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
    return ranks


def _apart(
    track: Integers, start: Floats, ratio: Floats, similarity: Floats, most: int
) -> tuple[Integers, Floats, Floats]:
    """Keep the nearest ``most`` hypotheses a track that differ in place or tempo."""
    order = np.lexsort((-similarity, track))
    track, start, ratio = track[order], start[order], ratio[order]
    key = np.stack((track, np.round(start * 2), np.round(np.log2(ratio) * 4))).astype(np.int64)
    first = np.sort(np.unique(key, axis=1, return_index=True)[1])
    track, start, ratio = track[first], start[first], ratio[first]
    begins = np.searchsorted(track, track)  # where each track's block begins
    kept = np.arange(len(track)) - begins < most
    return (
        track[kept].astype(np.int64),
        start[kept].astype(np.float32),
        ratio[kept].astype(np.float32),
    )
