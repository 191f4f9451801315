"""Samples to log magnitudes, against numpy's transform: the same to the bit."""

from __future__ import annotations

import platform

import numpy as np
import pytest

from earmark.kernels import fourier
from earmark.kernels import spectrum as kernel


def by_numpy(samples, window, hop, first, bins, floor):
    windows = np.lib.stride_tricks.sliding_window_view(samples, len(window))[::hop]
    spectrum = np.fft.rfft((windows * window).astype(np.float64), axis=1).astype(np.complex64)
    out = np.empty((len(windows), bins), np.float32)
    kernel.log_magnitude(spectrum, first, out, floor)
    return out


@pytest.mark.parametrize("length", [16, 64, 256, 1024, 4096])
@pytest.mark.parametrize("frames", [1, 7, 8, 9, 50])
def test_it_is_numpys_transform_to_the_bit(length, frames):
    rng = np.random.default_rng(length + frames)
    hop, bins = length // 4, length // 2 - 1
    samples = rng.normal(0, 0.2, length + hop * (frames - 1) + hop // 2).astype(np.float32)
    samples[: len(samples) // 8] = 0.0
    window = np.hanning(length).astype(np.float32)
    got = fourier.log_magnitudes(samples, window, hop, 1, bins, 1e-6)
    want = by_numpy(samples, window, hop, 1, bins, 1e-6)
    assert got.shape == (frames, bins)
    if platform.machine() == "x86_64":
        np.testing.assert_array_equal(got, want)
    else:  # numpy may join a product and a sum there
        np.testing.assert_allclose(got, want, atol=1e-5)


def test_some_bins_are_those_of_all():
    samples = np.random.default_rng(1).normal(0, 1, 1024).astype(np.float32)
    window = np.ones(256, np.float32)
    whole = fourier.log_magnitudes(samples, window, 100, 1, 127, 1e-3)
    part = fourier.log_magnitudes(samples, window, 100, 12, 40, 1e-3)
    np.testing.assert_array_equal(part, whole[:, 11:51])


@pytest.mark.parametrize("samples", [0, 15])
def test_less_than_a_window_is_no_frame(samples):
    got = fourier.log_magnitudes(np.zeros(samples, np.float32), np.ones(16, np.float32), 4, 1, 5, 1)
    assert got.shape == (0, 5)


@pytest.mark.parametrize(
    ("length", "first", "bins"), [(1000, 1, 5), (32, 1, 5), (4, 1, 1), (64, 0, 5), (64, 1, 32)]
)
def test_it_refuses_what_it_cannot_do(length, first, bins):
    with pytest.raises(ValueError, match=f"windows of {length} samples"):
        fourier.log_magnitudes(
            np.zeros(5000, np.float32), np.ones(length, np.float32), 10, first, bins, 1.0
        )
