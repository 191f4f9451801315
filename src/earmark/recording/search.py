"""One stretch of a query against the index: quick try, thorough try, warps, then the decision."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from earmark.kernels import spectrum as kernel
from earmark.ports import PostingStore
from earmark.recording.confidence import ACCEPT, CERTAIN, SECOND, Calibration
from earmark.recording.decoys import FEW_TRACKS, decoys
from earmark.recording.judge import Judge, Standing, widened
from earmark.recording.landmarks import Peaks, Warp, query_landmarks, warps
from earmark.recording.params import RecordingParams
from earmark.recording.peaks import query_peaks
from earmark.recording.propose import propose
from earmark.recording.spectrum import Salience, salience
from earmark.recording.tune import LEAST_POLISHED, drifts, polished, ranked, tuned
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


@dataclass(frozen=True, slots=True)
class _Head:
    """A track that may be accepted: its best alignment (one row) and what speaks against it."""

    number: int
    best: Scored
    rival: float
    confidence: float
    tried: str


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
        return self._accepted(pool, tried, limit) if len(pool.at) else []

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
        confidence, _ = self._judge.confidence(standing, 0, self._kin(standing, 0), warped=False)
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
            pool = ranked(pool).rows(np.arange(min(_KEPT, len(pool.at))))
            _, first = np.unique(pool.at.numbers, return_index=True)
            best = pool.rows(np.sort(first)[:_REFINED])
            return ranked(Scored.joined([tuned(self._verifier, best), pool]))

    # --- decision -------------------------------------------------------------------------------

    def _accepted(self, pool: Scored, tried: str, limit: int) -> list[Found]:
        found: list[Found] = []
        while len(found) < limit and len(pool.at):
            standing = self._judge.standing(pool)
            if standing.numbers[0] < 0:  # a decoy: chance does as well
                break
            kin = self._kin(standing, 0)
            heads = self._heads(standing, kin, tried)
            if heads[0].confidence < (max(self._accept, SECOND) if found else self._accept):
                heads = [] if found else self._pair(standing, kin, tried)
            if not heads:
                break
            for head in heads:  # strongest first: no later one may claim to be surer
                if head.confidence >= self._accept:
                    ceiling = found[-1].confidence if found else 1.0
                    found.append(
                        self._settled(replace(head, confidence=min(head.confidence, ceiling)))
                    )
            for trace in [self._verifier.trace(head.best.at, 0) for head in heads]:
                self._verifier.explain_away(trace)
            taken = {head.number for head in heads}
            rest = pool.rows(~np.isin(np.abs(pool.at.numbers), list(taken)))
            pool = ranked(self._verifier.score(rest.at)) if len(rest.at) else rest
        return found[:limit]

    def _heads(self, standing: Standing, kin: set[int], tried: str) -> list[_Head]:
        """Return the standing's alignments of some tracks; they are no rivals of each other."""
        heads = []
        for row, number in enumerate(standing.numbers):
            if number in kin:
                confidence, rival = self._judge.confidence(standing, row, kin, tried == "warps")
                best = standing.best.rows(np.array([row]))
                heads.append(_Head(number, best, rival, confidence, tried))
        return heads

    def _pair(self, standing: Standing, kin: set[int], tried: str) -> list[_Head]:
        """Return two tracks that only each other kept from being accepted, or nothing.

        In a mashup or a transition both are right, and both stand far above the third.
        """
        others = [row for row, number in enumerate(standing.numbers) if number not in kin]
        if not others or standing.numbers[others[0]] < 0:
            return []
        heads = self._heads(standing, kin | self._kin(standing, others[0]), tried)
        return heads if min(head.confidence for head in heads) >= SECOND else []

    def _kin(self, standing: Standing, head: int) -> set[int]:
        """Return a row's track and weaker ones that hold the very same recording there."""
        own = self._verifier.trace(standing.best.at, head)
        marks = widened(own.query_frames, own.query_bins, self._verifier.shape)
        kin = {standing.numbers[head]}
        for row in range(head + 1, len(standing)):
            if standing.strength[row] < 0.5 * standing.strength[head]:
                break
            if standing.numbers[row] < 0:
                continue
            other = self._verifier.trace(standing.best.at, row)
            shared = marks[other.query_frames, other.query_bins]
            if len(shared) and shared.mean() >= _SAME_SHARE:
                kin.add(standing.numbers[row])
        return kin

    def _settled(self, head: _Head) -> Found:
        best = polished(self._verifier, head.best)
        return Found(
            number=head.number,
            offset_frames=float(best.at.offsets[0]),
            time_ratio=float(best.at.time[0]),
            pitch_ratio=float(best.at.pitch[0]),
            score=float(best.score[0]),
            rival=head.rival,
            confidence=head.confidence,
            votes=float(best.at.votes[0]),
            tried=head.tried,
            trace=self._verifier.trace(best.at, 0),
        )
