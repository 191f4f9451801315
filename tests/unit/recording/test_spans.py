from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.recording.params import SpectrumParams
from earmark.recording.spans import best_stretch, greatest_run, segment
from earmark.recording.verify import Trace
from earmark.types import Span

P = SpectrumParams()


def trace(start_s, stop_s, evidence, rest, length_s=12.0, seed=1):
    """Thirty peaks a second, whose evidence is one thing within a stretch and another outside."""
    rng = np.random.default_rng(seed)
    frames = np.sort(rng.integers(0, int(length_s / P.frame_s), int(30 * length_s)))
    time_s = frames * P.frame_s
    own = np.where((time_s >= start_s) & (time_s < stop_s), evidence, rest)
    bins = np.zeros(len(frames), np.int64)
    reference = frames.astype(np.uint32)
    return Trace(frames, bins, reference, reference, own + rng.normal(0, 0.5, len(frames)))


def stretch(*stars, length_s=12.0):
    return best_stretch(trace(*stars, length_s=length_s), int(length_s / P.frame_s), P.frame_s)


@pytest.mark.parametrize(
    ("start_s", "stop_s"), [(0.0, 12.0), (0.0, 5.0), (3.0, 9.0), (6.0, 12.0), (10.0, 12.0)]
)
def test_the_stretch_that_speaks_for_the_alignment(start_s, stop_s):
    assert stretch(start_s, stop_s, 2.0, -0.1) == pytest.approx((start_s, stop_s), abs=0.55)


def test_a_strong_stretch_does_not_spread_into_mere_agreement():
    assert stretch(0.0, 6.0, 2.5, 0.5) == pytest.approx((0.0, 6.0), abs=0.8)


def test_a_weak_alignment_is_not_cut():
    assert stretch(0.0, 12.0, 0.6, 0.6) == pytest.approx((0.0, 12.0), abs=0.1)


def test_nothing_speaks_for_it():
    assert stretch(0.0, 12.0, -1.0, -1.0) is None
    none = np.empty(0, np.int64)
    empty = Trace(none, none, none.astype(np.uint32), none.astype(np.uint32), np.empty(0))
    assert best_stretch(empty, 100, P.frame_s) is None
    assert best_stretch(empty, 0, P.frame_s) is None


def test_a_short_query():
    assert stretch(0.0, 1.0, 2.0, 2.0, length_s=1.0) == pytest.approx((0.0, 1.0), abs=0.05)


@settings(deadline=None, max_examples=200, derandomize=True)
@given(st.lists(st.integers(-9, 9), min_size=1, max_size=15))
def test_the_greatest_run_is_the_greatest(values):
    start, stop = greatest_run(np.array(values, float))
    every = [sum(values[a:b]) for a in range(len(values) + 1) for b in range(a, len(values) + 1)]
    assert sum(values[start:stop]) == max(every)
    assert 0 <= start <= stop <= len(values)


@pytest.mark.parametrize("ratio", [1.0, 1.05, 0.95])
def test_reference_time_passes_by_the_ratio(ratio):
    own = segment(2.0, 7.0, 10.0 / P.frame_s, ratio, P)
    assert own.query == Span(2.0, 7.0)
    assert own.reference.start_s == pytest.approx(10.0 + 2.0 * ratio)
    assert own.reference.duration_s == pytest.approx(5.0 * ratio)


@pytest.mark.parametrize("ratio", [1.0, 1.05, 0.95])
def test_a_query_that_begins_before_the_track(ratio):
    own = segment(0.0, 8.0, -3.0 * ratio / P.frame_s, ratio, P)
    assert own.query.start_s == pytest.approx(3.0)
    assert own.query.end_s == 8.0
    assert own.reference.start_s == 0.0
    assert own.reference.end_s == pytest.approx(5.0 * ratio)


def test_a_track_that_begins_after_the_stretch_is_no_negative_span():
    own = segment(0.0, 2.0, -3.0 / P.frame_s, 1.0, P)
    assert (own.query.duration_s, own.reference.duration_s) == (0.0, 0.0)
