from __future__ import annotations

import pytest

from earmark.monitor.going import MOST_RUNS, Going
from earmark.ports import Run
from earmark.types import Span, Track

TRACK = Track(id="a", source="a.wav", content_id="", duration_s=60.0, number=1)


def run(key, start_s, end_s=None, number=1, from_s=0.0):
    end_s = start_s + 9.5 if end_s is None else end_s
    reference = Span(from_s, from_s + end_s - start_s)
    return Run(key, number, Span(start_s, end_s), reference, 1.0, 0.0, 0.9, 5.0, (), closed=True)


def test_a_track_that_is_looped_for_days_is_told_anew():
    going = Going("d", 1, [TRACK])
    for key in range(MOST_RUNS):
        assert not key or going.takes(run(key, 10.0 * key), 0.0, 6.0)
        going.put(run(key, 10.0 * key), 0.0)
    assert going.takes(run(MOST_RUNS - 1, 0.0), 0.0, 6.0)  # its own may still grow
    assert not going.takes(run(MOST_RUNS, 10.0 * MOST_RUNS), 0.0, 6.0)
    assert len(going.detection(open_=True).pieces) == MOST_RUNS


def test_a_run_without_length_is_withdrawn():
    going = Going("d", 1, [TRACK])
    going.put(run(0, 5.0), 0.0)
    going.put(run(1, 20.0), 0.0)
    going.put(run(1, 20.0, 20.0), 0.0)
    assert [piece.query for piece in going.detection(open_=True).pieces] == [Span(5.0, 14.5)]


@pytest.mark.parametrize(
    ("first", "second", "one"),
    [
        ((0.0, 60.0), 0.0, False),  # whole, and again
        ((0.0, 50.0), 2.0, False),  # its last seconds are cut off
        ((0.0, 30.0), 0.0, True),  # a loop of its first half, or a false start
        ((0.0, 60.0), 20.0, True),  # a loop of what is not its start
        ((20.0, 60.0), 0.0, True),  # a part of it, then from the start
        ((5.0, 60.0), 5.0, False),  # the same part, nearly whole, and again
    ],
)
def test_what_is_another_play_of_a_track(first, second, one):
    going = Going("d", 1, [TRACK])
    begin_s, end_s = first
    going.put(run(0, 100.0, 100.0 + end_s - begin_s, from_s=begin_s), 0.0)
    following = run(1, going.end_s, from_s=second)
    assert going.takes(following, 0.0, 6.0) == one
    beside = run(1, 110.0, from_s=second)  # mixed on top of itself: not one after the other
    assert going.takes(beside, 0.0, 6.0)


@pytest.mark.parametrize(
    ("away_s", "from_s", "one"),
    [
        (20.0, 50.0, True),  # the sender went on meanwhile
        (20.0, 30.0, True),  # or waited
        (20.0, 28.0, True),
        (20.0, 20.0, False),  # it went back
        (20.0, 0.0, False),  # played anew
        (0.5, 55.0, False),  # it cannot be there yet
        (32.0, 30.0, True),
        (34.0, 30.0, False),  # it would have been over
    ],
)
def test_what_goes_on_after_an_outage(away_s, from_s, one):
    going = Going("d", 1, [TRACK])
    going.put(run(0, 100.0, 130.0), 0.0)
    going.wait(0.0)
    assert going.waits
    if not going.outlasts(away_s):
        assert not one
        return
    going.wait(away_s)
    after = run(1, 130.0 + away_s + 1.0, from_s=from_s)
    assert going.takes(after, 0.0, 6.0) == one
    if one:
        going.put(after, 0.0)
        assert not going.waits
        assert going.fresh_start_s == after.query.start_s
        assert going.outlasts(3.0)
