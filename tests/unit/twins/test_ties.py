from __future__ import annotations

import pytest

from earmark.twins.ties import Tie, clipped, coverage, tie_of
from earmark.types import Evidence, Finding, Segment, Span


def finding(*pairs, kind="recording", ratio=1.0):
    segments = tuple(Segment(Span(*one), Span(*two)) for one, two in pairs)
    return Finding(kind, 2, 0.99, 9.0, segments, ratio, 0.5, Evidence({}))


def test_nearly_all_of_both_is_the_same_recording():
    tie = tie_of(1, finding(((3, 100), (0, 97))), 100.0, 97.0)
    assert (tie.kind, tie.covered, tie.other_covered) == ("recording", 0.97, 1.0)


def test_a_whole_in_another_one_is_an_excerpt():
    assert tie_of(1, finding(((0, 9), (40, 49))), 9.0, 100.0).kind == "excerpt"


def test_a_loop_that_fills_a_longer_track_is_no_copy_of_it():
    pairs = [((start, start + 10), (0, 10)) for start in (0, 10, 20)]
    assert tie_of(1, finding(*pairs), 30.0, 10.0).kind == "excerpt"


def test_a_long_stretch_of_both_is_an_excerpt_and_a_short_one_nothing():
    assert tie_of(1, finding(((50, 61), (20, 31))), 200.0, 200.0).kind == "excerpt"
    assert tie_of(1, finding(((50, 59), (20, 29))), 200.0, 200.0) is None


def test_a_faster_copy_is_as_long_by_its_own_clock():
    assert tie_of(1, finding(((0, 100), (0, 70)), ratio=0.7), 100.0, 70.0).kind == "recording"


def test_other_engines_say_their_own_kind():
    assert tie_of(1, finding(((0, 9), (0, 9)), kind="melody"), 99.0, 99.0).kind == "tune"
    assert tie_of(1, finding(((0, 9), (0, 9)), kind="sound"), 9.0, 9.0).kind == "sound"


def test_a_tie_seen_from_the_other_side():
    tie = Tie(1, 2, "excerpt", 0.9, (Segment(Span(0, 2), Span(5, 6)),), 0.5, 0.3, 1.0, 0.1)
    turned = tie.seen_from(2)
    assert (turned.one, turned.other) == (2, 1)
    assert turned.segments == (Segment(Span(5, 6), Span(0, 2)),)
    assert (turned.time_ratio, turned.pitch_shift_semitones) == (2.0, -0.3)
    assert (turned.covered, turned.other_covered) == (0.1, 1.0)
    assert turned.turned() == tie == tie.seen_from(1)


def test_segments_end_where_tracks_do():
    segment = Segment(Span(0.0, 10.5), Span(2.0, 12.5))
    assert clipped(segment, 10.0, 99.0) == Segment(Span(0.0, 10.0), Span(2.0, 12.0))
    assert clipped(segment, 99.0, 12.0) == Segment(Span(0.0, 10.0), Span(2.0, 12.0))
    assert clipped(segment, 99.0, 99.0) is segment


@pytest.mark.parametrize(
    ("spans", "share"),
    [([], 0.0), ([(0, 4), (2, 5)], 0.5), ([(0, 20)], 1.0), ([(1, 2), (1, 2)], 0.1)],
)
def test_coverage_counts_each_moment_once(spans, share):
    assert coverage([Span(*span) for span in spans], 10.0) == share
    assert coverage([Span(0, 1)], 0.0) == 0.0
