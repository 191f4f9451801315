"""Samples to salience: how far each time-frequency cell stands out of its surroundings, in nepers."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

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


def log_spectrum(samples: Samples, params: SpectrumParams) -> Salience:
    """Return the natural log magnitude, shape (frames, bins), with a floor at ``floor_dbfs``."""
    frames = frame_count(len(samples), params)
    out = np.empty((frames, params.bins), np.float32)
    if frames == 0:
        return out
    window = hann(params.window)
    # A full-scale sine reaches half the window's sum.
    floor = (10.0 ** (params.floor_dbfs / 20.0) * float(window.sum()) / 2.0) ** 2
    windows = np.lib.stride_tricks.sliding_window_view(samples, params.window)[:: params.hop]
    for start in range(0, frames, _FFT_FRAMES):
        stop = min(frames, start + _FFT_FRAMES)
        spectrum = np.fft.rfft(windows[start:stop] * window, axis=1)
        kernel.log_magnitude(
            spectrum.astype(np.complex64, copy=False), params.first_bin, out[start:stop], floor
        )
    return out


def salience(samples: Samples, params: SpectrumParams) -> Salience:
    """Return the whitened log magnitude: each cell less the mean of the box around it.

    Whitening removes the colour of the recording, of the room and of the microphone.
    """
    out = log_spectrum(samples, params)
    if len(out):
        kernel.whiten(out, params.whiten_frames, params.whiten_bins)
    return out
