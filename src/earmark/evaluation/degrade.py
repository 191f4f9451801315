"""Twenty-six ways to spoil a clip, each reproducible from a seed and true to its time offset.

A query is made from a source excerpt that starts exactly at the true offset, at 16 kHz. Whatever
the condition, sample 0 of the query is sample 0 of the excerpt, and query second t is excerpt
second ``t * time_ratio(condition)``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
import soxr

from earmark.errors import AudioTooShortError, UsageError
from earmark.evaluation.codec import change_tempo, mp3_round_trip
from earmark.evaluation.noise import RATE_HZ, NoiseBank, coloured_noise, excerpt
from earmark.types import Samples
from earmark.units import ratio_to_semitones, semitones_to_ratio

Effect = Callable[[Samples, int, NoiseBank, np.random.Generator], Samples]
"""Source samples, wanted length n, bank, rng -> about n samples."""

TELEPHONE_BAND_HZ = (300.0, 3400.0)
CLIPPING_GAIN = 6.0  # the loudest thousandth lands about 15 dB above full scale
PHONE_SNR_DB = 5.0
SNRS_DB = (10, 5, 0, -5)
_PEAK = 0.9
_QUIETEST_DB = -12.0
_BUTTERWORTH_ORDER = 4


def source_length_s(length_s: float) -> float:
    """Return how much source a query of ``length_s`` needs, whatever the condition."""
    return length_s * 1.06 + 0.25


def time_ratio(condition: str) -> float:
    """Return the reference seconds that pass in one second of the query.

    >>> time_ratio("speed+5"), time_ratio("tempo-5"), time_ratio("pitch+1")
    (1.05, 0.95, 1.0)
    """
    _require(condition)
    return _TIME_RATIOS.get(condition, 1.0)


def pitch_shift_semitones(condition: str) -> float:
    """Return how far the query sounds above the reference.

    >>> pitch_shift_semitones("pitch-1"), round(pitch_shift_semitones("speed+5"), 3)
    (-1.0, 0.845)
    """
    _require(condition)
    return _PITCH_SHIFTS.get(condition, 0.0)


def degrade(
    segment: npt.NDArray[np.floating],
    condition: str,
    length_s: float,
    bank: NoiseBank,
    rng: np.random.Generator,
) -> Samples:
    """Spoil an excerpt and set it to a random level of 0 to -12 dB (clipped ones stay loud).

    Parameters
    ----------
    segment
        Source of shape (n,) at 16 kHz, starting at the true offset and lasting at least
        ``source_length_s(length_s)``.
    condition
        One of ``CONDITIONS``.
    length_s
        Length of the query to make.
    bank
        Noises and rooms to draw from.
    rng
        The only source of randomness.

    Returns
    -------
    Samples
        Float32 of shape (length_s * 16000,), peak at most 0.9.

    Raises
    ------
    UsageError
        If the condition is unknown.
    AudioTooShortError
        If the segment is too short.
    """
    _require(condition)
    needed = int(source_length_s(length_s) * RATE_HZ)
    if len(segment) < needed:
        raise AudioTooShortError(
            f"a {length_s:g} s query needs {needed} source samples, not {len(segment)}"
        )
    n = int(length_s * RATE_HZ)
    source = _peak_at(segment[:needed].astype(np.float32), _PEAK)
    query = _EFFECTS[condition](source, n, bank, rng)[:n]
    query = np.pad(query, (0, n - len(query)))
    gain = 10.0 ** (rng.uniform(_QUIETEST_DB, 0.0) / 20.0)
    return _peak_at(query, _PEAK if condition == "clipping" else _PEAK * gain)


def mix(signal: Samples, noise: Samples, snr_db: float) -> Samples:
    """Add ``noise``, scaled so that signal over noise is ``snr_db`` over the whole clip."""
    scale = _rms(signal) / _rms(noise) * 10.0 ** (-snr_db / 20.0)
    return (signal + np.float32(scale) * noise).astype(np.float32)


def band_pass(samples: Samples, low_hz: float, high_hz: float) -> Samples:
    """Filter without phase shift, with the magnitude of a fourth-order Butterworth band-pass."""
    n = _transform_length(len(samples) + RATE_HZ // 4)
    frequency_hz = np.maximum(np.fft.rfftfreq(n, 1.0 / RATE_HZ), 1e-9)
    centre_squared = low_hz * high_hz
    detuning = (frequency_hz**2 - centre_squared) / (frequency_hz * (high_hz - low_hz))
    magnitude = 1.0 / np.sqrt(1.0 + detuning ** (2.0 * _BUTTERWORTH_ORDER))
    filtered = np.fft.irfft(np.fft.rfft(samples, n) * magnitude, n)
    return filtered[: len(samples)].astype(np.float32)


def reverberate(samples: Samples, impulse: Samples) -> Samples:
    """Convolve with an impulse response and keep the length; the direct sound stays in place."""
    n = _transform_length(len(samples) + len(impulse) - 1)
    wet = np.fft.irfft(np.fft.rfft(samples, n) * np.fft.rfft(impulse, n), n)
    return wet[: len(samples)].astype(np.float32)


def change_speed(samples: Samples, ratio: float) -> Samples:
    """Play ``ratio`` times faster, pitch included, as a turntable does."""
    faster: Samples = soxr.resample(samples, RATE_HZ * ratio, RATE_HZ, quality="HQ")
    return faster.astype(np.float32)


def _clean(source: Samples, n: int, _bank: NoiseBank, _rng: np.random.Generator) -> Samples:
    return source[:n]


def _pink(
    source: Samples, n: int, _bank: NoiseBank, rng: np.random.Generator, *, snr_db: float
) -> Samples:
    return mix(source[:n], coloured_noise(n, 1.0, rng), snr_db)


def _babble(
    source: Samples, n: int, bank: NoiseBank, rng: np.random.Generator, *, snr_db: float
) -> Samples:
    return mix(source[:n], excerpt(bank.babble, n, rng), snr_db)


def _ambient(
    source: Samples, n: int, bank: NoiseBank, rng: np.random.Generator, *, snr_db: float
) -> Samples:
    return mix(source[:n], excerpt(bank.ambient, n, rng), snr_db)


def _telephone(source: Samples, n: int, _bank: NoiseBank, _rng: np.random.Generator) -> Samples:
    return band_pass(source[:n], *TELEPHONE_BAND_HZ)


def _mp3(source: Samples, n: int, _bank: NoiseBank, _rng: np.random.Generator) -> Samples:
    return mp3_round_trip(source[:n], RATE_HZ, 32_000)


def _reverb(source: Samples, n: int, bank: NoiseBank, rng: np.random.Generator) -> Samples:
    return reverberate(source[:n], _one_of(bank.impulses, rng))


def _speed(
    source: Samples, _n: int, _bank: NoiseBank, _rng: np.random.Generator, *, ratio: float
) -> Samples:
    return change_speed(source, ratio)


def _tempo(
    source: Samples, _n: int, _bank: NoiseBank, _rng: np.random.Generator, *, ratio: float
) -> Samples:
    return change_tempo(source, RATE_HZ, ratio)


def _pitch(
    source: Samples, _n: int, _bank: NoiseBank, _rng: np.random.Generator, *, semitones: float
) -> Samples:
    ratio = semitones_to_ratio(semitones)
    return change_tempo(change_speed(source, ratio), RATE_HZ, 1.0 / ratio)


def _clipping(source: Samples, n: int, _bank: NoiseBank, _rng: np.random.Generator) -> Samples:
    loudest = max(1e-9, float(np.quantile(np.abs(source[:n]), 0.999)))
    louder = source[:n] * np.float32(CLIPPING_GAIN / loudest)
    return np.asarray(np.clip(louder, -1.0, 1.0), np.float32)


def _phone(source: Samples, n: int, bank: NoiseBank, rng: np.random.Generator) -> Samples:
    room = reverberate(source[:n], _one_of(bank.impulses, rng))
    noises = (bank.babble, bank.ambient)[int(rng.integers(2))]
    return band_pass(mix(room, excerpt(noises, n, rng), PHONE_SNR_DB), *TELEPHONE_BAND_HZ)


_EFFECTS: dict[str, Effect] = {
    "clean": _clean,
    **{f"pink{snr}": partial(_pink, snr_db=snr) for snr in SNRS_DB},
    **{f"babble{snr}": partial(_babble, snr_db=snr) for snr in SNRS_DB},
    **{f"ambient{snr}": partial(_ambient, snr_db=snr) for snr in SNRS_DB},
    "telephone": _telephone,
    "mp3_32k": _mp3,
    "reverb": _reverb,
    **{f"speed{pc:+d}": partial(_speed, ratio=1 + pc / 100) for pc in (2, -2, 5, -5)},
    **{f"pitch{st:+d}": partial(_pitch, semitones=st) for st in (1, -1)},
    **{f"tempo{pc:+d}": partial(_tempo, ratio=1 + pc / 100) for pc in (5, -5)},
    "clipping": _clipping,
    "phone": _phone,
}
_TIME_RATIOS = {
    f"{way}{pc:+d}": 1 + pc / 100 for way in ("speed", "tempo") for pc in (2, -2, 5, -5)
}
_PITCH_SHIFTS = {f"speed{pc:+d}": ratio_to_semitones(1 + pc / 100) for pc in (2, -2, 5, -5)} | {
    f"pitch{st:+d}": float(st) for st in (1, -1)
}

CONDITIONS: tuple[str, ...] = tuple(_EFFECTS)


def _require(condition: str) -> None:
    if condition not in _EFFECTS:
        raise UsageError(f"no condition named {condition!r}; there are {', '.join(CONDITIONS)}")


def _one_of(choices: Sequence[Samples], rng: np.random.Generator) -> Samples:
    return choices[int(rng.integers(len(choices)))]


def _rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)) + 1e-12)


def _peak_at(samples: Samples, peak: float) -> Samples:
    return samples * np.float32(peak / max(1e-9, float(np.abs(samples).max(initial=0.0))))


def _transform_length(n: int) -> int:
    return 1 << (n - 1).bit_length()
