from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from earmark.kernels import spectrum as kernel
from earmark.recording.params import RecordingParams
from earmark.recording.spectrum import salience
from earmark.recording.stream import CHUNK_FRAMES, ChunkAnalyser
from earmark.recording.verify import EVIDENCE_SCALE

PARAMS = RecordingParams()


def fed(samples, cuts):
    analyser = ChunkAnalyser(PARAMS)
    chunks = []
    for part in np.split(samples, cuts):
        chunks += analyser.feed(part)
    return [*chunks, *analyser.finish()], analyser.sheets()


def test_the_result_does_not_depend_on_how_samples_were_cut(music):
    samples = music(5, 14.0)
    once, sheets = fed(samples, [])
    often, more = fed(samples, [1, 700, 70_001, 70_002, 150_000])
    assert [chunk.first for chunk in once] == [0, 256, 512, 768]
    assert len(once[-1]) < CHUNK_FRAMES
    for one, other in zip(once, often, strict=True):
        np.testing.assert_array_equal(one.evidence, other.evidence)
        np.testing.assert_array_equal(one.marks, other.marks)
        np.testing.assert_array_equal(one.frames, other.frames)
    for sheet, other_sheet in zip(sheets, more, strict=True):
        np.testing.assert_array_equal(sheet.log_spectrum, other_sheet.log_spectrum)


def test_evidence_is_that_of_the_whole_looked_at_at_once(music):
    samples = music(5, 14.0)
    chunks, _ = fed(samples, [50_000])
    query = PARAMS.query
    whole = kernel.evidence(
        salience(samples, PARAMS.spectrum),
        query.evidence_reach,
        query.evidence_time_reach,
        query.evidence_time_variance,
        query.evidence_share,
        query.evidence_limit,
        EVIDENCE_SCALE,
    )
    joined = np.concatenate([chunk.evidence for chunk in chunks])
    assert joined.shape == whole.shape
    apart = np.abs(joined.astype(int) - whole.astype(int))
    assert np.quantile(apart, 0.999) <= 2  # sums in another order, in fortieths of a deviation


def test_sheets_follow_one_another_without_a_gap(music):
    _, sheets = fed(music(5, 14.0), [90_000])
    for before, after in pairwise(sheets):
        end_s = before.start_s + len(before.log_spectrum) * before.frame_s
        assert after.start_s == pytest.approx(end_s)
    assert all(sheet.salience.shape == sheet.log_spectrum.shape for sheet in sheets)


def test_what_is_fed_after_the_end_goes_on_in_time(music):
    analyser = ChunkAnalyser(PARAMS)
    analyser.feed(music(5, 3.0))
    (first,) = analyser.finish()
    analyser.feed(music(6, 3.0))
    (second,) = analyser.finish()
    assert second.first == len(first)


def test_silence_has_no_level_and_no_peaks():
    chunks, _ = fed(np.zeros(16_000 * 5, np.float32), [])
    assert max(chunk.level for chunk in chunks) < 1e-3
    assert sum(len(chunk.frames) for chunk in chunks) == 0


def test_nothing_fed_is_no_chunk():
    assert fed(np.zeros(0, np.float32), []) == ([], [])
    assert fed(np.zeros(500, np.float32), [])[0] == []
