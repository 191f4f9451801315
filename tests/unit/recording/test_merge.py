from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from earmark.recording.decide import Found
from earmark.recording.merge import findings_of
from earmark.recording.params import SpectrumParams
from earmark.recording.verify import Trace
from earmark.types import Span

P = SpectrumParams()
LENGTH_S = 12.0


def found(number, reference_s, confidence=0.9, first_s=0.0, last_s=LENGTH_S, time=1.0, pitch=1.0):
    """A track whose reference second ``reference_s`` is the stretch's beginning."""
    rng = np.random.default_rng(number)
    frames = np.sort(rng.integers(0, int(LENGTH_S / P.frame_s), 400))
    inside = (frames * P.frame_s >= first_s) & (frames * P.frame_s < last_s)
    offset = reference_s / P.frame_s
    trace = Trace(
        frames,
        rng.integers(0, P.bins, 400),
        np.maximum(0, np.rint(offset + frames * time)).astype(np.uint32),
        rng.integers(0, P.bins, 400).astype(np.uint32),
        np.where(inside, 2.0, -0.5),
    )
    return Found(number, offset, time, pitch, 20.0, 2.0, confidence, 100.0, "quick", trace)


def merged(*heard):
    return findings_of([(start_s, LENGTH_S, own) for start_s, own in heard], P)


def near(span, start_s, end_s, within=0.3):
    return span.start_s == pytest.approx(start_s, abs=within) and span.end_s == pytest.approx(
        end_s, abs=within
    )


@pytest.mark.parametrize("time", [1.0, 1.05, 0.95])
def test_stretches_of_one_alignment_are_one_segment(time):
    parts = [(s, [found(1, 30.0 + s * time, time=time)]) for s in (0.0, 6.0, 12.0, 18.0)]
    (finding,) = merged(*parts)
    (own,) = finding.segments
    assert near(own.query, 0.0, 30.0)
    assert near(own.reference, 30.0, 30.0 + 30.0 * time, 0.4)
    assert finding.time_ratio == time


def test_two_places_of_one_track_are_two_segments_longest_first():
    (finding,) = merged((0.0, [found(1, 100.0, last_s=5.0)]), (6.0, [found(1, 20.0)]))
    assert [round(own.query.duration_s) for own in finding.segments] == [12, 5]
    assert [round(own.reference.start_s) for own in finding.segments] == [20, 100]


def test_one_finding_a_track_the_most_certain_first():
    out = merged((0.0, [found(1, 5.0, 0.6), found(2, 9.0, 0.8)]), (6.0, [found(3, 1.0, 0.95)]))
    assert [f.number for f in out] == [3, 2, 1]
    assert [f.confidence for f in out] == [0.95, 0.8, 0.6]
    assert out[0].segments[0].query.start_s == pytest.approx(6.0, abs=0.3)
    assert all(f.kind == "recording" for f in out)


def test_a_joined_finding_has_the_figures_of_its_surest_stretch():
    weak = replace(found(1, 30.0, 0.6), score=5.0, votes=7.0)
    (finding,) = merged(
        (0.0, [weak]),
        (6.0, [found(1, 36.0, 0.97)]),
        (12.0, [replace(weak, offset_frames=42.0 / P.frame_s)]),
    )
    assert len(finding.segments) == 1
    assert (finding.confidence, finding.score) == (0.97, 20.0)
    assert finding.evidence.figures["votes"] == 100.0


def test_pitch_is_in_semitones_up():
    (finding,) = merged((0.0, [found(1, 5.0, pitch=2 ** (1 / 12))]))
    assert finding.pitch_shift_semitones == pytest.approx(1.0)


def test_landmarks_lie_on_the_alignment():
    time = 1.05
    (finding,) = merged((6.0, [found(1, 30.0, time=time)]))
    marks = finding.evidence.landmarks
    assert len(marks) == finding.evidence.figures["aligned_count"] > 100
    for mark in marks:
        assert 30.0 + (mark.query_s - 6.0) * time == pytest.approx(mark.reference_s, abs=P.frame_s)
        assert P.bin_hz(0) <= mark.frequency_hz <= P.bin_hz(P.bins)


def test_a_query_before_the_track_begins_at_its_first_sample():
    (finding,) = merged((0.0, [found(1, -4.0, first_s=4.0)]))
    (own,) = finding.segments
    assert near(own.query, 4.0, 12.0)
    assert near(own.reference, 0.0, 8.0)


def test_an_alignment_that_nothing_speaks_for_is_left_out():
    assert merged((0.0, [found(1, 5.0, first_s=99.0)])) == []
    assert merged() == []
    assert merged((0.0, [])) == []


def test_spans_are_plain_numbers():
    (finding,) = merged((0.0, [found(1, 5.0)]))
    span = finding.segments[0].query
    assert isinstance(span, Span)
    assert type(span.start_s) is float
    assert type(finding.confidence) is float
