"""Findings become matches."""

from __future__ import annotations

import pytest

from earmark.naming import named
from earmark.ports import NewTrack, StoredFeatures
from earmark.stores.memory import MemoryTrackStore
from earmark.types import Evidence, Finding, Segment, Span, Within


@pytest.fixture
def store():
    """Tracks 1a and 1b share number 1; 2 and 3 have their own."""
    made = MemoryTrackStore()
    made.put(
        NewTrack(name, name, name[0], 5.0, {"sound": StoredFeatures("", b"")}, tags=(name,))
        for name in ("1a", "1b", "2", "3")
    )
    return made


SEGMENTS = (Segment(Span(0, 1), Span(3, 4)),)


def finding(number, *alike):
    evidence = Evidence({"x": 1}, labels={"Dog": 0.5})
    return Finding("sound", number, 0.9, 2.0, SEGMENTS, 1.1, 0.5, evidence, alike)


def told(store, *findings, **within):
    names = {track.id: track.source for track in store.page(None, 9)}
    matches = named(store, findings, Within(**within))
    return [(match.track.source, *(names[twin] for twin in match.duplicates)) for match in matches]


def test_one_match_for_each_in_their_order(store):
    assert told(store, finding(3), finding(1), finding(2)) == [("3",), ("1a", "1b"), ("2",)]


def test_all_that_was_found_is_told(store):
    (match,) = named(store, [finding(2)])
    wanted = finding(2)
    for name in ("kind", "confidence", "score", "segments", "time_ratio", "evidence"):
        assert getattr(match, name) == getattr(wanted, name)
    assert match.pitch_shift_semitones == 0.5


def test_removed_tracks_are_left_out(store):
    assert told(store, finding(77), finding(2)) == [("2",)]
    assert told(store, finding(2, 77)) == [("2",)]


def test_what_is_alike_is_told_once(store):
    assert told(store, finding(2, 1), finding(1), finding(3)) == [("2", "1a", "1b"), ("3",)]


def test_within(store):
    assert told(store, finding(1), finding(2), tags=("1b",)) == [("1b",)]
    assert told(store, finding(2, 1), tags=("2",)) == [("2",)]
    assert told(store, finding(1), tags=("none",)) == []


def test_nothing(store):
    assert named(store, []) == []
