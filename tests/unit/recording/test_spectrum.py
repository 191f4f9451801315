from __future__ import annotations

import numpy as np
import pytest

from earmark.recording.params import SpectrumParams
from earmark.recording.spectrum import frame_count, hann, log_spectrum, salience

P = SpectrumParams()


def tone(hz, seconds=1.0, peak=1.0):
    return (peak * np.sin(2 * np.pi * hz * np.arange(int(seconds * P.rate_hz)) / P.rate_hz)).astype(
        np.float32
    )


@pytest.mark.parametrize(
    ("samples", "frames"),
    [(0, 0), (P.window - 1, 0), (P.window, 1), (P.window + P.hop - 1, 1), (P.window + P.hop, 2)],
)
def test_only_whole_windows_count(samples, frames):
    assert frame_count(samples, P) == frames
    assert log_spectrum(np.zeros(samples, np.float32), P).shape == (frames, P.bins)
    assert salience(np.zeros(samples, np.float32), P).shape == (frames, P.bins)


def test_the_window_is_periodic():
    window = hann(8)
    assert window[0] == 0
    np.testing.assert_allclose(window + np.roll(window, 4), 1.0, atol=1e-7)


def test_against_a_spectrum_in_double_precision():
    samples = np.random.default_rng(1).normal(0, 0.1, 5 * P.rate_hz).astype(np.float32)
    got = log_spectrum(samples, P)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(P.window) / P.window)
    floor = (10 ** (P.floor_dbfs / 20) * window.sum() / 2) ** 2
    frames = np.array([0, 1, 100, 255, 256, 257, len(got) - 1])
    for frame in frames:
        piece = samples[frame * P.hop : frame * P.hop + P.window].astype(float)
        power = np.abs(np.fft.rfft(piece * window)) ** 2 + floor
        want = 0.5 * np.log(power)[P.first_bin : P.first_bin + P.bins]
        np.testing.assert_allclose(got[frame], want, atol=2e-4)


@pytest.mark.parametrize("number", [0, 50, P.bins - 1])
def test_a_tone_is_in_its_bin_and_full_scale_is_the_reference_of_the_floor(number):
    loud = log_spectrum(tone(P.bin_hz(number)), P)
    assert (loud.argmax(axis=1) == number).all()
    quiet = log_spectrum(np.zeros(P.rate_hz, np.float32), P)
    assert np.ptp(quiet) == 0
    decibels = 20 * (loud.max() - quiet.max()) / np.log(10)
    assert decibels == pytest.approx(-P.floor_dbfs, abs=0.01)


def test_salience_does_not_hear_colour_nor_level():
    samples = np.random.default_rng(2).normal(0, 0.1, 3 * P.rate_hz).astype(np.float32)
    plain = salience(samples, P)
    assert abs(float(plain.mean())) < 0.01
    inner = np.zeros(plain.shape, bool)
    inner[40:-40, 20:-20] = True
    salient = inner & (plain > 0)  # the floor fills the gaps of what is quiet
    assert np.abs(salience(samples * np.float32(0.1), P) - plain)[salient].max() < 0.1
    tilted = np.diff(samples, prepend=np.float32(0))  # +6 dB an octave
    assert np.abs(log_spectrum(tilted, P) - log_spectrum(samples, P))[salient].mean() > 0.3
    assert np.abs(salience(tilted, P) - plain)[salient].mean() < 0.1
