"""Peaks to draw, against the samples themselves."""

from __future__ import annotations

import io
import itertools
import wave

import numpy as np
import pytest

from earmark.audio.wav import wav_bytes
from earmark.audio.waveform import RATE_HZ, measure_waveform
from earmark.errors import NotAudioError, UsageError
from earmark.types import Clip


def loud(samples):
    """Samples that 16 bits hold exactly, at the rate that peaks are read at."""
    return np.round(samples * 32768.0).astype(np.float32) / 32768.0


@pytest.fixture(scope="module")
def noise():
    rng = np.random.default_rng(3)
    ramp = np.linspace(0.05, 0.99, 95 * RATE_HZ)
    return loud(rng.uniform(-1, 1, len(ramp)) * ramp)


@pytest.fixture(scope="module")
def wav(noise):
    return wav_bytes(Clip(noise * (32768.0 / 32767.0), RATE_HZ))


@pytest.mark.parametrize(
    ("points", "start_s", "end_s"),
    [(1, 0, None), (7, 0, None), (800, 0, None), (4000, 10.5, 75.25), (16, 94.9, 200), (333, 1, 2)],
)
def test_peaks_are_those_of_the_samples(noise, wav, points, start_s, end_s):
    shape = measure_waveform(wav, 95.0, points, start_s, end_s)
    assert (shape.duration_s, shape.start_s) == (95.0, start_s)
    assert shape.end_s == min(end_s or 95.0, 95.0)
    part = noise[round(start_s * RATE_HZ) : round(shape.end_s * RATE_HZ)]
    cuts = [len(part) * i // points for i in range(points + 1)]
    wanted = [(part[a:b].min(), part[a:b].max()) for a, b in itertools.pairwise(cuts)]
    assert shape.peaks.dtype == np.float32
    np.testing.assert_array_equal(shape.peaks, np.array(wanted, np.float32))


def test_more_points_than_samples(noise, wav):
    shape = measure_waveform(wav, 95.0, 4000, 3.0, 3.01)
    part = noise[3 * RATE_HZ : 3 * RATE_HZ + 160]
    np.testing.assert_array_equal(shape.peaks[:, 0], np.repeat(part, 25))
    np.testing.assert_array_equal(shape.peaks[:, 1], np.repeat(part, 25))


def test_a_source_shorter_or_longer_than_it_was(noise, wav):
    longer = measure_waveform(wav, 190.0, 100)
    assert not longer.peaks[50:].any()
    np.testing.assert_array_equal(longer.peaks[:50], measure_waveform(wav, 95.0, 50).peaks)
    shorter = measure_waveform(wav, 19.0, 10)
    np.testing.assert_array_equal(shorter.peaks, measure_waveform(wav, 95.0, 50).peaks[:10])


def test_peaks_stay_within_full_scale(make):
    hot = make.wav(make.tone(1.0, amplitude=3.0), subtype="FLOAT")
    peaks = measure_waveform(hot, 1.0, 20).peaks
    assert (peaks.min(), peaks.max()) == (-1.0, 1.0)


@pytest.mark.parametrize(
    ("points", "start_s", "end_s"),
    [
        (0, 0, None),
        (100_001, 0, None),
        (8, -1, None),
        (8, 95, None),
        (8, 5, 5),
        (8, float("nan"), 9),
    ],
)
def test_stretches_without_sense(wav, points, start_s, end_s):
    with pytest.raises(UsageError):
        measure_waveform(wav, 95.0, points, start_s, end_s)


def test_what_is_no_audio():
    with pytest.raises(NotAudioError, match="notes"):
        measure_waveform(b"hello" * 100, 1.0, 10, name="notes")


def test_wav_bytes_are_read_by_others():
    samples = np.array([0.0, 0.5, -0.5, 1.0, -1.0, 2.0], np.float32)
    with wave.open(io.BytesIO(wav_bytes(Clip(samples, 8000)))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 8000)
        steps = np.frombuffer(file.readframes(6), "<i2")
    assert steps.tolist() == [0, 16384, -16384, 32767, -32767, 32767]
