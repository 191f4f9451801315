"""Sing a melody: harmonics shaped by moving formants, breath, consonants, jitter, vibrato."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.signal as ss
from numba import njit
from numpy.typing import NDArray

from training.lead.contour import LINE_HZ, Array, Line, Manner, draw, smooth

SAMPLE_HZ = 16_000
HOP = SAMPLE_HZ // LINE_HZ
# Formants of a man in hertz (Peterson and Barney 1952, F4 and F5 typical values).
VOWELS = np.array([
    [730, 1090, 2440, 3400, 4200],  # a
    [530, 1840, 2480, 3500, 4300],  # e
    [270, 2290, 3010, 3600, 4400],  # i
    [570, 840, 2410, 3300, 4100],  # o
    [300, 870, 2240, 3200, 4000],  # u
    [490, 1350, 1690, 3200, 4000],  # er
    [660, 1720, 2410, 3500, 4300],  # ae
    [250, 1100, 2200, 3100, 3900],  # m, hummed
], float)  # fmt: skip
HUM = len(VOWELS) - 1
WIDTHS_HZ = np.array([90, 110, 160, 220, 280], float)


@dataclass(frozen=True)
class Singer:
    """A throat: length factor of the formants, glottal tilt, colour and habits."""

    tract: float
    tilt: float  # amplitude of harmonic h is h ** -tilt before the formants
    breath: float
    rasp: float
    ring: float  # gain of the cluster near 3 kHz
    consonants: float  # probability that a note begins with an unvoiced consonant
    vowels: tuple[int, ...]
    contrast: float
    manner: Manner


def singer(rng: np.random.Generator, female: bool, style: str = "sing") -> Singer:
    """Draw a singer; `style` is sing, hum or la."""
    tract = rng.uniform(1.08, 1.3) if female else rng.uniform(0.9, 1.12)
    classical = rng.random() < 0.15
    depth = rng.uniform(0.3, 1.0) if classical else rng.choice([0.0, rng.uniform(0.05, 0.5)])
    manner = Manner(
        glide_s=float(np.exp(rng.uniform(np.log(0.03), np.log(0.18)))),
        scoop=rng.uniform(0, 0.5), scoop_depth=rng.uniform(0.3, 2.5),
        error=rng.uniform(0, 0.25), drift=rng.uniform(0.02, 0.15),
        vibrato_depth=float(depth), vibrato_hz=rng.uniform(4.5, 7.0),
        vibrato_wait_s=0.05 if classical else rng.uniform(0.1, 0.5),
    )  # fmt: skip
    vowels = {"hum": (HUM,), "la": (0,)}.get(style)
    if vowels is None:
        vowels = tuple(rng.permutation(HUM)[: rng.integers(1, HUM + 1)].tolist())
    return Singer(
        tract=tract, tilt=rng.uniform(0.7, 1.7), breath=float(rng.choice([0.01, 0.04, 0.12])),
        rasp=float(rng.choice([0, 0, 0.1, 0.35])), ring=3.0 if classical else rng.uniform(0, 0.8),
        consonants=0.0 if style == "hum" else rng.uniform(0.1, 0.8), vowels=vowels,
        contrast=rng.uniform(0.7, 1.2), manner=manner,
    )  # fmt: skip


@njit(cache=True, fastmath=True)
def _harmonics(phase: Array, gains: NDArray[np.float32], hop: int) -> Array:
    """Sum sin(h phase[n]) times gains[frame, h - 1], the gains interpolated between frames."""
    out = np.zeros(len(phase))
    count = gains.shape[1]
    for n in range(len(phase)):
        frame = n // hop
        if frame + 1 >= len(gains):
            break
        mix = (n - frame * hop) / hop
        now, after = gains[frame], gains[frame + 1]
        twice = 2.0 * np.cos(phase[n])
        older, newer, total = 0.0, np.sin(phase[n]), 0.0
        for h in range(count):
            total += (now[h] + mix * (after[h] - now[h])) * newer
            older, newer = newer, twice * newer - older
        out[n] = total
    return out


def _loudness(
    notes: Array, frames: int, who: Singer, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return the loudness of the voice and of its consonants, both at LINE_HZ."""
    level, hiss = np.zeros(frames), np.zeros(frames)
    attack, release = rng.uniform(0.01, 0.06), rng.uniform(0.02, 0.12)
    legato, accent = rng.random(), rng.uniform(0.05, 0.3)
    for onset_s, end_s, *_ in notes:
        start, end = max(0, int(onset_s * LINE_HZ)), min(frames, int(end_s * LINE_HZ))
        size = end - start
        if size < 2:
            continue
        age = np.arange(size) / LINE_HZ
        shape = np.exp(rng.normal(0, accent)) * (1 - 0.3 * rng.random() * age / age[-1])
        if rng.random() > legato:
            shape = shape * np.clip((age + 0.004) / attack, 0, 1)
        shape = shape * np.clip((age[-1] - age + 0.01) / release, 0.15, 1)
        if rng.random() < who.consonants:
            gap = min(int(rng.uniform(0.02, 0.11) * LINE_HZ), size // 2)
            shape[:gap] = 0
            hiss[start : start + gap] = rng.uniform(0.05, 0.5)
        elif rng.random() < 0.4:
            gap = min(int(rng.uniform(0.02, 0.08) * LINE_HZ), size // 2)
            shape[:gap] *= 0.3  # a voiced consonant
        level[start:end] = shape
    return smooth(level, 0.025), smooth(hiss, 0.015)


def _formants(notes: Array, frames: int, who: Singer, rng: np.random.Generator) -> Array:
    """Return formant frequencies, (frames, 5) in hertz, gliding from vowel to vowel."""
    target = np.tile(VOWELS[who.vowels[0]], (frames, 1))
    for onset_s, end_s, *_ in notes:
        start, end = max(0, int(onset_s * LINE_HZ)), int(end_s * LINE_HZ)
        target[start:] = VOWELS[rng.choice(who.vowels)] * rng.normal(1, 0.04, 5)
        if end - start > 40 and rng.random() < 0.3:
            target[(start + end) // 2 :] = VOWELS[rng.choice(who.vowels)]
    width = rng.uniform(0.04, 0.12)
    return np.stack([smooth(target[:, k], width) for k in range(5)], 1) * who.tract


def _gains(f0_hz: Array, formants: Array, level: Array, who: Singer) -> NDArray[np.float32]:
    """Return the amplitude of each harmonic in each frame; 0 above 7.6 kHz."""
    count = int(min(90, 7600 / max(60.0, float(f0_hz.min()))))
    hertz = f0_hz[:, None] * np.arange(1, count + 1)
    shape = np.full(hertz.shape, 0.003)
    peaks = np.array([1.0, 0.55, 0.28 + who.ring * 0.3, 0.16 + who.ring * 0.4, 0.06])
    for k in range(5):
        offset = (hertz - formants[:, k : k + 1]) / (WIDTHS_HZ[k] * (1.3 + hertz / 4000))
        shape += peaks[k] / (1 + offset * offset)
    tilt = who.tilt * (1.25 - 0.4 * np.clip(level, 0, 1.5))
    source = np.arange(1, count + 1) ** -tilt[:, None]
    gains = shape**who.contrast * source * level[:, None] * (hertz < 7600)
    return gains.astype(np.float32)


def sing(
    notes: Array, duration_s: float, who: Singer, rng: np.random.Generator
) -> tuple[NDArray[np.float32], Line]:
    """Sing `notes`, rows of (onset_s, end_s, pitch); return audio at 16 kHz and its pitch line."""
    line = draw(notes, duration_s, who.manner, rng)
    frames = len(line.on)
    level, hiss = _loudness(notes, frames, who, rng)
    jitter = smooth(rng.normal(0, 1, frames), 0.02) * 0.06
    pitch = line.pitch + line.vibrato + jitter
    level = level * (1 + 0.5 * line.vibrato * rng.uniform(-0.5, 0.5))
    level = level * np.exp(smooth(rng.normal(0, 1, frames), 0.03) * 0.08)
    f0_hz = 440 * 2 ** ((pitch - 69) / 12)
    gains = _gains(f0_hz, _formants(notes, frames, who, rng), level, who)
    samples = round(duration_s * SAMPLE_HZ)
    grid = np.arange(samples) / HOP
    hz = np.interp(grid, np.arange(frames), f0_hz)
    phase = 2 * np.pi * np.cumsum(hz) / SAMPLE_HZ
    tone = _harmonics(np.mod(phase, 2 * np.pi), gains, HOP)
    if who.rasp:
        rough = smooth(rng.normal(0, 1, samples // 40 + 2), 0.0)
        tone *= 1 + who.rasp * np.interp(np.arange(samples) / 40, np.arange(len(rough)), rough)
        tone *= 1 + who.rasp * np.sin(phase / 2)
    tone /= np.sqrt(np.mean(tone**2)) + 1e-9
    noise = rng.normal(0, 1, samples).astype(np.float32)
    air = ss.sosfilt(ss.butter(1, [900, 5500], "band", fs=SAMPLE_HZ, output="sos"), noise)
    low = rng.uniform(1500, 4500)
    burst = ss.sosfilt(ss.butter(2, [low, 7500], "band", fs=SAMPLE_HZ, output="sos"), noise)
    levels = np.interp(grid, np.arange(frames), level), np.interp(grid, np.arange(frames), hiss)
    voice = tone + who.breath * 3 * air * levels[0] + 2.5 * burst * levels[1]
    # A consonant silences the pitch: the truth follows.
    on = line.on & ~((hiss > 0.05) & (level < 0.1))
    return voice.astype(np.float32), Line(line.pitch, line.vibrato, on)
