"""Pairs of peaks as hashes: two a peak for a reference, as many as the budget allows for a query.

A landmark (Wang 2003) is an anchor peak and a later one: hash = the anchor's bin, the bins up to
the target, the frames up to it. The index keeps few; the query asks many, weighted by salience,
because each of its peaks is right with a probability that noise makes small.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.kernels import landmarks as kernel
from earmark.recording.constellation import Constellation
from earmark.recording.params import PAGE_FRAMES, QueryParams, ReferenceParams, SpectrumParams

UInt32 = npt.NDArray[np.uint32]
Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Warp:
    """A hypothesis: a query second holds ``time`` reference seconds, ``pitch`` times as high."""

    time: float = 1.0
    pitch: float = 1.0


@dataclass(frozen=True, slots=True)
class Peaks:
    """A query's peaks in time order, with their rank by salience within their page."""

    frames: UInt32
    bins: UInt32
    salience: Float32
    rank: npt.NDArray[np.int64]
    span_frames: int

    @classmethod
    def of(cls, frames: UInt32, bins: UInt32, salience: Float32, span_frames: int) -> Peaks:
        """Rank the peaks of each page, most salient first."""
        page = frames // PAGE_FRAMES
        order = np.lexsort((-salience, page))
        ordered = page[order]
        rank = np.empty(len(frames), np.int64)
        rank[order] = np.arange(len(frames)) - np.searchsorted(ordered, ordered, side="left")
        return cls(frames, bins, salience, rank, span_frames)


@dataclass(frozen=True, slots=True)
class QueryLandmarks:
    """What to look up: parallel hashes, query frames (in reference time) and weights."""

    hashes: UInt32
    frames: UInt32
    weights: Float32


def reference_landmarks(
    constellation: Constellation, params: ReferenceParams
) -> tuple[UInt32, UInt32]:
    """Return (hashes, anchor frames) to index."""
    return kernel.pairs(constellation.frames, constellation.bins, params.fan_out)


def query_landmarks(
    peaks: Peaks, budget: int, warp: Warp, spectrum: SpectrumParams, query: QueryParams
) -> QueryLandmarks:
    """Return about ``budget`` look-ups: the most salient peaks, each with its nearest later ones.

    Under a warp the peaks are first moved to where the reference would have them.
    """
    pages = max(1.0, peaks.span_frames / PAGE_FRAMES)
    # Look-ups = 3 guesses x peaks x targets; targets grow with the peaks that fill the zone.
    per_page = int(min(query.peaks_per_page, max(8.0, math.sqrt(budget / (3 * pages) * 2.5))))
    fan_out = max(3, int(per_page * 0.4))
    keep = peaks.rank < per_page
    frames, bins, salience = peaks.frames[keep], peaks.bins[keep], peaks.salience[keep]
    if warp != Warp():
        frames = np.rint(frames * warp.time).astype(np.uint32)
        moved = np.rint((bins + float(spectrum.first_bin)) / warp.pitch - spectrum.first_bin)
        inside = (moved >= 0) & (moved < spectrum.bins)
        frames, salience = frames[inside], salience[inside]
        bins = moved[inside].astype(np.uint32)
    hashes, anchors, weights = kernel.query_pairs(frames, bins, salience, fan_out, query.off_weight)
    return QueryLandmarks(hashes, anchors, weights)


def warps() -> tuple[Warp, ...]:
    """Return the hypotheses tried when the plain one fails: speed, tempo and pitch.

    Speed and tempo in steps of 1 % to 6 %, pitch in quarter tones to a whole tone; a landmark
    tolerates what lies between.
    """
    steps = [sign * percent / 100 for percent in range(1, 7) for sign in (1, -1)]
    speed = [Warp(1 + s, 1 + s) for s in steps]
    tempo = [Warp(1 + s, 1.0) for s in steps]
    pitch = [Warp(1.0, 2.0 ** (k / 24)) for k in (1, -1, 2, -2, 3, -3, 4, -4)]
    return (*speed, *tempo, *pitch)
