"""Which stretches get a vector, and what is left out."""

from __future__ import annotations

import numpy as np
import pytest

from earmark.sound.params import WindowParams
from earmark.sound.windows import Windower, sounding_of

RATE_HZ = 1000
PARAMS = WindowParams()


def noise(seconds, level=0.1, seed=0):
    return np.random.default_rng(seed).normal(0, level, round(seconds * RATE_HZ)).astype(np.float32)


def still(seconds):
    return np.zeros(round(seconds * RATE_HZ), np.float32)


def windows(*parts):
    windower = Windower(RATE_HZ, PARAMS)
    return [w for part in parts for w in windower.feed(part)] + list(windower.finish())


def spans(*parts):
    found = windows(np.concatenate(parts)) if parts else windows()
    return [(w.start_s, w.start_s + len(w.samples) / RATE_HZ) for w in found]


@pytest.mark.parametrize("seconds", [0.001, 0.05, 0.2, 1.0, 9.999, 10.0])
def test_up_to_ten_seconds_are_one_window(seconds):
    assert spans(noise(seconds)) == [(0.0, pytest.approx(seconds))]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (10.9, [(0, 10)]),
        (11.0, [(0, 10), (5, 11)]),
        (15.0, [(0, 10), (5, 15)]),
        (15.5, [(0, 10), (5, 15)]),
        (16.5, [(0, 10), (5, 15), (10, 16.5)]),
        (20.0, [(0, 10), (5, 15), (10, 20)]),
    ],
)
def test_windows_overlap_and_the_last_ends_with_the_track(seconds, expected):
    assert spans(noise(seconds)) == expected


def test_a_window_holds_the_samples_of_its_stretch():
    samples = noise(23.4)
    for window in windows(samples):
        first = round(window.start_s * RATE_HZ)
        assert np.array_equal(window.samples, samples[first : first + len(window.samples)])


def test_nothing_and_silence_have_no_window():
    assert spans() == []
    assert spans(still(0)) == []
    assert spans(still(0.2)) == []
    assert spans(still(33)) == []
    assert spans(noise(33, level=10 ** (-70 / 20))) == []


def test_silence_between_is_left_out():
    assert spans(noise(10), still(25), noise(10)) == [(0, 10), (5, 15), (30, 40), (35, 45)]


def test_a_short_sound_in_silence_loses_its_silence():
    assert spans(still(4), noise(0.3), still(4)) == [(pytest.approx(3.9), pytest.approx(4.4))]


def test_half_silence_is_kept_whole():
    assert spans(still(2), noise(2)) == [(0, 4)]


@pytest.mark.parametrize("before", [still(10), np.concatenate((noise(0.3), still(9.7)))])
def test_a_short_rest_is_heard_where_no_whole_window_stands_for_it(before):
    *_, (start_s, end_s) = spans(before, noise(0.4))
    assert start_s <= 10.0
    assert end_s == pytest.approx(10.4)


def test_a_short_rest_behind_a_sounding_window_is_left_to_it():
    assert spans(noise(10.4)) == [(0, 10)]


def test_sounding_of_loud_and_soft():
    assert sounding_of(noise(3), RATE_HZ, PARAMS) == (0, 3000)
    assert sounding_of(still(3), RATE_HZ, PARAMS) is None
    assert sounding_of(still(0), RATE_HZ, PARAMS) is None
    assert sounding_of(np.full(1, 0.5, np.float32), RATE_HZ, PARAMS) == (0, 1)
