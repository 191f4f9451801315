"""Makes examples out of windows: one to three of them, each changed, one louder than the others.

What comes out need not sound natural: the teacher hears it too and says what it is like.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.fft import next_fast_len

from training.sound.pool import RATE_HZ

Floats = npt.NDArray[np.float32]
Rng = np.random.Generator

SPEED_OCTAVES = 0.8
QUIETEST_DB, LOUDEST_DB = -15.0, 3.0
_EQ_HZ = np.array([50.0, 200.0, 800.0, 3200.0, 16050.0])


def changed(audio: Floats, rng: Rng) -> Floats:
    """Return a window at another speed, through another equaliser, in another room, or as is."""
    if rng.random() < 0.5:
        audio = _sped(audio, 2.0 ** rng.uniform(-SPEED_OCTAVES, SPEED_OCTAVES))
    if rng.random() < 0.35:
        audio = _equalised(audio, rng.normal(0.0, 6.0, len(_EQ_HZ)))
    if rng.random() < 0.2:
        audio = _reverberated(audio, rng)
    return audio


def placed(audio: Floats, length: int, rng: Rng) -> Floats:
    """Return ``length`` samples: a part of the window, or the window once or again and again."""
    if len(audio) >= length:
        start = int(rng.integers(0, len(audio) - length + 1))
        return audio[start : start + length]
    out = np.zeros(length, np.float32)
    if rng.random() < 0.35:
        period = max(1, int(len(audio) * rng.uniform(1.0, 2.5)))
        for start in range(int(rng.integers(0, period)), length, period):
            part = audio[: length - start]
            out[start : start + len(part)] += part
    else:
        start = int(rng.integers(0, length - len(audio) + 1))
        out[start : start + len(audio)] = audio
    return out


def mixed(windows: Sequence[Floats], length: int, rng: Rng) -> Floats:
    """Return ``length`` samples in which the first window sounds at 0 dB, the others around it."""
    out = np.zeros(length, np.float32)
    for number, audio in enumerate(windows):
        part = placed(changed(_cropped(audio, 2 * length, rng), rng), length, rng)
        rms = float(np.sqrt(np.mean(part**2))) + 1e-5
        gain_db = 0.0 if number == 0 else rng.uniform(QUIETEST_DB, LOUDEST_DB)
        out += part * np.float32(10.0 ** (gain_db / 20.0) / rms)
    if rng.random() < 0.12:
        level = 10.0 ** (rng.uniform(-40.0, -10.0) / 20.0) * float(np.sqrt(np.mean(out**2)))
        out += rng.standard_normal(length).astype(np.float32) * np.float32(level)
    return out


def levelled(audio: Floats, rng: Rng) -> Floats | None:
    """Return the audio at a peak of -25 to 0 dB, None where it is silent."""
    peak = float(np.abs(audio).max(initial=0.0))
    if peak < 1e-4:
        return None
    return (audio * np.float32(10.0 ** (rng.uniform(-25.0, 0.0) / 20.0) / peak)).astype(np.float32)


def _cropped(audio: Floats, longest: int, rng: Rng) -> Floats:
    """Return a part of the audio that is no longer than will be heard."""
    start = int(rng.integers(0, max(0, len(audio) - longest) + 1))
    return audio[start : start + longest]


def _sped(audio: Floats, speed: float) -> Floats:
    count = max(RATE_HZ // 16, int(len(audio) / speed))
    at = np.arange(count) * speed
    return np.interp(at, np.arange(len(audio)), audio).astype(np.float32)


def _equalised(audio: Floats, gains_db: npt.NDArray[np.float64]) -> Floats:
    size = next_fast_len(len(audio), real=True)
    spectrum = np.fft.rfft(audio, size)
    hz = np.linspace(0.0, RATE_HZ / 2, len(spectrum))
    gain_db = np.interp(np.log(hz + 50.0), np.log(_EQ_HZ), gains_db)
    gain = (10.0 ** (gain_db / 20.0)).astype(np.float32)
    return np.fft.irfft(spectrum * gain, size)[: len(audio)].astype(np.float32)


def _reverberated(audio: Floats, rng: Rng) -> Floats:
    length = int(RATE_HZ * rng.uniform(0.1, 0.8))
    tail = rng.standard_normal(length) * np.exp(-6.9 * np.arange(length) / length)
    tail[0] = 0.5 + 3.0 * rng.random()
    size = next_fast_len(len(audio) + length, real=True)
    spectra = np.fft.rfft(audio, size), np.fft.rfft(tail.astype(np.float32), size)
    wet = np.fft.irfft(spectra[0] * spectra[1], size)
    wet = wet[: len(audio) + length // 2]
    return (wet * (np.abs(audio).max() / (np.abs(wet).max() + 1e-9))).astype(np.float32)
