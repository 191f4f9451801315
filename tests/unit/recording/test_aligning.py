"""Two constellations laid on one another: where, how fast, how high, and where it ends."""

from __future__ import annotations

import numpy as np
import pytest
import soxr

from earmark.recording.aligning import align
from earmark.recording.constellation import Constellation
from earmark.recording.engine import RecordingAnalysis
from earmark.recording.params import RecordingParams

RATE_HZ = 16_000
PARAMS = RecordingParams()
FRAME_S = PARAMS.spectrum.frame_s


def analysed(samples) -> Constellation:
    analyser = RecordingAnalysis().analyser()
    analyser.feed(np.ascontiguousarray(samples, np.float32))
    return analyser.finish()


@pytest.fixture(scope="module")
def whole(music):
    return music(1, 40.0)


@pytest.fixture(scope="module")
def whole_stars(whole):
    return analysed(whole)


def test_a_trimmed_quiet_copy_lies_where_it_was_cut(whole, whole_stars):
    (line,) = align(analysed(0.3 * whole[int(3.013 * RATE_HZ) :]), whole_stars, PARAMS)
    assert line.slope.offset * FRAME_S == pytest.approx(3.013, abs=0.01)
    assert line.slope.time == pytest.approx(1.0, abs=2e-4)
    assert line.share > 0.7
    assert line.frames * FRAME_S == pytest.approx(37.0, abs=1.0)


@pytest.mark.parametrize("faster", [1.0002, 1.01, 0.96])
def test_speed_is_told_to_a_few_parts_in_ten_thousand(whole, whole_stars, faster):
    bent = soxr.resample(whole, RATE_HZ * faster, RATE_HZ)
    (line,) = align(analysed(bent), whole_stars, PARAMS)
    assert line.slope.time == pytest.approx(faster, abs=2e-4)
    assert line.slope.pitch == pytest.approx(faster, abs=3e-3)
    assert line.frames * FRAME_S > 0.9 * len(bent) / RATE_HZ


def test_the_parts_of_a_medley_are_told_apart(whole, whole_stars, music):
    other = music(2, 20.0)
    parts = [whole[25 * RATE_HZ : 37 * RATE_HZ], other[: 12 * RATE_HZ], whole[: 10 * RATE_HZ]]
    lines = align(analysed(np.concatenate(parts)), whole_stars, PARAMS)
    assert len(lines) == 2
    for line, (start_s, held_s, length_s) in zip(
        lines, [(0.0, 25.0, 12.0), (24.0, 0.0, 10.0)], strict=True
    ):
        assert line.start * FRAME_S == pytest.approx(start_s, abs=1.0)
        assert line.frames * FRAME_S == pytest.approx(length_s, abs=1.5)
        at_s = line.slope.offset * FRAME_S + start_s * line.slope.time
        assert at_s == pytest.approx(held_s, abs=0.05)


def test_different_music_has_no_line(whole_stars, music):
    assert align(analysed(music(3, 40.0)), whole_stars, PARAMS) == []


def test_what_plays_twice_is_told_twice_and_a_repeat_once(whole, music):
    """A jingle in an hour is there each time; a bar that repeats in the piece is one piece."""
    jingle = music(4, 8.0)
    hour = np.concatenate([jingle, whole[: 15 * RATE_HZ], jingle])
    lines = align(analysed(hour), analysed(jingle), PARAMS)
    assert [round(line.start * FRAME_S) for line in lines] == [0, 23]
    looped = np.tile(music(5, 4.0), 8)
    assert len(align(analysed(looped), analysed(looped), PARAMS)) == 1


def test_nothing_lies_on_nothing(whole_stars):
    none = np.zeros(0, np.uint32)
    empty = Constellation(none, none, 0)
    assert align(empty, whole_stars, PARAMS) == align(whole_stars, empty, PARAMS) == []
