import numpy as np
import pytest

from earmark.melody.contour import line_of, window
from earmark.melody.notes import notes_of
from earmark.melody.params import LINE_HZ

RATE_HZ = 62.5


def pitches(*steps):
    """(semitones or NaN, seconds) one after the other, at 62.5 values a second."""
    return np.concatenate([np.full(round(s * RATE_HZ), p) for p, s in steps]).astype(np.float32)


def test_a_line_begins_with_the_voice_and_holds_through_rests():
    line = line_of(pitches((np.nan, 1.0), (60, 1.0), (np.nan, 0.5), (64, 1.0)), RATE_HZ, 0.1)
    assert line.start_s == pytest.approx(1.0, abs=0.02)
    assert line.duration_s == pytest.approx(2.5, abs=0.1)
    assert line.voiced_s == pytest.approx(2.0, abs=0.1)
    assert set(np.round(line.semitones)) == {60.0, 64.0}
    assert (line.semitones[22:28] == 60).all()
    assert not line.voiced[24]


def test_a_single_wrong_frame_is_filtered_out():
    sung = pitches((60, 2.0))
    sung[50:52] = 72
    assert (line_of(sung, RATE_HZ, 0.1).semitones == 60).all()


def test_onsets_are_where_notes_begin():
    line = line_of(pitches((60, 0.5), (62, 0.5), (64, 0.5), (np.nan, 0.3), (64, 0.5)), RATE_HZ, 0.1)
    assert [round(frame / LINE_HZ, 1) for frame in line.onsets] == pytest.approx(
        [0.0, 0.5, 1.0, 1.8], abs=0.11
    )


def test_no_voice_is_no_line():
    assert line_of(np.full(200, np.nan, np.float32), RATE_HZ, 0.1) is None
    assert line_of(pitches((np.nan, 1.0), (60, 0.05)), RATE_HZ, 0.1) is None
    assert line_of(np.zeros(0, np.float32), RATE_HZ, 0.1) is None


def test_a_window_is_the_same_in_every_key_and_tempo():
    slow = line_of(pitches((60, 1.0), (67, 1.0), (64, 2.0)), RATE_HZ, 0.1)
    fast = line_of(pitches((55, 0.5), (62, 0.5), (59, 1.0)), RATE_HZ, 0.1)
    one = window(slow.semitones, 0, len(slow.semitones))
    other = window(fast.semitones, 0, len(fast.semitones))
    assert np.median(one) == 0.0
    assert (one != other).mean() < 0.05


def test_a_cut_keeps_its_place():
    line = line_of(pitches((60, 1.0), (62, 1.0), (64, 1.0)), RATE_HZ, 0.1)
    part = line.cut(20, 40)
    assert part.start_s == pytest.approx(line.start_s + 1.0)
    assert (part.semitones == line.semitones[20:40]).all()
    assert part.onsets[0] == 0


def test_notes_are_steady_stretches():
    sung = np.concatenate(
        [np.full(10, 60.1), np.full(1, 71.0), np.full(9, 60.0), np.full(6, np.nan), np.full(12, 64)]
    ).astype(np.float32)
    tune = notes_of(sung)
    assert np.round(tune.semitones).tolist() == [60, 64]
    assert tune.onset_s.tolist() == pytest.approx([0.0, 1.3])
    assert tune.length_s.tolist() == pytest.approx([1.0, 0.6])


def test_a_line_of_silence_has_no_notes():
    assert len(notes_of(np.full(100, np.nan, np.float32))) == 0
    assert len(notes_of(np.zeros(0, np.float32))) == 0


def test_notes_never_overlap():
    rng = np.random.default_rng(3)
    for _ in range(20):
        sung = np.repeat(rng.integers(50, 70, 60), rng.integers(1, 5, 60)).astype(np.float32)
        sung[rng.random(len(sung)) < 0.2] = np.nan
        tune = notes_of(sung)
        assert (tune.length_s > 0).all()
        assert (tune.onset_s[1:] >= tune.onset_s[:-1] + tune.length_s[:-1] - 1e-4).all()
