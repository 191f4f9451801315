"""Sounds of a few kinds, by seeds: a kind has sources, which differ; a source has takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

RATE_HZ = 16000
SECONDS = 2.0
KINDS = ("bursts", "tones", "chirps", "clicks", "buzz", "bells")


def _bursts(rng: np.random.Generator, time_s: np.ndarray) -> np.ndarray:
    """Noise of some colour that swells and dies."""
    spectrum = np.fft.rfft(rng.standard_normal(len(time_s)))
    hz = np.fft.rfftfreq(len(time_s), 1.0 / RATE_HZ)
    spectrum *= np.maximum(hz, 50.0) ** -rng.uniform(0.0, 0.8)
    return np.fft.irfft(spectrum, len(time_s)) * np.exp(-rng.uniform(2.0, 8.0) * time_s)


def _tones(rng: np.random.Generator, time_s: np.ndarray) -> np.ndarray:
    """A steady note with harmonics."""
    hz = rng.uniform(200.0, 900.0)
    overtones = rng.uniform(0.1, 1.0, 6) / np.arange(1, 7)
    return sum(a * np.sin(2 * np.pi * hz * k * time_s) for k, a in enumerate(overtones, 1))


def _chirps(rng: np.random.Generator, time_s: np.ndarray) -> np.ndarray:
    """A pure tone that slides up by an octave or two."""
    low_hz, rate = rng.uniform(400.0, 1200.0), rng.uniform(1.0, 2.0) / time_s[-1]
    return np.sin(2 * np.pi * low_hz * (2.0 ** (rate * time_s) - 1.0) / (rate * np.log(2.0)))


def _clicks(rng: np.random.Generator, time_s: np.ndarray) -> np.ndarray:
    """A train of short impulses."""
    samples = np.zeros(len(time_s))
    samples[:: int(RATE_HZ / rng.uniform(12.0, 40.0))] = 1.0
    ring = np.exp(-np.arange(200) / rng.uniform(5.0, 40.0))
    return np.convolve(samples, ring * rng.standard_normal(200))[: len(time_s)]


def _buzz(rng: np.random.Generator, time_s: np.ndarray) -> np.ndarray:
    """A rough low hum that trembles."""
    hz = rng.uniform(50.0, 120.0)
    trembling = 1.0 + 0.8 * np.sin(2 * np.pi * rng.uniform(4.0, 15.0) * time_s)
    return trembling * (2.0 * ((hz * time_s) % 1.0) - 1.0)


def _bells(rng: np.random.Generator, time_s: np.ndarray) -> np.ndarray:
    """Partials that fit no harmonic series and ring out."""
    hz = rng.uniform(500.0, 2500.0) * np.array([1.0, 2.76, 1.51, 2.12])
    decays = rng.uniform(3.0, 9.0, 4)
    pairs = zip(hz, decays, strict=True)
    return sum(np.sin(2 * np.pi * f * time_s) * np.exp(-d * time_s) for f, d in pairs)


_MADE = dict(zip(KINDS, (_bursts, _tones, _chirps, _clicks, _buzz, _bells), strict=True))


def make_sound(kind: str, source: int, take: int = 0, snr_db: float = 30.0) -> np.ndarray:
    """Samples of a kind; what repeats, and the noise around it, differ from take to take."""
    samples = np.zeros(int(SECONDS * RATE_HZ))
    random = np.random.default_rng([source, take, KINDS.index(kind), 1])
    at_s = 0.0
    while at_s < SECONDS - 0.2:
        rng = np.random.default_rng([source, KINDS.index(kind)])
        length_s = min(rng.uniform(0.3, 0.9), SECONDS - at_s)
        time_s = np.arange(int(length_s * RATE_HZ)) / RATE_HZ
        start = int(at_s * RATE_HZ)
        samples[start : start + len(time_s)] += _MADE[kind](rng, time_s)
        at_s += length_s + random.uniform(0.0, 0.3)
    noise = random.standard_normal(len(samples))
    noise *= samples.std() / noise.std() * 10.0 ** (-snr_db / 20.0)
    return (0.5 * (samples + noise) / np.abs(samples + noise).max()).astype(np.float32)


def write_labelled(
    folder: Path,
    *,
    kinds: tuple[str, ...] = KINDS[:3],
    sources: int = 3,
    takes: int = 2,
    snr_db: float = 30.0,
) -> Path:
    """A folder a kind, its files called as those of ESC are: fold, source, take."""
    for kind in kinds:
        (folder / kind).mkdir(parents=True)
        for source in range(sources):
            for take in range(takes):
                name = f"1-{kind}{source}-{'ABCDE'[take]}.wav"
                samples = make_sound(kind, source, take, snr_db)
                soundfile.write(folder / kind / name, samples, RATE_HZ)
    return folder
