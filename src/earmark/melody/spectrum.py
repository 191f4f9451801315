"""The lead extractor's view of a mix: log power on a scale of thirds of semitones.

Two windows: a long one below 500 Hz, where neighbouring notes lie a few Hz apart, and a short one
above, where the voice moves faster than a long window can follow.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from earmark.melody.params import LINE_HZ, RATE_HZ

Floats = npt.NDArray[np.float32]

HOP: Final = int(RATE_HZ / LINE_HZ)
LONG: Final = 4096
SHORT: Final = 2048
SPLIT_HZ: Final = 500.0
PER_SEMITONE: Final = 3
LOWEST_SEMITONE: Final = 24
BINS: Final = 286
"""Bin b is centred on MIDI note 24 + b / 3, from 33 Hz to 7.9 kHz."""
_FLOOR = 1e-9


def log_spectrum(samples: Floats) -> Floats:
    """Return (frames, BINS) log10 power; frame k is centred on sample (k + 0.5) * HOP.

    Parameters
    ----------
    samples
        (n,) float32 mono at 16 kHz; the last frame is the last whole hop.
    """
    count = len(samples) // HOP
    padded = np.pad(samples, (LONG // 2, LONG))
    long, short = _maps()
    power = _power(padded, HOP // 2, LONG, count) @ long
    power += _power(padded, HOP // 2 + (LONG - SHORT) // 2, SHORT, count) @ short
    return np.asarray(np.log10(power + _FLOOR), np.float32)


def normalised(spectrum: Floats) -> Floats:
    """Return the spectrum of one block with its mean 0 and deviation 1: level and gain go."""
    return np.asarray((spectrum - spectrum.mean()) / (spectrum.std() + 1e-3), np.float32)


def _power(padded: Floats, begin: int, size: int, count: int) -> Floats:
    if not count:
        return np.zeros((0, size // 2 + 1), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded[begin:], size)[::HOP][:count]
    window = np.hanning(size + 1)[:-1].astype(np.float32)
    spectrum = np.fft.rfft(frames * (window / window.sum()), axis=1)
    return (spectrum.real**2 + spectrum.imag**2).astype(np.float32)


@cache
def _maps() -> tuple[Floats, Floats]:
    """Return the matrices from FFT bins to the scale for the long and the short window.

    A bin gathers a triangle one scale step wide, but never less than one FFT bin to each side.
    """
    centre = 440.0 * 2 ** ((LOWEST_SEMITONE + np.arange(BINS) / PER_SEMITONE - 69.0) / 12.0)
    maps = []
    for size, taken in ((LONG, centre < SPLIT_HZ), (SHORT, centre >= SPLIT_HZ)):
        hz = np.arange(size // 2 + 1) * RATE_HZ / size
        reach = np.maximum(centre * (2 ** (1 / (12 * PER_SEMITONE)) - 1), RATE_HZ / size)
        weight = np.maximum(0.0, 1.0 - np.abs(hz[:, None] - centre) / reach) * taken
        maps.append(weight.astype(np.float32))
    return maps[0], maps[1]
