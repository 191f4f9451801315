"""The newest chunks of a source against the index, without what is known to play."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from earmark.ports import Payload, PostingStore
from earmark.recording.confidence import Calibration
from earmark.recording.decide import Decider, Found, refined
from earmark.recording.decoys import FEW_TRACKS, decoys
from earmark.recording.judge import Judge
from earmark.recording.landmarks import Peaks, Warp, query_landmarks, warps
from earmark.recording.params import RecordingParams
from earmark.recording.propose import propose
from earmark.recording.stream import Chunk
from earmark.recording.verify import Scored, Verifier

_TENTATIVE = 0.5
"""Least confidence of what is followed to see whether it goes on."""
_WORTH_TUNING, _WORTH_JUDGING = 0.5, 0.65
"""Mean evidence a peak, in deviations, below which the best alignment is left as it is."""
_LIMIT = 4


class Window:
    """Searches a few chunks at once; use once.

    Parameters
    ----------
    payloads
        Packed constellations that are at hand.
    """

    def __init__(
        self,
        chunks: Sequence[Chunk],
        postings: PostingStore,
        params: RecordingParams,
        calibration: Calibration,
        payloads: dict[int, Payload],
    ) -> None:
        self._postings = postings
        self._params = params
        self._total = int(postings.stats()["postings"])
        self.first = chunks[0].first
        left = np.concatenate([chunk.left for chunk in chunks])
        self._peaks = _unexplained(chunks, len(left))
        self._verifier = Verifier(left, postings, params, payloads)
        self._calibration = calibration

    def quick(self, budget: int, reads: int) -> tuple[Scored | None, list[list[Found]]]:
        """Look up what is most salient; return the pool, and groups of what may play."""
        if not len(self._peaks.frames) or not self._total:
            return None, []
        query = self._params.query
        found = self._try(Warp(), budget, query.candidates[0], reads)
        if not _promising(found, _WORTH_TUNING):
            return found, []
        pool = refined(self._verifier, found)
        return pool, self._judged(pool, "quick")

    def deep(
        self, pool: Scored, hypotheses: Sequence[Warp], budget: int, reads: int
    ) -> list[list[Found]]:
        """Look up more, under bent speeds, tempos and pitches too."""
        query = self._params.query
        parts = [self._verifier.score(pool.at)] if len(pool.at) else []
        known = self._postings.known()
        if len(known) < FEW_TRACKS:
            parts.append(self._verifier.score(decoys(self._verifier, known)))
        parts.append(
            self._try(Warp(), query.budgets[1] // 3, query.candidates[1] // 2, query.reads[1] // 3)
        )
        parts += [self._try(warp, budget, query.warp_candidates, reads) for warp in hypotheses]
        whole = Scored.joined(parts)
        if not len(whole.at):
            return []
        return self._judged(refined(self._verifier, whole), "warps")

    def bent(
        self, pool: Scored, hypotheses: Sequence[Warp], budget: int, reads: int
    ) -> list[list[Found]]:
        """Look up under a few bent speeds, beside the pool of the plain look-up."""
        query = self._params.query
        parts = [pool]
        parts += [self._try(warp, budget, query.warp_candidates, reads) for warp in hypotheses]
        whole = Scored.joined(parts)
        if not _promising(whole, _WORTH_TUNING):
            return []
        return self._judged(refined(self._verifier, whole), "warps")

    def _judged(self, pool: Scored, tried: str) -> list[list[Found]]:
        if not _promising(pool, _WORTH_JUDGING):
            return []
        judge = Judge(self._verifier, self._peaks, self._calibration)
        return Decider(self._verifier, judge, _TENTATIVE).groups(pool, tried, _LIMIT)

    def _try(self, warp: Warp, budget: int, top: int, reads: int) -> Scored:
        landmarks = query_landmarks(
            self._peaks, budget, warp, self._params.spectrum, self._params.query
        )
        proposed = propose(self._postings, landmarks, warp, top, self._total, reads)
        return self._verifier.score(proposed)


def _promising(pool: Scored, least: float) -> bool:
    """Return whether any alignment explains what it should, peak by peak."""
    if not len(pool.at):
        return False
    mean = pool.score / np.sqrt(np.maximum(pool.count, 10))
    return float(mean.max()) >= least


def hypotheses(turn: int) -> tuple[Warp, ...]:
    """Return what to try in a turn: bent speeds in even ones, bent tempos and pitches in odd ones.

    Each turn costs half of all; speeds come first because tapes and stations bend those.
    """
    odd = bool(turn % 2)
    return tuple(warp for warp in warps() if (warp.time != warp.pitch) == odd)


def _unexplained(chunks: Sequence[Chunk], span: int) -> Peaks:
    """Return the peaks that no known line explains, ranked."""
    frames, bins, salience = [], [], []
    for chunk in chunks:
        t, f = chunk.frames.astype(np.int64), chunk.bins.astype(np.int64)
        keep = (chunk.evidence[t, f] <= 0) | (chunk.left[t, f] > 0)
        frames.append((t[keep] + (chunk.first - chunks[0].first)).astype(np.uint32))
        bins.append(chunk.bins[keep])
        salience.append(chunk.salience[keep])
    return Peaks.of(np.concatenate(frames), np.concatenate(bins), np.concatenate(salience), span)
