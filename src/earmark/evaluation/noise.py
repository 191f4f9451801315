"""Recorded and synthetic disturbances: babble, ambient noise, room impulse responses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from earmark.errors import SourceNotFoundError
from earmark.types import Samples

RATE_HZ = 16_000
_SUFFIXES = frozenset({".wav", ".flac", ".ogg"})
_BABBLE_WORDS = ("babble", "voice")
_LOWEST_HZ = 40.0
_SYNTHETIC_S = 12.0
_SYNTHETIC_RT60_S = 0.35


@dataclass(frozen=True, slots=True)
class NoiseBank:
    """What the degradations draw from: float32 arrays of shape (n,) at 16 kHz, none empty.

    An impulse response starts with its direct sound at index 0 and has unit energy.
    """

    babble: tuple[Samples, ...]
    ambient: tuple[Samples, ...]
    impulses: tuple[Samples, ...]

    @classmethod
    def load(
        cls,
        noise_dir: Path | None = None,
        impulse_dir: Path | None = None,
        babble_dir: Path | None = None,
    ) -> NoiseBank:
        """Read recordings (WAV, FLAC, Ogg); a kind without any recording is synthesised.

        Parameters
        ----------
        noise_dir
            A file whose name holds "babble" or "voice" becomes babble, any other ambient noise.
        impulse_dir
            Impulse responses; the channel with the strongest direct sound is taken.
        babble_dir
            Every file becomes babble.

        Raises
        ------
        SourceNotFoundError
            If a folder is given but is not there.
        """
        babble = [_read(path) for path in _recordings(babble_dir)]
        ambient: list[Samples] = []
        for path in _recordings(noise_dir):
            voices = any(word in path.stem.lower() for word in _BABBLE_WORDS)
            (babble if voices else ambient).append(_read(path))
        impulses = [direct_first(_read(path)) for path in _recordings(impulse_dir)]
        if not (babble and ambient and impulses):
            spare = cls.synthetic(np.random.default_rng(0))
            babble = babble or list(spare.babble)
            ambient = ambient or list(spare.ambient)
            impulses = impulses or list(spare.impulses)
        return cls(tuple(babble), tuple(ambient), tuple(impulses))

    @classmethod
    def synthetic(cls, rng: np.random.Generator) -> NoiseBank:
        """Return a bank that needs no file: three babbles, three noises, three small rooms."""
        n = int(_SYNTHETIC_S * RATE_HZ)
        return cls(
            babble=tuple(synthetic_babble(n, rng) for _ in range(3)),
            ambient=tuple(synthetic_ambient(n, rng) for _ in range(3)),
            impulses=tuple(synthetic_impulse(rng) for _ in range(3)),
        )


def coloured_noise(n: int, exponent: float, rng: np.random.Generator) -> Samples:
    """Return ``n`` samples of unit-RMS Gaussian noise whose power falls as ``f ** -exponent``.

    Exponent 0 is white, 1 pink, 2 brown; below 40 Hz there is nothing.
    """
    frequency_hz = np.fft.rfftfreq(n, 1.0 / RATE_HZ)
    shape = np.where(frequency_hz < _LOWEST_HZ, np.inf, frequency_hz) ** (-exponent / 2.0)
    shape[frequency_hz < _LOWEST_HZ] = 0.0
    bins = len(shape)
    spectrum = shape * (rng.standard_normal(bins) + 1j * rng.standard_normal(bins))
    return _unit_rms(np.fft.irfft(spectrum, n))


def excerpt(recordings: Sequence[Samples], n: int, rng: np.random.Generator) -> Samples:
    """Return ``n`` samples from a random place of a random recording, looped when too short."""
    return placed_excerpt(recordings, n, rng).samples


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Samples of recording ``number`` from sample ``start`` on, looped after ``once`` samples."""

    samples: Samples
    number: int
    start: int
    once: int

    @property
    def lines(self) -> tuple[tuple[tuple[float, float], ...], ...]:
        """(second of the excerpt, second of the recording) of both ends of each round."""
        edges = [0, *range(self.once - self.start % self.once, len(self.samples), self.once)]
        edges.append(len(self.samples))
        found = []
        for begin, end in pairwise(edges):
            first_s = (self.start + begin) % self.once / RATE_HZ
            length_s = (end - begin) / RATE_HZ
            found.append(((begin / RATE_HZ, first_s), (end / RATE_HZ, first_s + length_s)))
        return tuple(found)


def placed_excerpt(recordings: Sequence[Samples], n: int, rng: np.random.Generator) -> Excerpt:
    """Return what `excerpt` does, with where it was taken."""
    number = int(rng.integers(len(recordings)))
    recording = recordings[number]
    once = len(recording)
    if once < n:
        recording = np.tile(recording, -(-n // once))
    start = int(rng.integers(len(recording) - n + 1))
    return Excerpt(recording[start : start + n], number, start, once)


def direct_first(impulse: Samples) -> Samples:
    """Cut what comes before the main peak and scale to unit energy."""
    cut = impulse[int(np.argmax(np.abs(impulse))) :].astype(np.float64)
    return np.asarray(cut / np.sqrt(np.sum(cut**2)), np.float32)


def synthetic_impulse(rng: np.random.Generator, rt60_s: float = _SYNTHETIC_RT60_S) -> Samples:
    """Return a room whose tail falls by 60 dB in ``rt60_s`` and holds as much energy as the direct.

    The first 3 ms after the direct sound are empty.
    """
    seconds = np.arange(int(1.2 * rt60_s * RATE_HZ)) / RATE_HZ
    tail = rng.standard_normal(len(seconds)) * 10.0 ** (-3.0 * seconds / rt60_s)
    tail[seconds < 0.003] = 0.0
    tail /= np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return direct_first(tail.astype(np.float32))


def synthetic_ambient(n: int, rng: np.random.Generator) -> Samples:
    """Return coloured noise whose loudness wanders, as traffic or a crowded room does."""
    noise = coloured_noise(n, float(rng.uniform(0.5, 1.8)), rng)
    knots = np.arange(0, n + RATE_HZ, RATE_HZ // 2)
    loudness_db = np.interp(np.arange(n), knots, rng.normal(0.0, 4.0, len(knots)))
    return _unit_rms(noise * 10.0 ** (loudness_db / 20.0))


def synthetic_babble(n: int, rng: np.random.Generator, voices: int = 7) -> Samples:
    """Return ``voices`` talkers at once, each a chain of formant-filtered syllables."""
    babble = np.zeros(n)
    for _ in range(voices):
        pitch_hz = float(rng.uniform(90.0, 240.0))
        level = 10.0 ** (rng.uniform(-5.0, 0.0) / 20.0)
        at = int(rng.integers(RATE_HZ // 4))
        while at < n:
            length = int(rng.uniform(0.12, 0.3) * RATE_HZ)
            syllable = _syllable(length, pitch_hz * float(rng.uniform(0.85, 1.2)), rng)
            babble[at : at + length] += level * syllable[: n - at]
            pause_s = rng.uniform(0.2, 0.5) if rng.random() < 0.12 else 0.01
            at += length + int(pause_s * RATE_HZ)
    return _unit_rms(babble)


def _syllable(n: int, pitch_hz: float, rng: np.random.Generator) -> Samples:
    phase = np.cumsum(np.full(n, pitch_hz / RATE_HZ) * np.linspace(1.0, rng.uniform(0.9, 1.1), n))
    pulses = np.diff(np.floor(phase), prepend=0.0) + 0.02 * rng.standard_normal(n)
    frequency_hz = np.fft.rfftfreq(n, 1.0 / RATE_HZ)
    formants_hz = (rng.uniform(300, 800), rng.uniform(900, 2300), rng.uniform(2400, 3300))
    response = sum(
        gain / (1.0 + ((frequency_hz - formant_hz) / width_hz) ** 2)
        for formant_hz, gain, width_hz in zip(
            formants_hz, (1.0, 0.5, 0.2), (60, 90, 140), strict=True
        )
    )
    return _unit_rms(np.fft.irfft(np.fft.rfft(pulses) * response, n) * np.hanning(n))


def _unit_rms(x: npt.NDArray[np.floating]) -> Samples:
    return np.asarray(x / (np.sqrt(np.mean(x**2)) + 1e-12), np.float32)


def _recordings(folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    if not folder.is_dir():
        raise SourceNotFoundError(f"no folder of recordings at {folder}")
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)


def _read(path: Path) -> Samples:
    channels, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    loudest = channels[:, int(np.argmax(np.abs(channels).max(axis=0)))]
    resampled: Samples = soxr.resample(loudest, rate_hz, RATE_HZ).astype(np.float32)
    return resampled
