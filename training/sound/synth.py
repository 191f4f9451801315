"""Sounds made from nothing: rain, sea, wind, fire, engines, clocks, chirps, hums, alarms.

They widen what the teacher is asked about; each kind is drawn with its own random figures.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from training.sound.pool import RATE_HZ

Floats = npt.NDArray[np.float32]
Rng = np.random.Generator


def drawn(length: int, rng: Rng) -> Floats:
    """Return ``length`` samples of a kind that is drawn, of any level."""
    maker = _MAKERS[int(rng.integers(len(_MAKERS)))]
    return maker(length, rng).astype(np.float32)


def noise(length: int, rng: Rng, low_hz: float, high_hz: float, slope_db: float) -> Floats:
    """Return noise between two frequencies that falls by so many dB an octave."""
    hz = np.fft.rfftfreq(length, 1.0 / RATE_HZ)
    gain = (np.maximum(hz, 20.0) / 1000.0) ** (-slope_db / 6.02)
    gain = gain * (hz > low_hz) / (1.0 + (hz / high_hz) ** 4)
    phases = rng.standard_normal(len(hz)) + 1j * rng.standard_normal(len(hz))
    out = np.fft.irfft(phases * gain, length)
    return (out / (np.abs(out).max() + 1e-9)).astype(np.float32)


def swell(length: int, rng: Rng, rate_hz: float, depth: float) -> Floats:
    """Return a gain of 1 - depth .. 1 that wanders about ``rate_hz`` times a second."""
    count = max(4, int(length / RATE_HZ * rate_hz) + 4)
    points = rng.random(count)
    at = np.linspace(0.0, count - 1.0, length)
    return (1.0 - depth * np.interp(at, np.arange(count), points)).astype(np.float32)


def _rain(length: int, rng: Rng) -> Floats:
    bed = noise(length, rng, rng.uniform(100, 1500), rng.uniform(5000, 15000), rng.uniform(-2, 5))
    drops = _grains(length, rng, rng.uniform(20, 800), 0.0006, 0.004)
    return bed * swell(length, rng, 2.0, 0.3) * rng.uniform(0.2, 1.0) + drops * rng.random()


def _sea(length: int, rng: Rng) -> Floats:
    bed = noise(length, rng, 30.0, rng.uniform(1500, 9000), rng.uniform(2, 8))
    return bed * swell(length, rng, rng.uniform(0.15, 0.6), 0.95) ** 2


def _wind(length: int, rng: Rng) -> Floats:
    centre = rng.uniform(150, 900)
    whistle = noise(length, rng, centre * 0.8, centre * 1.3, 6.0)
    bed = noise(length, rng, 20.0, rng.uniform(200, 1500), rng.uniform(5, 10))
    return bed + whistle * swell(length, rng, 1.0, 1.0) * rng.uniform(0.0, 1.0)


def _fire(length: int, rng: Rng) -> Floats:
    crackle = _grains(length, rng, rng.uniform(4, 60), 0.0005, 0.012)
    bed = noise(length, rng, 40.0, rng.uniform(300, 3000), rng.uniform(3, 9))
    return crackle + bed * rng.uniform(0.02, 0.4)


def _engine(length: int, rng: Rng) -> Floats:
    start_hz, stop_hz = np.exp(rng.uniform(np.log(12.0), np.log(220.0), 2))
    if rng.random() < 0.5:
        stop_hz = start_hz * rng.uniform(0.9, 1.1)
    hz = np.linspace(start_hz, stop_hz, length) * swell(length, rng, 8.0, rng.uniform(0.0, 0.2))
    phase = np.cumsum(hz) / RATE_HZ
    pulses = np.exp(-(phase % 1.0) * rng.uniform(3, 30)) * (1.0 + 0.4 * np.sin(np.pi * phase))
    rough = noise(length, rng, 80.0, rng.uniform(800, 8000), rng.uniform(0, 6))
    wheel = noise(length, rng, 50.0, rng.uniform(400, 5000), 6.0) * rng.uniform(0.0, 0.4)
    return (pulses * (0.3 + rough) + wheel).astype(np.float32)


def _clock(length: int, rng: Rng) -> Floats:
    period_s = float(rng.choice([0.2, 0.25, 0.5, 1.0])) * rng.uniform(0.85, 1.15)
    out = np.zeros(length, np.float32)
    ticks = [_click(rng), _click(rng)]
    for number in range(int(length / RATE_HZ / period_s) + 1):
        at = int((number + 0.3) * period_s * RATE_HZ)
        part = ticks[number % 2][: max(0, length - at)]
        out[at : at + len(part)] += part * rng.uniform(0.8, 1.0)
    return out + noise(length, rng, 20.0, 6000.0, 5.0) * rng.uniform(0.0, 0.05)


def _chirps(length: int, rng: Rng) -> Floats:
    out = np.zeros(length, np.float32)
    base_hz, rate_hz = rng.uniform(1500, 7500), rng.uniform(1, 12)
    steps, at = int(rng.integers(1, 4)), 0
    contours = rng.uniform(-0.4, 0.4, (steps, 2))
    while at < length:
        count = int(RATE_HZ * rng.uniform(0.02, 0.25))
        bend, wave = contours[int(rng.integers(steps))]
        t = np.linspace(0.0, 1.0, count)
        hz = base_hz * (1.0 + bend * t + wave * 0.3 * np.sin(2 * np.pi * rng.uniform(1, 4) * t))
        tone = np.sin(2 * np.pi * np.cumsum(hz) / RATE_HZ) * np.sin(np.pi * t) ** 0.7
        part = tone[: length - at]
        out[at : at + len(part)] += part
        at += count + int(RATE_HZ * rng.exponential(1.0 / rate_hz))
    return out + noise(length, rng, 50.0, 4000.0, 4.0) * rng.uniform(0.0, 0.1)


def _hum(length: int, rng: Rng) -> Floats:
    t = np.arange(length) / RATE_HZ
    base_hz = np.exp(rng.uniform(np.log(45.0), np.log(1500.0)))
    out = noise(length, rng, 30.0, rng.uniform(500, 9000), rng.uniform(0, 6)) * rng.uniform(0, 0.5)
    for number in range(1, int(rng.integers(2, 9))):
        strength = rng.random() / number
        out += strength * np.sin(2 * np.pi * base_hz * number * t + rng.uniform(0, 6.28))
    return out


def _alarm(length: int, rng: Rng) -> Floats:
    t = np.arange(length) / RATE_HZ
    low_hz = rng.uniform(300, 2500)
    sweep = rng.uniform(0.3, 8.0)
    shape = (
        np.sin(2 * np.pi * sweep * t) if rng.random() < 0.5 else np.sign(np.sin(6.28 * sweep * t))
    )
    phase = np.cumsum(low_hz * (1.3 + 0.3 * shape)) / RATE_HZ
    tone = np.sin(2 * np.pi * phase) if rng.random() < 0.6 else np.sign(np.sin(2 * np.pi * phase))
    gate = np.sin(2 * np.pi * rng.uniform(0.5, 6.0) * t) > -0.3 if rng.random() < 0.5 else 1.0
    return tone * gate


def _beats(length: int, rng: Rng) -> Floats:
    """Noise switched on and off: footsteps, saws, pumps, helicopters."""
    bed = noise(length, rng, rng.uniform(30, 1500), rng.uniform(1500, 14000), rng.uniform(0, 6))
    phase = np.cumsum(swell(length, rng, 3.0, 0.2)) / RATE_HZ * np.exp(rng.uniform(0.0, 3.4))
    attack, decay = rng.uniform(0.02, 0.5), rng.uniform(1.0, 15.0)
    inside = phase % 1.0
    return bed * np.minimum(inside / attack, 1.0) * np.exp(-inside * decay)


def _grains(length: int, rng: Rng, rate_hz: float, shortest_s: float, longest_s: float) -> Floats:
    out = np.zeros(length, np.float32)
    for _ in range(rng.poisson(rate_hz * length / RATE_HZ)):
        count = int(RATE_HZ * rng.uniform(shortest_s, longest_s)) + 2
        grain = rng.standard_normal(count) * np.exp(-5.0 * np.arange(count) / count)
        at = int(rng.integers(0, max(1, length - count)))
        out[at : at + count] += grain * rng.exponential(0.3)
    return out


def _click(rng: Rng) -> Floats:
    count = int(RATE_HZ * rng.uniform(0.01, 0.08))
    t = np.arange(count) / RATE_HZ
    out = rng.standard_normal(count) * 0.3 * np.exp(-t * 900)
    for _ in range(4):
        out += np.sin(2 * np.pi * rng.uniform(800, 9000) * t) * np.exp(-t * rng.uniform(80, 600))
    return out.astype(np.float32)


_MAKERS: tuple[Callable[[int, Rng], Floats], ...] = (
    _rain, _sea, _wind, _fire, _engine, _engine, _clock, _chirps, _hum, _alarm, _beats, _beats,
)  # fmt: skip
