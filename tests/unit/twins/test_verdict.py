from __future__ import annotations

import pytest

from earmark.twins.comparison import Comparison
from earmark.twins.facts import Side
from earmark.twins.verdict import verdict_of
from earmark.types import Segment, Span

A = Side("a.flac", 100.0, codec="flac", rate_hz=44100, channels=2, highest_hz=20_000.0)
B = Side("b.mp3", 96.0, codec="mp3", rate_hz=44100, channels=2, highest_hz=11_000.0)


def said(relation, a=A, b=A, segments=(), only=((), ()), ratio=1.0, pitch=0.0, gain=None):
    return verdict_of(relation, a, b, segments, only, ratio, pitch, gain)


def test_a_copy_with_nothing_changed():
    assert said("recording", gain=0.1) == "the same recording"
    assert said("exact") == "the same samples"
    assert said("different") == "nothing in common"


def test_everything_that_differs_is_told_at_once():
    told = said(
        "recording", b=B, only=((Span(0.0, 0.8),), ()), ratio=1 / 1.041, pitch=0.7, gain=-9.0
    )
    assert told == (
        "the same recording, B is 0.8 s shorter at the start, B is 4.1 % faster, B is 9.0 dB "
        "quieter, B ends at 11.0 kHz (the other at 20.0 kHz) and B is mp3 instead of flac"
    )


@pytest.mark.parametrize(
    ("ratio", "pitch", "told"),
    [
        (1 / 1.04, 0.0, "B is 4.0 % faster at the same pitch"),
        (1 / 0.96, -0.7067, "B is 4.0 % slower"),
        (1.0, -2.0, "B sounds 2.00 semitones lower"),
        (1 / 1.02, 3.0, "B is 2.0 % faster and B sounds 3.00 semitones higher"),
        (1.0001, 0.01, ""),
    ],
)
def test_a_tape_that_runs_faster_sounds_higher_without_saying(ratio, pitch, told):
    expected = f"the same recording, {told}" if told else "the same recording"
    assert said("recording", ratio=ratio, pitch=pitch) == expected


def test_what_is_missing_in_the_middle_and_at_the_end():
    only = ((Span(30.0, 34.0), Span(98.0, 100.0)), (Span(0.0, 0.05),))
    told = said("recording", only=only)
    assert "B is 4.0 s shorter at 0:30.0 and B is 2.0 s shorter at the end" in told


def test_parts_either_way_and_a_stretch_of_both():
    part = Segment(Span(20.0, 50.0), Span(0.0, 30.0))
    short = Side("short", 30.0)
    assert said("excerpt", b=short, segments=[part]).startswith("B is a part of A: 0:20.0-0:50.0")
    turned = Segment(part.reference, part.query)
    assert said("excerpt", a=short, segments=[turned]).startswith("A is a part of B")
    assert said("excerpt", segments=[part, part]).startswith("they share 60.0 s")


def test_a_cover_and_a_sound():
    told = said("tune", ratio=1 / 1.2, pitch=-2.1)
    assert told == (
        "another recording of the same tune, B is 2 semitones lower and B is 20 % faster"
    )
    assert "sound" in said("sound")


def test_speed_in_parts_in_a_million():
    found = Comparison(A, B, "recording", 1.0, "", time_ratio=1 / 1.0001)
    assert found.speed_ppm == pytest.approx(100.0)
    assert found.related
    assert found.as_dict()["a"]["codec"] == "flac"
