"""Constellations that no music made: walks over the peaks of real tracks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from earmark.recording.constellation import Constellation

RUN = 4
"""Real peaks in a row; as many as make a foreign query read what it reads in real music."""


@dataclass(frozen=True)
class Walk:
    """Peaks of real tracks laid end to end, and how to go on from one: what simulated ones are of.

    Peak k has bin ``bins[k]``, is followed ``gap[k]`` frames later by peak ``following[k]`` of the
    same track, and is ``alike[begin[k] : begin[k] + count[k]]`` in track and bin.
    """

    bins: np.ndarray
    gap: np.ndarray
    following: np.ndarray
    alike: np.ndarray
    begin: np.ndarray
    count: np.ndarray

    @classmethod
    def of(cls, real: Sequence[Constellation], bins: int) -> Walk:
        """Lay tracks end to end; the end of each is followed by its own beginning."""
        gaps, following, at = [], [], 0
        for one in real:
            times = one.frames.astype(np.int64)
            gaps.append(np.diff(times, append=times[-1] + 8))
            following.append(at + np.roll(np.arange(len(times)), -1))
            at += len(times)
        own = np.concatenate([one.bins.astype(np.int64) for one in real])
        track = np.repeat(np.arange(len(real)), [len(one.bins) for one in real])
        held = np.bincount(track * bins + own)
        key = track * bins + own
        return cls(
            bins=own,
            gap=np.concatenate(gaps),
            following=np.concatenate(following),
            alike=np.argsort(key, kind="stable"),
            begin=(np.cumsum(held) - held)[key],
            count=held[key],
        )

    def tracks(self, count: int, frames: int, rng: np.random.Generator) -> list[Constellation]:
        """Return simulated tracks: each plays runs of about `RUN` peaks of one real track.

        A run ends at a peak and goes on from another of the same bin, so that pairs of near peaks
        are as frequent as in music, and longer patterns are chance.
        """
        at = rng.integers(len(self.bins), size=count)
        now = np.zeros(count, np.int64)
        times, places = [], []
        while now.min() < frames:
            times.append(now)
            places.append(self.bins[at])
            now, at = now + self.gap[at], self.following[at]
            other = self.begin[at] + (rng.random(count) * self.count[at]).astype(np.int64)
            at = np.where(rng.random(count) < 1.0 / RUN, self.alike[other], at)
        rows = zip(np.array(times).T, np.array(places).T, strict=True)
        return [_sorted(t[t < frames], b[t < frames], frames) for t, b in rows]


def _sorted(frames: np.ndarray, bins: np.ndarray, span: int) -> Constellation:
    code = np.sort(frames * 512 + bins)
    code = code[np.append(True, code[1:] != code[:-1])]
    return Constellation((code // 512).astype(np.uint32), (code % 512).astype(np.uint32), span)
