from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from earmark.kernels import spectrum as kernel
from earmark.recording.confidence import Calibration
from earmark.recording.judge import Judge
from earmark.recording.landmarks import Peaks
from earmark.recording.params import RecordingParams
from earmark.recording.peaks import query_peaks
from earmark.recording.propose import Alignments
from earmark.recording.spectrum import salience
from earmark.recording.verify import EVIDENCE_SCALE, Scored, Verifier

PARAMS = RecordingParams()
WARY = replace(Calibration(), warped=-1.0)


@pytest.fixture
def court(shared):
    """A judge of a clip, and a pool of alignments (number, offset in s), best score first."""

    def opened(samples, *where):
        cells = salience(samples, PARAMS.spectrum)
        q = PARAMS.query
        evidence = kernel.evidence(
            cells,
            q.evidence_reach,
            q.evidence_time_reach,
            q.evidence_time_variance,
            q.evidence_share,
            q.evidence_limit,
            EVIDENCE_SCALE,
        )
        verifier = Verifier(evidence, shared, PARAMS)
        judge = Judge(verifier, Peaks.of(*query_peaks(cells, PARAMS), len(cells)), WARY)
        one = np.ones(len(where))
        table = np.array(where, float).reshape(-1, 2)
        at = Alignments(
            table[:, 0].astype(np.int64), table[:, 1] * 62.5, one, one.copy(), one.copy()
        )
        scored = verifier.score(at)
        return judge, scored.rows(np.argsort(-scored.score, kind="stable"))

    return opened


def test_one_row_a_track_the_strongest_first(court, cut):
    judge, pool = court(cut(4, 5, 10), (4, 5.0), (4, 9.0), (6, 1.0), (7, 2.0), (6, 3.0))
    standing = judge.standing(pool)
    assert len(standing) == 3
    assert standing.numbers[0] == 4
    assert sorted(standing.numbers) == [4, 6, 7]
    assert (np.diff(standing.strength) <= 0).all()
    assert standing.best.at.offsets[0] == pytest.approx(5 * 62.5, abs=1.1)
    assert standing.share[0] > 0.9
    assert standing.share[1:].max() < 0.7


def test_a_track_that_is_there_stands_far_above_one_that_is_not(court, cut):
    judge, pool = court(cut(4, 5, 10), (4, 5.0), (6, 1.0), (7, 2.0))
    standing = judge.standing(pool)
    sure, rival = judge.confidence(standing, 0, {4}, warped=False)
    assert sure > 0.9
    assert 0 <= rival < 0.5 * standing.best.score[0]
    other = judge.standing(pool.rows(pool.at.numbers != 4))
    assert judge.confidence(other, 0, {other.numbers[0]}, warped=False)[0] < 0.5


def test_the_same_recording_is_no_rival(court, cut):
    both = (cut(4, 5, 10) + cut(6, 8, 13)) / 2
    judge, pool = court(both, (4, 5.0), (6, 8.0), (7, 2.0))
    standing = judge.standing(pool)
    top, second = standing.numbers[:2]
    assert {top, second} == {4, 6}
    alone, _ = judge.confidence(standing, 0, {top, second}, warped=False)
    against, rival = judge.confidence(standing, 0, {top}, warped=False)
    assert rival == pytest.approx(float(standing.best.score[1]))
    assert alone > against


def test_trying_warps_gives_chance_more_tickets(court, cut):
    judge, pool = court(cut(4, 5, 7), (4, 5.0), (6, 1.0))
    standing = judge.standing(pool)
    plain, _ = judge.confidence(standing, 0, {4}, warped=False)
    assert judge.confidence(standing, 0, {4}, warped=True)[0] < plain


def test_an_empty_court(court, cut):
    judge, pool = court(cut(4, 5, 7))
    assert isinstance(pool, Scored)
    standing = judge.standing(pool)
    assert len(standing) == 0
    assert judge.confidence(standing, 0, set(), warped=False) == (0.0, 0.0)
