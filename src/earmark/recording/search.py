"""One stretch of a query against the index: quick try, thorough try, warps - then who is it?"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from earmark.kernels import spectrum as kernel
from earmark.ports import PostingStore
from earmark.recording.confidence import ACCEPT, CERTAIN, Calibration
from earmark.recording.judge import Judge, Standing
from earmark.recording.landmarks import Peaks, Warp, query_landmarks, warps
from earmark.recording.params import RecordingParams
from earmark.recording.peaks import query_peaks
from earmark.recording.propose import Alignments, propose
from earmark.recording.spectrum import salience
from earmark.recording.verify import EVIDENCE_SCALE, Scored, Trace, Verifier
from earmark.timing import lap
from earmark.types import Samples

_REFINED = 8  # tracks whose speed and pitch are tuned before they are compared
_KEPT = 200  # alignments carried from one try to the next
_SAME_SHARE = 0.4  # of the weaker track's peaks: above it two tracks hold the same recording


@dataclass(frozen=True, slots=True)
class Found:
    """One accepted track of a stretch: its alignment, peak by peak, and how sure we are."""

    number: int
    offset_frames: float
    time_ratio: float
    pitch_ratio: float
    score: float
    rival: float
    confidence: float
    votes: float
    tried: str
    trace: Trace


class StretchSearch:
    """Searches one stretch of at most some twenty seconds; use once."""

    def __init__(
        self,
        samples: Samples,
        postings: PostingStore,
        postings_total: int,
        params: RecordingParams,
        calibration: Calibration,
        accept: float = ACCEPT,
    ) -> None:
        self._postings = postings
        self._total = postings_total
        self._params = params
        self._accept = accept
        query = params.query
        with lap("analyse"):
            cells = salience(samples, params.spectrum)
            self._peaks = Peaks.of(*query_peaks(cells, params), len(cells))
            evidence = kernel.evidence(
                cells,
                query.evidence_reach,
                query.evidence_time_reach,
                query.evidence_time_variance,
                query.evidence_share,
                query.evidence_limit,
                EVIDENCE_SCALE,
            )
            self._verifier = Verifier(evidence, postings, params)
            self._judge = Judge(self._verifier, self._peaks, calibration)

    def run(self, limit: int) -> list[Found]:
        """Return up to ``limit`` accepted tracks, most certain first."""
        if len(self._peaks.frames) == 0:
            return []
        pool, tried = self._pool()
        return self._accepted(pool, tried, limit) if len(pool.at) else []

    # --- candidates -----------------------------------------------------------------------------

    def _pool(self) -> tuple[Scored, str]:
        query = self._params.query
        parts: list[Scored] = []
        for name, budget, top in zip(
            ("quick", "thorough"), query.budgets, query.candidates, strict=True
        ):
            parts = [*parts, self._try(Warp(), budget, top)]
            pool = self._refined(Scored.joined(parts))
            if self._best_confidence(pool) >= CERTAIN:
                return pool, name
            parts = [pool]
        bent = [self._try(warp, query.warp_budget, query.warp_candidates) for warp in warps()]
        return self._refined(Scored.joined([*parts, *bent])), "warps"

    def _best_confidence(self, pool: Scored) -> float:
        standing = self._judge.standing(pool)
        kin = self._kin(standing) if len(standing) else set()
        return self._judge.confidence(standing, 0, kin, warped=False)[0]

    def _try(self, warp: Warp, budget: int, top: int) -> Scored:
        params = self._params
        landmarks = query_landmarks(self._peaks, budget, warp, params.spectrum, params.query)
        with lap("search"):
            proposed = propose(self._postings, landmarks, warp, top, self._total)
        with lap("verify"):
            return self._verifier.score(proposed)

    def _refined(self, pool: Scored) -> Scored:
        """Tune time and pitch of the best alignment of each of the best tracks."""
        if len(pool.at) == 0:
            return pool
        with lap("verify"):
            order = np.argsort(-pool.score, kind="stable")
            pool = pool.rows(order[:_KEPT])
            _, first = np.unique(pool.at.numbers, return_index=True)
            best = pool.rows(np.sort(first)[:_REFINED])
            for step in (0.004, 0.0015):
                best = self._tuned(best, step)
            return _sorted(Scored.joined([best, pool]))

    def _tuned(self, best: Scored, step: float) -> Scored:
        half = self._verifier.frames / 2
        grid = [(1.0 + a * step, 1.0 + b * step) for a in (-1, 0, 1) for b in (-1, 0, 1)]
        tries = []
        for time_factor, pitch_factor in grid:
            time = best.at.time * time_factor
            moved = best.at.offsets + (best.at.time - time) * half  # the middle stays aligned
            pitch = best.at.pitch * pitch_factor
            tries.append(replace(best.at, offsets=moved, time=time, pitch=pitch))
        scored = self._verifier.score(Alignments.joined(tries), 1)
        table = scored.score.reshape(len(grid), -1)
        table[4] += 1e-6  # ties stay untuned
        winner = np.argmax(table, axis=0) * table.shape[1] + np.arange(table.shape[1])
        return scored.rows(winner)

    # --- decision -------------------------------------------------------------------------------

    def _accepted(self, pool: Scored, tried: str, limit: int) -> list[Found]:
        found: list[Found] = []
        while len(found) < limit and len(pool.at):
            standing = self._judge.standing(pool)
            kin = self._kin(standing)
            rows = [row for row, number in enumerate(standing.numbers) if number in kin]
            heads = [self._found(standing, row, kin, tried) for row in rows]
            if heads[0].confidence < self._accept:
                break
            found += [head for head in heads if head.confidence >= self._accept]
            for head in heads:
                self._verifier.explain_away(head.trace)
            rest = pool.rows(~np.isin(pool.at.numbers, list(kin)))
            pool = _sorted(self._verifier.score(rest.at)) if len(rest.at) else rest
        return found[:limit]

    def _kin(self, standing: Standing) -> set[int]:
        """Return the strongest track and those that hold the very same recording there."""
        own = self._verifier.trace(standing.best.at, 0)
        marks = np.zeros(self._verifier.shape, bool)
        for dt in (-1, 0, 1):
            for df in (-1, 0, 1):
                t = np.clip(own.query_frames + dt, 0, marks.shape[0] - 1)
                marks[t, np.clip(own.query_bins + df, 0, marks.shape[1] - 1)] = True
        kin = {standing.numbers[0]}
        for row in range(1, len(standing)):
            if standing.strength[row] < 0.5 * standing.strength[0]:
                break
            other = self._verifier.trace(standing.best.at, row)
            shared = marks[other.query_frames, other.query_bins]
            if len(shared) and shared.mean() >= _SAME_SHARE:
                kin.add(standing.numbers[row])
        return kin

    def _found(self, standing: Standing, row: int, kin: set[int], tried: str) -> Found:
        at = standing.best.at
        confidence, rival = self._judge.confidence(standing, row, kin, tried == "warps")
        return Found(
            number=int(at.numbers[row]),
            offset_frames=float(at.offsets[row]),
            time_ratio=float(at.time[row]),
            pitch_ratio=float(at.pitch[row]),
            score=float(standing.best.score[row]),
            rival=rival,
            confidence=confidence,
            votes=float(at.votes[row]),
            tried=tried,
            trace=self._verifier.trace(at, row),
        )


def _sorted(pool: Scored) -> Scored:
    return pool.rows(np.argsort(-pool.score, kind="stable"))
