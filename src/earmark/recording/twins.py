"""Which other recordings of an index share sound with one: its own landmarks are the question.

Nothing is decoded and no track is compared with every other: one look-up finds who shares
landmarks along one line, a second one those that run at another speed or pitch, and the few that
gather votes are laid on the recording peak by peak.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.kernels import landmarks as kernel
from earmark.ports import GAP_FRAMES, PostingStore
from earmark.recording.aligning import Aligned, align
from earmark.recording.constellation import Constellation, between
from earmark.recording.landmarks import Warp, reference_landmarks, warps
from earmark.recording.params import PAGE_FRAMES, RecordingParams

Int64 = npt.NDArray[np.int64]
UInt32 = npt.NDArray[np.uint32]

READS = 600_000
"""Postings read for one recording and one question, however large the library is."""
_BLOCK_FRAMES = 512  # rare landmarks are chosen from every 8 s: a part may be what is shared
_STRETCH_FRAMES = 500  # what is asked at other speeds and pitches
_STRETCHES = 3
_LEAST_VOTES = 10.0
_MOST_LAID = 12
"""Candidates of one question that are compared peak by peak."""
_TOP = 96
_APART = 1 << 44  # moves the time line of each warp away from the others'


@dataclass(frozen=True, slots=True)
class Twin:
    """Another number and the stretches that both hold."""

    number: int
    lines: tuple[Aligned, ...]
    span_frames: int


@dataclass(frozen=True, slots=True)
class _Asked:
    """Landmarks to look up, with the question (a warp) that each belongs to."""

    hashes: UInt32
    frames: UInt32
    group: Int64
    warps: tuple[Warp, ...]


def twins_of(
    number: int,
    stars: Constellation,
    postings: PostingStore,
    params: RecordingParams,
    without: Collection[int] = (),
) -> list[Twin]:
    """Return the recordings that share a stretch with a known number, most shared first.

    Parameters
    ----------
    without
        Numbers not to look at, besides ``number`` itself.
    """
    if not len(stars.frames):
        return []
    left_out = np.array(sorted({number, *without}), np.int64)
    plain = _plain(stars, params)
    found = _laid(stars, postings, params, _candidates(plain, postings, left_out))
    explained = max((sum(a.frames for a in twin.lines) for twin in found), default=0.0)
    if explained < 0.5 * stars.span_frames:
        seen = np.union1d(left_out, np.array([twin.number for twin in found], np.int64))
        bent = _bent(stars, params)
        found += _laid(stars, postings, params, _candidates(bent, postings, seen))
    return sorted(found, key=lambda twin: -sum(a.frames for a in twin.lines))


def held(postings: PostingStore, number: int) -> Constellation:
    """Return the constellation that a posting store keeps beside its postings."""
    data = postings.payload(number)
    pages = int(data[:4].view("<u4")[0])
    span = pages * PAGE_FRAMES
    frames, bins = between(data, 0, span)
    return Constellation(frames, bins, span)


def _plain(stars: Constellation, params: RecordingParams) -> _Asked:
    hashes, frames = reference_landmarks(stars, params.reference)
    return _Asked(hashes, frames, np.zeros(len(hashes), np.int64), (Warp(),))


def _bent(stars: Constellation, params: RecordingParams) -> _Asked:
    """Return the landmarks of some stretches under every warp."""
    middles = (np.arange(_STRETCHES) + 0.5) / _STRETCHES * stars.span_frames
    tried = warps()
    hashes, frames, group = [], [], []
    for index, warp in enumerate(tried):
        for middle in middles.tolist():
            part = _cut(stars, middle - _STRETCH_FRAMES / 2, middle + _STRETCH_FRAMES / 2)
            bent = _warped(part, warp, params)
            own, at = reference_landmarks(bent, params.reference)
            hashes.append(own)
            frames.append(at)
            group.append(np.full(len(own), index, np.int64))
    return _Asked(np.concatenate(hashes), np.concatenate(frames), np.concatenate(group), tried)


def _cut(stars: Constellation, start: float, stop: float) -> Constellation:
    keep = (stars.frames >= start) & (stars.frames < stop)
    return Constellation(stars.frames[keep], stars.bins[keep], stars.span_frames)


def _warped(stars: Constellation, warp: Warp, params: RecordingParams) -> Constellation:
    """Return peaks where a recording of that speed and pitch would have them."""
    base = float(params.spectrum.first_bin)
    moved = np.rint((stars.bins + base) / warp.pitch - base)
    inside = (moved >= 0) & (moved < params.spectrum.bins)
    frames = np.rint(stars.frames[inside] * warp.time).astype(np.uint32)
    span = int(stars.span_frames * warp.time) + 1
    return Constellation(frames, np.ascontiguousarray(moved[inside]).astype(np.uint32), span)


def _candidates(asked: _Asked, postings: PostingStore, without: Int64) -> dict[int, Warp]:
    """Return the numbers that most landmarks agree in, most votes first, with their warps."""
    keep = _affordable(asked, postings)
    hashes, frames = asked.hashes[keep], asked.frames[keep]
    hits = postings.lookup(np.ascontiguousarray(hashes))
    numbers, _ = postings.locate(hits.position)
    others = (numbers >= 0) & ~np.isin(numbers, without)
    which, position = hits.query_index[others], hits.position[others]
    if not len(which):
        return {}
    position = position + asked.group[keep][which] * _APART
    offsets, votes = kernel.vote(
        np.ascontiguousarray(which),
        np.ascontiguousarray(position),
        np.ascontiguousarray(frames),
        np.ones(len(frames), np.float32),
        GAP_FRAMES + int(frames.max()),
        _TOP,
    )
    offsets, votes = offsets[votes >= _LEAST_VOTES], votes[votes >= _LEAST_VOTES]
    group = (offsets + _APART // 2) // _APART
    owners = _owners(postings, which, position, frames, offsets, group)
    found: dict[int, Warp] = {}
    for owner, index in zip(owners, group.tolist(), strict=True):
        if owner >= 0 and len(found) < _MOST_LAID:
            found.setdefault(owner, asked.warps[index])
    return found


def _owners(
    postings: PostingStore,
    which: UInt32,
    position: Int64,
    frames: UInt32,
    offsets: Int64,
    group: Int64,
) -> list[int]:
    """Return the track of each alignment: of one of the hits that it was voted by.

    Where own sound begins long after the other's, the offset itself lies before the track.
    """
    own = position - frames[which]
    order = np.argsort(own, kind="stable")
    at = np.searchsorted(own[order], offsets - 1)
    first = order[np.minimum(at, len(order) - 1)]
    numbers, _ = postings.locate(position[first] - group * _APART)
    return [int(number) for number in numbers]


def _affordable(asked: _Asked, postings: PostingStore) -> Int64:
    """Return which landmarks to look up: all, or of every stretch the rarest."""
    counts = postings.counts(asked.hashes).astype(np.int64)
    if int(counts.sum()) <= READS:
        return np.arange(len(counts))
    blocks = asked.group * (1 << 24) + asked.frames // _BLOCK_FRAMES
    order = np.lexsort((counts, blocks))
    _, start, size = np.unique(blocks[order], return_index=True, return_counts=True)
    each = READS // len(start)
    spent = np.cumsum(counts[order])
    before = np.repeat(np.concatenate(([0], spent))[start], size)
    return np.sort(order[spent - before <= max(1, each)])


def _laid(
    stars: Constellation,
    postings: PostingStore,
    params: RecordingParams,
    candidates: dict[int, Warp],
) -> list[Twin]:
    found = []
    for number, warp in candidates.items():
        try:
            other = held(postings, number)
        except KeyError:  # removed since
            continue
        lines = align(stars, other, params, (warp,))
        if lines:
            found.append(Twin(number, tuple(lines), other.span_frames))
    return found
