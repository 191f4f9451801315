"""Samples to salience: how far each time-frequency cell stands out of its surroundings."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from earmark.kernels import fourier
from earmark.kernels import spectrum as kernel
from earmark.recording.params import SpectrumParams
from earmark.types import Samples

Salience = npt.NDArray[np.float32]
_FFT_FRAMES = 256  # one block of spectra stays in the second-level cache


@cache
def hann(length: int) -> npt.NDArray[np.float32]:
    """Return the periodic Hann window of ``length`` samples."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)


def frame_count(samples: int, params: SpectrumParams) -> int:
    """Return how many whole windows fit.

    >>> frame_count(1024, SpectrumParams()), frame_count(1023, SpectrumParams())
    (1, 0)
    """
    return max(0, (samples - params.window) // params.hop + 1)


def log_spectrum(samples: Samples, params: SpectrumParams, longer: int = 1) -> Salience:
    """Return the natural log magnitude, shape (frames, bins), with a floor at ``floor_dbfs``.

    ``longer`` takes windows that many times as long around the same centres, and of the finer bins
    the strongest around each bin: tones rise further out of noise, onsets blur.
    """
    frames = frame_count(len(samples), params)
    length = params.window * longer
    window = hann(length)
    # A full-scale sine reaches half the window's sum.
    floor = (10.0 ** (params.floor_dbfs / 20.0) * float(window.sum()) / 2.0) ** 2
    if longer == 1 and fourier.fits(length):  # the same to the bit as below, seven times as fast
        whole = np.ascontiguousarray(samples, np.float32)
        return fourier.log_magnitudes(
            whole, window, params.hop, params.first_bin, params.bins, floor
        )
    out = np.empty((frames, params.bins), np.float32)
    if frames == 0:
        return out
    margin = (length - params.window) // 2
    padded = np.pad(samples, margin) if margin else samples
    windows = np.lib.stride_tricks.sliding_window_view(padded, length)[:: params.hop]
    for start in range(0, frames, _FFT_FRAMES):
        stop = min(frames, start + _FFT_FRAMES)
        spectrum = np.fft.rfft(windows[start:stop] * window, axis=1)
        if longer > 1:
            cells, first = _strongest(spectrum, params, longer), 0
        else:
            cells, first = spectrum.astype(np.complex64, copy=False), params.first_bin
        kernel.log_magnitude(cells, first, out[start:stop], floor)
    return out


def _strongest(
    spectrum: npt.NDArray[np.complexfloating], params: SpectrumParams, longer: int
) -> npt.NDArray[np.complex64]:
    """Return, for each bin of the short window, the magnitude of the strongest finer bin around."""
    power = spectrum.real**2 + spectrum.imag**2
    first, stop = params.first_bin * longer, (params.first_bin + params.bins) * longer
    half = longer // 2
    best = power[:, first - half : stop - half : longer]
    for shift in range(1 - half, half + 1):
        best = np.maximum(best, power[:, first + shift : stop + shift : longer])
    return np.sqrt(best).astype(np.complex64)


def salience(samples: Samples, params: SpectrumParams, longer: int = 1) -> Salience:
    """Return the whitened log magnitude: each cell less the mean of the box around it.

    Whitening removes the colour of the recording, of the room and of the microphone.
    """
    out = log_spectrum(samples, params, longer)
    if len(out):
        kernel.whiten(out, params.whiten_frames, params.whiten_bins)
    return out
