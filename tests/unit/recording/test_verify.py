from __future__ import annotations

import numpy as np
import pytest

from earmark.recording.params import RecordingParams
from earmark.recording.propose import Alignments
from earmark.recording.verify import EVIDENCE_SCALE, Scored, Verifier

PARAMS = RecordingParams()
FIRST, BINS = PARAMS.spectrum.first_bin, PARAMS.spectrum.bins
FRAMES = 300


def at(number, offset, time=1.0, pitch=1.0):
    columns = np.broadcast_arrays(number, np.atleast_1d(offset), time, pitch, 1.0)
    number, *rest = (column.copy() for column in columns)
    return Alignments(number.astype(np.int64), *(column.astype(np.float64) for column in rest))


def drawn(stars, offset, time=1.0, pitch=1.0, blur=0.0):
    """An evidence map with every peak of the reference where the alignment says it is."""
    centre = (stars.frames - offset) / time
    low = np.floor((stars.bins + FIRST) * pitch + 0.5).astype(int) - FIRST
    cells = np.full((FRAMES, BINS), -10.0)
    for move in (-1, 0, 1):
        t = np.floor(centre + 0.5).astype(int) + move
        value = (
            100 * (1 - (t - centre) ** 2 * blur) if blur else np.full(len(t), 100.0 * (move == 0))
        )
        keep = (t >= 0) & (t < FRAMES) & (low >= 0) & (low < BINS) & (value > 0)
        np.maximum.at(cells, (t[keep], low[keep]), value[keep])
    return np.rint(cells).astype(np.int8)


@pytest.mark.parametrize(
    ("time", "pitch"), [(1.0, 1.0), (1.05, 1.05), (0.95, 1.0), (1.0, 2 ** (-1 / 12))]
)
def test_only_the_right_warp_explains_a_warped_query(shared, stars, time, pitch):
    verifier = Verifier(drawn(stars(4), 200.0, time, pitch), shared, PARAMS)
    right = verifier.score(at(4, 200.0, time, pitch))
    assert right.score[0] > 8
    for other in (
        (time + 0.05, pitch),
        (time - 0.05, pitch),
        (time, pitch * 1.06),
        (time, pitch / 1.06),
    ):
        assert verifier.score(at(4, 200.0, *other)).score[0] < 0.5 * right.score[0]
    assert verifier.score(at(5, 200.0, time, pitch)).score[0] < 0.5 * right.score[0]


@pytest.mark.parametrize("off", [-2.0, -1.0, 0.0, 1.0, 2.0])
def test_jitter_mends_an_offset_that_is_a_little_off(shared, stars, off):
    verifier = Verifier(drawn(stars(4), 200.0), shared, PARAMS)
    scored = verifier.score(at(4, 200.0 + off))
    assert scored.at.offsets[0] == pytest.approx(200.0, abs=0.51)
    assert scored.count[0] > 100
    assert verifier.score(at(4, 200.0 + 4.0), 1).score[0] < 0.5 * scored.score[0]


@pytest.mark.parametrize("offset", [199.6, 199.8, 200.2, 200.4])
def test_offsets_become_finer_than_a_frame(shared, stars, offset):
    verifier = Verifier(drawn(stars(4), offset, blur=0.4), shared, PARAMS)
    found = verifier.score(at(4, round(offset))).at.offsets[0]
    assert found == pytest.approx(offset, abs=0.15)


def test_a_score_is_in_standard_deviations(shared, stars):
    cells = np.full((FRAMES, BINS), int(EVIDENCE_SCALE), np.int8)
    scored = Verifier(cells, shared, PARAMS).score(at(4, 200.0), 0)
    assert scored.score[0] == pytest.approx(np.sqrt(scored.count[0]))
    inside = (stars(4).frames >= 200) & (stars(4).frames < 200 + FRAMES)
    assert scored.count[0] == inside.sum()


def test_a_trace_names_every_peak_inside(shared, stars):
    own = stars(4)
    verifier = Verifier(drawn(own, 200.0), shared, PARAMS)
    trace = verifier.trace(at(4, 200.0), 0)
    inside = (own.frames >= 200) & (own.frames < 200 + FRAMES)
    np.testing.assert_array_equal(trace.reference_frames, own.frames[inside])
    np.testing.assert_array_equal(trace.reference_bins, own.bins[inside])
    np.testing.assert_array_equal(trace.query_frames, own.frames[inside].astype(int) - 200)
    np.testing.assert_array_equal(trace.query_bins, own.bins[inside])
    np.testing.assert_allclose(trace.evidence, 100 / EVIDENCE_SCALE)


@pytest.mark.parametrize(("time", "pitch"), [(1.05, 1.05), (0.95, 1.0), (1.0, 2 ** (1 / 12))])
def test_a_trace_and_a_score_tell_the_same(shared, time, pitch):
    cells = np.random.default_rng(1).integers(-100, 101, (FRAMES, BINS)).astype(np.int8)
    verifier = Verifier(cells, shared, PARAMS)
    for offset in (-80.0, 200.0, 1100.0):
        where = at(4, offset, time, pitch)
        trace, scored = verifier.trace(where, 0), verifier.score(where, 0)
        assert len(trace.evidence) == scored.count[0] > 0
        want = trace.evidence.sum() / np.sqrt(max(len(trace.evidence), PARAMS.query.least_peaks))
        assert scored.score[0] == pytest.approx(want)


def test_coincidences_count_peaks_on_marks(shared, stars):
    own = stars(4)
    marks = np.zeros((FRAMES, BINS), np.int8)
    hit = (own.frames >= 200) & (own.frames < 250)
    marks[own.frames[hit].astype(int) - 200, own.bins[hit]] = 1
    verifier = Verifier(np.zeros_like(marks), shared, PARAMS)
    on, inside = verifier.coincidences(marks, at(4, [200.0, 5000.0]))
    assert on.tolist() == [hit.sum(), 0]
    assert inside.tolist() == [((own.frames >= 200) & (own.frames < 200 + FRAMES)).sum(), 0]


def test_what_is_explained_speaks_for_nobody_else(shared, stars):
    both = np.maximum(drawn(stars(4), 200.0), drawn(stars(5), 600.0))
    verifier = Verifier(both, shared, PARAMS)
    where = Alignments.joined([at(4, 200.0), at(5, 600.0)])
    before = verifier.score(where, 0).score
    verifier.explain_away(verifier.trace(where, 0))
    after = verifier.score(where, 0).score
    assert after[0] <= 0
    assert 0.6 * before[1] < after[1] <= before[1]


def test_explaining_away_at_the_edges_stays_inside(shared, stars):
    own = stars(4)
    verifier = Verifier(drawn(own, float(own.frames[0])), shared, PARAMS)
    where = at(4, float(own.frames[0]))
    verifier.explain_away(verifier.trace(where, 0))
    assert verifier.score(where, 0).score[0] <= 0


def test_rows_and_joins_keep_what_belongs_together(shared, stars):
    verifier = Verifier(drawn(stars(4), 200.0), shared, PARAMS)
    scored = verifier.score(at(4, [200.0, 500.0, 900.0]))
    back = Scored.joined([scored.rows(np.array([2])), scored.rows(scored.score > 8)])
    assert back.score.tolist() == [scored.score[2], scored.score[0]]
    assert back.count.tolist() == [scored.count[2], scored.count[0]]
    assert back.at.offsets.tolist() == [scored.at.offsets[2], scored.at.offsets[0]]


def test_a_track_that_is_not_there_is_a_key_error(shared):
    verifier = Verifier(np.zeros((FRAMES, BINS), np.int8), shared, PARAMS)
    with pytest.raises(KeyError):
        verifier.score(at(999, 0.0))
