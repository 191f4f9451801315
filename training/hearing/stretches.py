"""Makes stretches of sound of one label: prompts with pauses, music, talk over music, effects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from earmark.evaluation.codec import aac_round_trip, mp3_round_trip
from training.hearing.roles import Pool
from training.sound import synth
from training.sound.pool import RATE_HZ as SYNTH_HZ
from training.sound.sources import Source

RATE_HZ = 16_000
LENGTH_S = 16.384
KINDS = ("music", "speech", "other", "talk over music", "music under talk")
"""Talk is at most 6 dB louder than the music: ``music``; at least 12 dB louder: ``speech``."""
LABELS = {"music": 0, "speech": 1, "other": 2, "talk over music": 0, "music under talk": 1}
Floats = npt.NDArray[np.float32]
Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Stretch:
    """Samples at `RATE_HZ`, what they are, and the package that they come from."""

    samples: Floats
    kind: str
    package: str


def drawn(pool: Pool, kind: str, rng: Rng) -> Stretch:
    """Return a stretch of a kind, spoilt as broadcasts and recordings are."""
    if kind in ("music", "speech", "other"):
        samples, package = _plain(pool, kind, rng)
    else:
        music, package = _plain(pool, "music", rng)
        voice, voices = _plain(pool, "speech", rng)
        lead_db = rng.uniform(-6.0, 6.0) if kind == "talk over music" else rng.uniform(12.0, 25.0)
        samples = levelled(music, -30.0) + levelled(voice, -30.0 + lead_db)
        package = f"{package} {voices}"
    return Stretch(spoilt(samples, kind, rng), kind, package)


def levelled(samples: Floats, dbfs: float) -> Floats:
    """Return samples of that loudness (root of mean squares)."""
    rms = float(np.sqrt(np.mean(samples**2))) + 1e-9
    return samples * np.float32(10.0 ** (dbfs / 20.0) / rms)


def spoilt(samples: Floats, kind: str, rng: Rng) -> Floats:
    """Return samples in a room, equalised, without treble, noisy, through a codec, at any level."""
    if rng.random() < (0.25 if kind != "music" else 0.1):
        samples = _room(samples, rng)
    samples = _equalised(samples, rng)
    if rng.random() < 0.3:
        samples = samples / (np.abs(samples).max() + 1e-9)
        samples = np.tanh(samples * np.float32(rng.uniform(1.0, 6.0)))
    if rng.random() < 0.35:
        floor = synth.noise(len(samples), rng, 20.0, 16_000.0, rng.uniform(0.0, 6.0))
        samples = levelled(samples, -20.0) + levelled(floor, -20.0 - rng.uniform(18.0, 45.0))
    samples = np.clip(levelled(samples, rng.uniform(-38.0, -14.0)), -1.0, 1.0)
    if rng.random() < 0.2:
        trip = mp3_round_trip if rng.random() < 0.5 else aac_round_trip
        samples = trip(samples, RATE_HZ, int(rng.choice([24_000, 32_000, 48_000, 64_000])))
    return samples.astype(np.float32)


def _plain(pool: Pool, kind: str, rng: Rng) -> tuple[Floats, str]:
    packages = pool.of(kind)
    names = sorted(packages)
    # Large packages speak more often, but not as much as they are large.
    weights = np.array([min(len(packages[name]), 60 if kind == "music" else 200) for name in names])
    package = names[int(rng.choice(len(names), p=np.sqrt(weights) / np.sqrt(weights).sum()))]
    maker = {"music": _music, "speech": _speech, "other": _other}[kind]
    return maker(packages[package], rng), package


def _music(sources: list[Source], rng: Rng) -> Floats:
    part = _read(sources[int(rng.integers(len(sources)))], rng, LENGTH_S)
    return np.resize(part, int(LENGTH_S * RATE_HZ))


def _speech(sources: list[Source], rng: Rng) -> Floats:
    parts, length, voice = list[Floats](), 0, sources[int(rng.integers(len(sources)))].path.parent
    own = [source for source in sources if source.path.parent == voice]
    if sum(1 for _ in own) < 8:
        own = sources
    slow = rng.uniform(0.05, 0.7)
    while length < LENGTH_S * RATE_HZ:
        part = _read(own[int(rng.integers(len(own)))], rng, 12.0)
        if len(part) < 0.1 * RATE_HZ:
            continue
        pause = np.zeros(int(rng.uniform(0.03, slow) * RATE_HZ), np.float32)
        parts += [levelled(part, -23.0 + rng.uniform(-3.0, 3.0)), pause]
        length += len(part) + len(pause)
    return np.concatenate(parts)[: int(LENGTH_S * RATE_HZ)]


def _other(sources: list[Source], rng: Rng) -> Floats:
    out = np.zeros(int(LENGTH_S * RATE_HZ), np.float32)
    if rng.random() < 0.6:
        made = synth.drawn(int(LENGTH_S * SYNTH_HZ), rng)
        bed = soxr.resample(made, SYNTH_HZ, RATE_HZ)[: len(out)]
        out[: len(bed)] += levelled(bed, rng.uniform(-45.0, -20.0))
    if rng.random() < 0.8:
        at, busy = 0, rng.uniform(0.0, 3.0)
        few = [sources[int(rng.integers(len(sources)))] for _ in range(int(rng.integers(1, 8)))]
        while at < len(out):
            part = levelled(_read(few[int(rng.integers(len(few)))], rng, 10.0), -20.0)
            part = part[: len(out) - at] * np.float32(10.0 ** rng.uniform(-0.5, 0.2))
            out[at : at + len(part)] += part
            at += int(len(part) * rng.uniform(0.6, 1.0)) + int(rng.uniform(0.0, busy) * RATE_HZ) + 1
    elif not out.any():
        out += synth.noise(len(out), rng, 20.0, 16_000.0, rng.uniform(-3.0, 9.0))
    return out + np.float32(1e-5) * rng.standard_normal(len(out)).astype(np.float32)


def _read(source: Source, rng: Rng, longest_s: float) -> Floats:
    try:
        with soundfile.SoundFile(source.read()) as sound:
            rate = sound.samplerate
            room = sound.frames - int(longest_s * rate)
            if room > 0:
                sound.seek(int(rng.integers(room)))
            stereo = sound.read(int(longest_s * rate), dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError, RuntimeError, ValueError):
        return np.zeros(RATE_HZ // 20, np.float32)
    mono = stereo.mean(1)
    return soxr.resample(mono, rate, RATE_HZ) if rate != RATE_HZ else mono


def _equalised(samples: Floats, rng: Rng) -> Floats:
    """Tilt and wave the spectrum; half the time drop treble, as narrow lines and old films do."""
    spectrum = np.fft.rfft(samples)
    hz = np.fft.rfftfreq(len(samples), 1.0 / RATE_HZ)
    octave = np.log2(np.maximum(hz, 30.0) / 1000.0)
    points = rng.uniform(-6.0, 6.0, 6)
    gain_db = np.interp(octave, np.linspace(-4.0, 3.0, 6), points) + octave * rng.uniform(-2.0, 2.0)
    gain = 10.0 ** (gain_db / 20.0)
    if rng.random() < 0.5:
        gain = gain / (1.0 + (hz / rng.uniform(3000.0, 5500.0)) ** 16)
    if rng.random() < 0.3:
        gain = gain / (1.0 + (rng.uniform(80.0, 350.0) / np.maximum(hz, 1.0)) ** 6)
    return np.fft.irfft(spectrum * gain, len(samples)).astype(np.float32)


def _room(samples: Floats, rng: Rng) -> Floats:
    length = int(rng.uniform(0.15, 0.9) * RATE_HZ)
    tail = rng.standard_normal(length) * np.exp(-6.9 * np.arange(length) / length)
    tail *= rng.uniform(0.1, 0.6) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    size = 1 << (len(samples) + length - 1).bit_length()
    wet = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(tail, size), size)
    return wet[: len(samples)].astype(np.float32)
