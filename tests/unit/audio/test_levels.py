"""Loudness, peak, clipping."""

import numpy as np
import pytest

from earmark.audio.levels import LevelMeter, measure


def sine(hz, amplitude, seconds=1.0, rate_hz=44100):
    return amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz)


def rounded(samples, bits):
    steps = 2 ** (bits - 1)
    return (np.clip(np.round(samples * steps), -steps, steps - 1) / steps).astype(np.float32)


def test_a_full_scale_sine_has_minus_3_dbfs():
    levels = measure(sine(1000, 1.0).astype(np.float32))
    assert levels.level_dbfs == pytest.approx(-3.01, abs=0.01)
    assert levels.peak_dbfs == pytest.approx(0.0, abs=0.01)
    assert not levels.clipped
    assert not levels.silent


def test_the_level_is_that_of_all_channels_and_the_peak_that_of_the_loudest():
    stereo = np.stack([sine(1000, 0.5), np.zeros(44100)], axis=1).astype(np.float32)
    levels = measure(stereo)
    assert levels.level_dbfs == pytest.approx(-3.01 - 6.02 - 3.01, abs=0.01)
    assert levels.peak_dbfs == pytest.approx(-6.02, abs=0.01)


@pytest.mark.parametrize("bits", [8, 12, 16, 24])
@pytest.mark.parametrize("hz", [3, 20, 100, 441, 3000])
@pytest.mark.parametrize("amplitude", [0.1, 0.93, 1.0])
def test_a_rounded_sine_is_not_clipped_however_flat_its_top(bits, hz, amplitude):
    assert measure(rounded(sine(hz, amplitude), bits)).clipped_fraction == 0.0


def test_a_coarsely_companded_sine_is_not_clipped():
    wave = np.round(sine(100, 0.97) * 32) / 32
    assert not measure(wave.astype(np.float32)).clipped


@pytest.mark.parametrize("bits", [8, 16, 24])
@pytest.mark.parametrize("hz", [60, 441, 3000])
def test_an_overdriven_sine_is_clipped(bits, hz):
    levels = measure(rounded(np.clip(sine(hz, 3.0), -1, 1), bits))
    assert levels.clipped
    assert levels.clipped_fraction == pytest.approx(1 - 2 * np.arcsin(1 / 3) / np.pi, abs=0.05)


def test_overdrive_below_full_scale_at_minus_half_a_decibel_is_clipped():
    assert measure(np.clip(sine(441, 2.0), -0.95, 0.95).astype(np.float32)).clipped


def test_quiet_flat_tops_are_not_clipping():
    assert measure(np.clip(sine(441, 2.0), -0.5, 0.5).astype(np.float32)).clipped_fraction == 0.0


def test_one_clipped_channel_of_two_is_found():
    clean, cut = sine(441, 0.95), np.clip(sine(441, 3.0), -0.93, 0.93)
    assert measure(np.stack([clean, cut], axis=1).astype(np.float32)).clipped


def test_silence_is_visible_and_nothing_at_all_too():
    assert measure(np.zeros((1000, 2), np.float32)).silent
    assert measure(np.zeros(0, np.float32)).silent
    assert measure(np.full(1000, 2.0**-15, np.float32)).silent
    assert not measure(np.full(1000, 2.0**-12, np.float32)).silent


def test_non_finite_and_absurd_samples_are_counted_and_become_zero():
    meter = LevelMeter()
    block = np.array([0.5, np.nan, np.inf, -np.inf, 1e38, -0.5], np.float32)
    np.testing.assert_array_equal(meter.feed(block), np.array([0.5, 0, 0, 0, 0, -0.5], np.float32))
    assert meter.levels().nonfinite_samples == 4
    assert meter.levels().peak_dbfs == pytest.approx(-6.02, abs=0.01)


def test_the_number_of_channels_may_change():
    meter = LevelMeter()
    cut = np.clip(sine(441, 3.0), -1, 1).astype(np.float32)
    meter.feed(cut)
    meter.feed(np.stack([cut, cut], axis=1))
    assert meter.levels().clipped_fraction == pytest.approx(measure(cut).clipped_fraction)
