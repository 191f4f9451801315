"""One stretch of a query against the index: quick try, thorough try, warps, then the decision."""

from __future__ import annotations

import numpy as np

from earmark.kernels import spectrum as kernel
from earmark.ports import PostingStore
from earmark.recording.confidence import ACCEPT, CERTAIN, SECOND, Calibration
from earmark.recording.decide import Decider, Found, refined
from earmark.recording.decoys import FEW_TRACKS, decoys
from earmark.recording.judge import Judge
from earmark.recording.landmarks import Peaks, Warp, query_landmarks, warps
from earmark.recording.params import RecordingParams
from earmark.recording.peaks import query_peaks
from earmark.recording.propose import propose
from earmark.recording.spectrum import Salience, salience
from earmark.recording.tune import LEAST_POLISHED, drifts
from earmark.recording.verify import EVIDENCE_SCALE, Scored, Verifier
from earmark.timing import lap
from earmark.types import Samples


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
        self._calibration = calibration
        self._accept = accept
        self._samples = samples
        with lap("analyse"):
            self._salience = salience(samples, params.spectrum)
            self._look(self._salience)

    def _look(self, cells: Salience) -> None:
        """Take a salience map as what is known of the query: its peaks, its evidence."""
        query = self._params.query
        self._peaks = Peaks.of(*query_peaks(cells, self._params), len(cells))
        evidence = kernel.evidence(
            cells,
            query.evidence_reach,
            query.evidence_time_reach,
            query.evidence_time_variance,
            query.evidence_share,
            query.evidence_limit,
            EVIDENCE_SCALE,
        )
        self._verifier = Verifier(evidence, self._postings, self._params)
        self._judge = Judge(self._verifier, self._peaks, self._calibration)
        self._decider = Decider(self._verifier, self._judge, self._accept)

    def _look_closer(self) -> None:
        """Average in longer windows, which lift tones out of noise; twice the analysis."""
        with lap("analyse"):
            spectrum, longer = self._params.spectrum, self._params.query.longer_window
            finer = salience(self._samples, spectrum, longer)
            self._look((self._salience + finer) / np.float32(2.0))

    def run(self, limit: int) -> list[Found]:
        """Return up to ``limit`` accepted tracks, most certain first."""
        if len(self._peaks.frames) == 0:
            return []
        pool, tried = self._pool()
        if len(pool.at) == 0:
            return []
        groups = self._decider.groups(pool, tried, limit)
        return [found for group in groups for found in group][:limit]

    # --- candidates -----------------------------------------------------------------------------

    def _pool(self) -> tuple[Scored, str]:
        query = self._params.query
        quick, thorough = query.budgets
        pool = self._refined(self._try(Warp(), quick, query.candidates[0]))
        if self._best_confidence(pool) >= CERTAIN:
            return pool, "quick"
        self._look_closer()
        parts = [self._verifier.score(pool.at)]
        known = self._postings.known()
        if len(known) < FEW_TRACKS:
            parts.append(self._verifier.score(decoys(self._verifier, known)))
        more = self._try(Warp(), thorough, query.candidates[1])
        pool = self._refined(Scored.joined([*parts, more]))
        # In a second or two a bend can hardly be told from none: plain is then good enough.
        enough = SECOND if self._verifier.frames < LEAST_POLISHED else CERTAIN
        if self._best_confidence(pool) >= enough:
            return pool, "thorough"
        bent = [self._try(warp, query.warp_budget, query.warp_candidates) for warp in warps()]
        return self._refined(Scored.joined([pool, *bent])), "warps"

    def _best_confidence(self, pool: Scored) -> float:
        standing = self._judge.standing(pool)
        if len(standing) == 0 or standing.numbers[0] < 0:
            return 0.0
        confidence, _ = self._judge.confidence(
            standing, 0, self._decider.kin(standing, 0), warped=False
        )
        if confidence >= SECOND and drifts(self._verifier, standing.best.rows(np.array([0]))):
            return 0.0  # the warps will reach the summit
        return confidence

    def _try(self, warp: Warp, budget: int, top: int) -> Scored:
        params, query = self._params, self._params.query
        landmarks = query_landmarks(self._peaks, budget, warp, params.spectrum, query)
        with lap("search"):
            reads = query.reads[1] if top == query.candidates[1] else query.reads[0]
            proposed = propose(self._postings, landmarks, warp, top, self._total, reads)
        with lap("verify"):
            return self._verifier.score(proposed)

    def _refined(self, pool: Scored) -> Scored:
        """Tune time and pitch of the best alignment of each of the best tracks."""
        if len(pool.at) == 0:
            return pool
        with lap("verify"):
            return refined(self._verifier, pool)
