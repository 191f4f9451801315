"""What is done to a song on its way into a programme; each tells which second plays when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soxr

from earmark.evaluation.codec import aac_round_trip, mp3_round_trip
from earmark.evaluation.noise import RATE_HZ
from earmark.types import Samples

Line = tuple[tuple[float, float], ...]
"""(second of the result, second of the excerpt) at the start, where speed changes, at the end."""

FASTEST = 1.06
"""No effect needs more seconds of a song than this for a second of the programme."""
_SPEEDS = (-0.04, -0.03, -0.02, -0.01, 0.01, 0.02, 0.03, 0.04)
_OVERSAMPLED = 4


@dataclass(frozen=True, slots=True)
class Cut:
    """A piece as it is played: its samples, and its lines (several where a loop jumps back)."""

    samples: Samples
    lines: tuple[Line, ...]


Effect = Callable[[Samples, int, np.random.Generator], Cut]
"""Excerpt of at least n * FASTEST samples, wanted length n, rng -> n samples."""


def clean(source: Samples, n: int, _rng: np.random.Generator) -> Cut:
    """Play it as it is."""
    return _plain(source[:n])


def speed(source: Samples, n: int, rng: np.random.Generator) -> Cut:
    """Play it up to 4 % faster or slower, pitch included."""
    ratio = 1.0 + float(rng.choice(_SPEEDS))
    taken = source[: int(n * ratio)]
    faster = soxr.resample(taken, RATE_HZ * ratio, RATE_HZ, quality="HQ").astype(np.float32)[:n]
    length_s = len(faster) / RATE_HZ
    return Cut(faster, (((0.0, 0.0), (length_s, length_s * ratio)),))


def drifting(source: Samples, n: int, rng: np.random.Generator) -> Cut:
    """Play it within 5 % of its speed, which wanders by up to 0.4 % every 20 to 40 s."""
    knots, at_s, played_s = [(0.0, 0.0)], 0.0, 0.0
    ratio, length_s = float(rng.uniform(0.95, 1.05)), n / RATE_HZ
    while at_s < length_s:
        step_s = min(float(rng.uniform(20.0, 40.0)), length_s - at_s)
        if length_s - at_s - step_s < 5.0:
            step_s = length_s - at_s
        at_s, played_s = at_s + step_s, played_s + step_s * ratio
        knots.append((at_s, played_s))
        ratio = float(np.clip(ratio + rng.uniform(-0.004, 0.004), 0.95, 1.05))
    times_s, places_s = np.array(knots).T
    where = np.interp(np.arange(n) / RATE_HZ, times_s, places_s) * (RATE_HZ * _OVERSAMPLED)
    fine = soxr.resample(source, RATE_HZ, RATE_HZ * _OVERSAMPLED, quality="HQ")
    return Cut(_read(fine, where), (tuple(knots),))


def loop(source: Samples, n: int, rng: np.random.Generator) -> Cut:
    """Repeat its first 5 to 12 s for as long as wanted."""
    once = min(int(rng.uniform(5.0, 12.0) * RATE_HZ), n)
    rounds = [(start, min(start + once, n)) for start in range(0, n, once)]
    samples = np.concatenate([source[: end - start] for start, end in rounds])
    lines = tuple(
        ((start / RATE_HZ, 0.0), (end / RATE_HZ, (end - start) / RATE_HZ)) for start, end in rounds
    )
    return Cut(samples, lines)


def gain(source: Samples, n: int, rng: np.random.Generator) -> Cut:
    """Turn it up and down by as much as 9 dB every 5 to 20 s, at once or over 2 s."""
    knots_s, levels_db, at_s = [0.0], [0.0], 0.0
    while at_s < n / RATE_HZ:
        at_s += float(rng.uniform(5.0, 20.0))
        knots_s += [at_s, at_s + float(rng.choice([0.01, 2.0]))]
        levels_db += [levels_db[-1], float(rng.uniform(-9.0, 0.0))]
        at_s = knots_s[-1]
    curve_db = np.interp(np.arange(n) / RATE_HZ, knots_s, levels_db)
    return _plain((source[:n] * 10.0 ** (curve_db / 20.0)).astype(np.float32))


def mp3(source: Samples, n: int, rng: np.random.Generator) -> Cut:
    """Encode it at 32 to 128 kbit/s."""
    return _plain(mp3_round_trip(_safe(source[:n]), RATE_HZ, int(rng.choice([32, 64, 128])) * 1000))


def aac(source: Samples, n: int, rng: np.random.Generator) -> Cut:
    """Encode it at 24 to 96 kbit/s."""
    return _plain(aac_round_trip(_safe(source[:n]), RATE_HZ, int(rng.choice([24, 48, 96])) * 1000))


def station(source: Samples, n: int, rng: np.random.Generator) -> Cut:
    """Equalise it (up to 6 dB), press it 3 : 1 to 6 : 1, as transmitters do."""
    return _plain(compress(equalise(source[:n], rng), float(rng.uniform(3.0, 6.0))))


EFFECTS: dict[str, Effect] = {
    "clean": clean,
    "speed": speed,
    "loop": loop,
    "gain": gain,
    "mp3": mp3,
    "aac": aac,
    "station": station,
    "dj": drifting,
}


def equalise(samples: Samples, rng: np.random.Generator) -> Samples:
    """Lift and lower octaves by up to 6 dB, without moving anything in time."""
    centres_hz = 62.5 * 2.0 ** np.arange(8)
    gains_db = rng.uniform(-6.0, 6.0, len(centres_hz))
    n = 1 << (len(samples) + RATE_HZ - 1).bit_length()
    hz = np.maximum(np.fft.rfftfreq(n, 1.0 / RATE_HZ), 1.0)
    curve_db = np.interp(np.log2(hz), np.log2(centres_hz), gains_db)
    shaped = np.fft.irfft(np.fft.rfft(samples, n) * 10.0 ** (curve_db / 20.0), n)
    return shaped[: len(samples)].astype(np.float32)


def compress(samples: Samples, ratio: float, below_db: float = -12.0) -> Samples:
    """Lower what is louder than ``below_db`` of the whole; 10 ms to press, 300 ms to let go."""
    hop = RATE_HZ // 100
    frames = -(-len(samples) // hop)
    padded = np.pad(samples, (0, frames * hop - len(samples)))
    level_db = _db(np.mean(np.square(padded.reshape(frames, hop)), axis=1))
    over_db = level_db - (float(_db(np.mean(np.square(samples)))) + below_db)
    wanted_db = np.maximum(over_db, 0.0) * (1.0 - 1.0 / ratio)
    pressed_db, now_db = np.empty(frames), 0.0
    for index, target_db in enumerate(wanted_db):
        now_db += (target_db - now_db) * (0.63 if target_db > now_db else 0.033)
        pressed_db[index] = now_db
    curve_db = np.interp(np.arange(len(samples)), (np.arange(frames) + 0.5) * hop, pressed_db)
    return (samples * 10.0 ** (-curve_db / 20.0)).astype(np.float32)


def levelled(samples: Samples, level_dbfs: float) -> Samples:
    """Set the RMS of all of it."""
    rms = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0
    gain = np.float32(10.0 ** (level_dbfs / 20.0) / max(rms, 1e-6))
    return np.asarray(samples * gain, np.float32)


def _plain(samples: Samples) -> Cut:
    length_s = len(samples) / RATE_HZ
    return Cut(samples.astype(np.float32), (((0.0, 0.0), (length_s, length_s)),))


def _safe(samples: Samples) -> Samples:
    return np.clip(samples, -1.0, 1.0).astype(np.float32)


def _read(samples: Samples, where: npt.NDArray[np.float64]) -> Samples:
    """Return samples between samples, on a cubic through the four around."""
    whole = np.clip(where.astype(np.int64), 1, len(samples) - 3)
    part = (where - whole).astype(np.float32)
    before, here, after, beyond = (samples[whole + step] for step in (-1, 0, 1, 2))
    rise = 0.5 * (after - before)
    curve = before - 2.5 * here + 2.0 * after - 0.5 * beyond
    twist = 0.5 * (beyond - before) + 1.5 * (here - after)
    return np.asarray(((twist * part + curve) * part + rise) * part + here, np.float32)


def _db(power: npt.NDArray[np.floating] | np.floating) -> npt.NDArray[np.float64]:
    return np.asarray(10.0 * np.log10(np.asarray(power, np.float64) + 1e-12))
