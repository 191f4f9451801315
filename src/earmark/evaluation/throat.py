"""Notes to the sound of a voice or a whistle: harmonics under formants, breath, consonants."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from earmark.evaluation.degrade import band_pass
from earmark.evaluation.noise import RATE_HZ
from earmark.types import Samples

STYLES = ("sing", "hum", "la", "whistle")
LINE_HZ = 200
"""Pitch and loudness are drawn at this rate, then interpolated."""

Column = npt.NDArray[np.float64]

# First three formants of a man in hertz (Peterson and Barney 1952); a hum is the closed mouth's m.
_VOWELS = np.array(
    [[730, 1090, 2440], [530, 1840, 2480], [570, 840, 2410], [300, 870, 2240]], float
)
_HUMMED = np.array([[250.0, 1100.0, 2200.0]])
_WIDTHS_HZ = np.array([130.0, 180.0, 250.0])
_GAINS = {"sing": (1.0, 0.5, 0.25), "hum": (1.0, 0.04, 0.01), "la": (1.0, 0.5, 0.2)}
_HARMONICS, _HIGHEST_HZ = 30, 7200.0
_TAIL_S = 0.2
_AIR_HZ = (800.0, 5500.0)


def sound(notes: Column, style: str, vibrato_semitones: float, rng: np.random.Generator) -> Samples:
    """Return notes as one of `STYLES` sounds, at 16 kHz.

    Parameters
    ----------
    notes
        (n, 3) rows of begin and end in seconds and pitch in semitones (A4 = 69), in order.
    vibrato_semitones
        Depth of the vibrato that long notes get.
    """
    frames = int((notes[-1, 1] + _TAIL_S) * LINE_HZ)
    pitch = _pitch(notes, frames, vibrato_semitones, rng)
    level, hiss = _levels(notes, frames, style, rng)
    at: Column = np.arange(frames * RATE_HZ // LINE_HZ, dtype=np.float64) * (LINE_HZ / RATE_HZ)
    line = np.arange(frames)
    hertz: Column = np.interp(at, line, 440.0 * 2.0 ** ((pitch - 69.0) / 12.0))
    turn = np.exp(2j * np.pi * np.cumsum(hertz) / RATE_HZ)
    loud = np.interp(at, line, level)
    air = band_pass(rng.standard_normal(len(at)).astype(np.float32), *_AIR_HZ)
    if style == "whistle":
        tone = turn.imag + rng.uniform(0.0, 0.04) * (turn**2).imag
        breath = rng.uniform(0.03, 0.1) * (0.3 + loud)
    else:
        tone = _harmonics(hertz, turn, at, _formants(notes, frames, style, rng), style, rng)
        breath = rng.uniform(0.01, 0.05) * loud + 0.5 * np.interp(at, line, hiss)
    return np.asarray(tone * loud + air * breath, np.float32)


def _pitch(notes: Column, frames: int, vibrato: float, rng: np.random.Generator) -> Column:
    """Return semitones at `LINE_HZ`: glides, scoops, vibrato on long notes, wavering."""
    steps = np.full(frames, notes[0, 2])
    bend, depth = np.zeros(frames), np.zeros(frames)
    for begin_s, end_s, semitones in notes:
        begin, end = int(begin_s * LINE_HZ), int(end_s * LINE_HZ)
        steps[begin:] = semitones
        age_s = np.arange(end - begin) / LINE_HZ
        if rng.random() < 0.25:  # reached from below, mostly
            depth_semitones = rng.uniform(0.4, 1.5) * rng.choice([-1, -1, -1, 1])
            bend[begin:end] = depth_semitones * np.exp(-age_s / rng.uniform(0.03, 0.08))
        depth[begin:end] = vibrato * np.clip((age_s - 0.2) / 0.25, 0.0, 1.0)
    time_s = np.arange(frames) / LINE_HZ
    wave = np.sin(2 * np.pi * rng.uniform(4.8, 6.5) * time_s + rng.uniform(0, 6))
    waver = _smooth(rng.standard_normal(frames), 0.4) * 0.4
    line = _smooth(steps, float(rng.uniform(0.04, 0.12))) + _smooth(bend, 0.03)
    return line + _smooth(depth, 0.1) * wave + waver


def _levels(
    notes: Column, frames: int, style: str, rng: np.random.Generator
) -> tuple[Column, Column]:
    """Return the loudness of the tone and of its consonants at `LINE_HZ`."""
    level, hiss = np.zeros(frames), np.zeros(frames)
    for begin_s, end_s, _ in notes:
        begin, end = int(begin_s * LINE_HZ), int(end_s * LINE_HZ)
        shape = np.full(end - begin, np.exp(rng.normal(0.0, 0.15)))
        gap = min(int(rng.uniform(0.03, 0.08) * LINE_HZ), (end - begin) // 2)
        if style == "la":
            shape[:gap] *= 0.25  # the tongue
        elif style == "sing" and rng.random() < 0.5:
            shape[:gap] = 0.0
            hiss[begin : begin + gap] = rng.uniform(0.1, 0.5)
        elif style == "whistle":
            shape[:3] *= 0.5
        level[begin:end] = shape
    return _smooth(level, 0.03), _smooth(hiss, 0.02)


def _formants(notes: Column, frames: int, style: str, rng: np.random.Generator) -> Column:
    """Return (frames, 3) formants in hertz, gliding from vowel to vowel."""
    known = _HUMMED if style == "hum" else _VOWELS[:1] if style == "la" else _VOWELS
    target = np.tile(known[0], (frames, 1))
    for begin_s, _, _ in notes:
        target[int(begin_s * LINE_HZ) :] = known[rng.integers(len(known))]
    size = rng.uniform(0.95, 1.2)  # of the throat: long ones are deep
    return np.stack([_smooth(column, 0.06) for column in target.T], 1) * size


def _harmonics(
    hertz: Column,
    turn: npt.NDArray[np.complex128],
    at: Column,
    formants: Column,
    style: str,
    rng: np.random.Generator,
) -> Column:
    """Return the sum of the harmonics under the formants, of unit RMS where it sounds."""
    line = np.arange(len(formants))
    pitch_hz = np.interp(line, at, hertz)
    tilt = rng.uniform(0.8, 1.3)
    tone, power = np.zeros(len(at)), np.ones(len(at), complex)
    for order in range(1, _HARMONICS + 1):
        power *= turn
        harmonic_hz = pitch_hz * order
        if harmonic_hz.min() > _HIGHEST_HZ:
            break
        off = (harmonic_hz[:, None] - formants) / _WIDTHS_HZ
        gain = 0.01 + (np.array(_GAINS[style]) / (1.0 + off**2)).sum(1)
        gain = np.where(harmonic_hz < _HIGHEST_HZ, gain, 0.0) * order**-tilt
        tone += np.interp(at, line, gain) * power.imag
    return np.asarray(tone / (np.sqrt(np.mean(tone**2)) + 1e-9))


def _smooth(values: Column, width_s: float) -> Column:
    """Smooth a line with a Hann window, its ends held."""
    width = int(width_s * LINE_HZ) | 1
    window = np.hanning(width + 2)[1:-1]
    padded = np.pad(values, width // 2, mode="edge")
    return np.convolve(padded, window / window.sum(), "valid")
