"""Candidates: look the landmarks up, let the hits vote for alignments."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.kernels import landmarks as kernel
from earmark.ports import GAP_FRAMES, PostingStore
from earmark.recording.landmarks import QueryLandmarks, Warp

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Alignments:
    """Hypotheses, one a row: this track, query frame 0 at this reference frame, under this warp."""

    numbers: npt.NDArray[np.int64]
    offsets: Float64
    time: Float64
    pitch: Float64
    votes: Float64

    def __len__(self) -> int:
        return len(self.numbers)

    def rows(self, which: npt.NDArray[np.integer] | npt.NDArray[np.bool_]) -> Alignments:
        """Return some of the rows."""
        return Alignments(
            self.numbers[which],
            self.offsets[which],
            self.time[which],
            self.pitch[which],
            self.votes[which],
        )

    @classmethod
    def joined(cls, parts: list[Alignments]) -> Alignments:
        """Return all rows of all parts."""
        return cls(
            np.concatenate([p.numbers for p in parts]),
            np.concatenate([p.offsets for p in parts]),
            np.concatenate([p.time for p in parts]),
            np.concatenate([p.pitch for p in parts]),
            np.concatenate([p.votes for p in parts]),
        )


_COMMON = 7.3e-6  # share of all postings that a landmark's hash has on average (docs/recording.md)
_SMALL = 3_000_000  # postings up to which the bound on reads does not grow


def propose(
    postings: PostingStore,
    landmarks: QueryLandmarks,
    warp: Warp,
    top: int,
    postings_total: int,
    reads: int,
) -> Alignments:
    """Return the ``top`` alignments by weighted votes.

    A hit weighs its pair's salience times the rarity of its hash, ``log(N / 14 c)`` for a hash with
    c of all N postings and never below one: what every track has says little about any. Where the
    library is large, hashes are read in the order of weight per posting until ``reads`` (times
    the square root of how much larger it is) are spent.
    """
    bound = int(reads * math.sqrt(max(1.0, postings_total / _SMALL)))
    if len(landmarks.hashes) * _COMMON * postings_total > bound:
        landmarks = _affordable(landmarks, postings.counts(landmarks.hashes), postings_total, bound)
    hits = postings.lookup(landmarks.hashes)
    found = np.bincount(hits.query_index, minlength=len(landmarks.hashes))
    weights = (landmarks.weights * _rarity(found, postings_total)).astype(np.float32)
    offsets, votes = kernel.vote(
        hits.query_index, hits.position, landmarks.frames, weights, GAP_FRAMES, top
    )
    numbers, frames = postings.locate(offsets)
    live = numbers >= 0
    count = int(live.sum())
    return Alignments(
        numbers[live],
        frames[live].astype(np.float64),
        np.full(count, warp.time),
        np.full(count, warp.pitch),
        votes[live].astype(np.float64),
    )


def _rarity(counts: npt.NDArray[np.integer], postings_total: int) -> Float64:
    rarity: Float64 = np.log(np.maximum(np.e, postings_total / 14.0 / np.maximum(counts, 1)))
    return rarity


def _affordable(
    landmarks: QueryLandmarks, counts: npt.NDArray[np.uint32], postings_total: int, bound: int
) -> QueryLandmarks:
    """Return the landmarks that give most weight a posting and cost ``bound`` postings in all."""
    held = np.flatnonzero(counts)
    worth = landmarks.weights[held] * _rarity(counts[held], postings_total) / counts[held]
    order = held[np.argsort(-worth, kind="stable")]
    spent = np.cumsum(counts[order], dtype=np.int64)
    keep = np.sort(order[: max(1, int(np.searchsorted(spent, bound, side="right")))])
    return QueryLandmarks(landmarks.hashes[keep], landmarks.frames[keep], landmarks.weights[keep])
