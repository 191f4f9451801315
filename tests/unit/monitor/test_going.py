from __future__ import annotations

from earmark.monitor.going import MOST_RUNS, Going
from earmark.ports import Run
from earmark.types import Span, Track

TRACK = Track(id="a", source="a.wav", content_id="", duration_s=9.0, number=1)


def run(key, start_s, end_s=None, number=1):
    end_s = start_s + 9.5 if end_s is None else end_s
    reference = Span(0.0, end_s - start_s)
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
