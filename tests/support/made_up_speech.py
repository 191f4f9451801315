"""Something that talks: a buzzing throat through a mouth that moves, four syllables a second."""

from __future__ import annotations

import numpy as np

RATE_HZ = 16_000
_VOWELS = (
    (730, 1090, 2440),
    (270, 2290, 3010),
    (300, 870, 2240),
    (530, 1840, 2480),
    (570, 840, 2410),
)


def made_up_speech(seed: int, seconds: float) -> np.ndarray:
    """Return syllables of a consonant and a vowel, in phrases with pauses between."""
    rng = np.random.default_rng([seed, 5])
    pitch_hz = rng.uniform(90.0, 220.0)
    parts, length = [], 0
    while length < seconds * RATE_HZ:
        for _ in range(int(rng.integers(4, 12))):
            parts.append(_consonant(rng))
            parts.append(_vowel(rng, pitch_hz * rng.uniform(0.8, 1.25)))
        parts.append(np.zeros(int(rng.uniform(0.15, 0.6) * RATE_HZ)))
        length = sum(map(len, parts))
    speech = np.concatenate(parts)[: int(seconds * RATE_HZ)]
    noise = 1e-3 * rng.standard_normal(len(speech))
    return (0.3 * speech / np.abs(speech).max() + noise).astype(np.float32)


def _consonant(rng: np.random.Generator) -> np.ndarray:
    length = int(rng.uniform(0.03, 0.1) * RATE_HZ)
    if rng.random() < 0.4:
        return np.zeros(length)
    hiss = np.diff(rng.standard_normal(length + 1))
    return 0.05 * rng.uniform(0.3, 1.0) * hiss * np.hanning(length)


def _vowel(rng: np.random.Generator, pitch_hz: float) -> np.ndarray:
    length = int(rng.uniform(0.08, 0.22) * RATE_HZ)
    glide = np.linspace(1.0, rng.uniform(0.8, 1.1), length)
    phase = 2 * np.pi * np.cumsum(pitch_hz * glide) / RATE_HZ
    shapes = [np.array(_VOWELS[i], float) for i in rng.integers(len(_VOWELS), size=2)]
    way = np.linspace(0.0, 1.0, length)[:, None]
    mouth = shapes[0] * (1 - way) + shapes[1] * way
    sound = np.zeros(length)
    for k in range(1, int(5000 / pitch_hz)):
        hz = k * pitch_hz
        loud = sum(
            1.0 / (1.0 + ((hz - mouth[:, i]) / (60.0 + 40.0 * i)) ** 2) / (1 + i) for i in range(3)
        )
        sound += loud * np.sin(k * phase) / np.sqrt(k)
    return sound * np.hanning(length) ** 0.3 * rng.uniform(0.4, 1.0)
