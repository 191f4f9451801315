"""Mix a lead and its accompaniment as a record, a radio or a telephone might sound."""

from __future__ import annotations

import io

import numpy as np
import scipy.fft
import scipy.signal as ss
import soundfile
from numpy.typing import NDArray

SAMPLE_HZ = 16_000
Audio = NDArray[np.float32]


def rms(audio: Audio) -> float:
    """Return the root mean square of the loud half of a signal, over blocks of 50 ms."""
    blocks = audio[: len(audio) // 800 * 800].reshape(-1, 800)
    power = np.sort((blocks.astype(np.float64) ** 2).mean(1))
    return float(np.sqrt(power[len(power) // 2 :].mean() + 1e-12)) if len(power) else 1e-6


def room(rng: np.random.Generator) -> Audio:
    """Draw an impulse response: silence, then exponentially fading noise, duller as it fades."""
    t60 = float(np.exp(rng.uniform(np.log(0.15), np.log(2.5))))
    size = int(min(t60, 1.8) * SAMPLE_HZ)
    tail = rng.normal(0, 1, size) * 10 ** (-3 * np.arange(size) / SAMPLE_HZ / t60)
    tail = ss.sosfilt(ss.butter(1, rng.uniform(1500, 7000), fs=SAMPLE_HZ, output="sos"), tail)
    tail /= np.sqrt((tail**2).sum())
    gap = int(rng.uniform(0, 0.04) * SAMPLE_HZ)
    return np.concatenate([np.zeros(gap + 1), tail]).astype(np.float32)


def reverberate(audio: Audio, response: Audio, wet_db: float) -> Audio:
    """Add a room to a signal, without delaying it."""
    energy = np.sqrt((response.astype(np.float64) ** 2).sum()) + 1e-9
    wet = ss.oaconvolve(audio, (response / energy).astype(np.float32))[: len(audio)]
    return np.asarray(audio + wet * 10 ** (wet_db / 20), np.float32)


def echo(audio: Audio, rng: np.random.Generator) -> Audio:
    """Repeat a signal after 0.12 to 0.6 s, quieter each time."""
    delay, gain = int(rng.uniform(0.12, 0.6) * SAMPLE_HZ), rng.uniform(0.1, 0.45)
    out = audio.copy()
    for k in range(1, 4):
        out[k * delay :] += audio[: -k * delay] * gain**k
    return out


def pump(audio: Audio, rng: np.random.Generator) -> Audio:
    """Duck a signal on a steady beat, as dance records do."""
    beat = np.arange(len(audio)) / SAMPLE_HZ / rng.uniform(0.4, 0.65)
    depth = rng.uniform(0.4, 0.95)
    return np.asarray(audio * (1 - depth * (1 - beat % 1) ** 2), np.float32)


def equalise(audio: Audio, rng: np.random.Generator) -> Audio:
    """Tilt the spectrum, raise or cut three bands and sometimes the ends."""
    size = scipy.fft.next_fast_len(len(audio), real=True)
    spectrum = scipy.fft.rfft(audio.astype(np.float32), size)
    hertz = np.maximum(np.fft.rfftfreq(size, 1 / SAMPLE_HZ).astype(np.float32), 20)
    octaves = np.log2(hertz / 700)
    gain_db = np.clip(rng.uniform(-2.5, 2.5) * octaves, -12, 12)
    for _ in range(3):
        centre, width = rng.uniform(-3.5, 3.3), rng.uniform(0.3, 1.5)
        gain_db += rng.uniform(-6, 6) * np.exp(-0.5 * ((octaves - centre) / width) ** 2)
    if rng.random() < 0.2:
        gain_db -= 12 * np.maximum(0, np.log2(rng.uniform(80, 350) / hertz))
    if rng.random() < 0.2:
        gain_db -= 18 * np.maximum(0, np.log2(hertz / rng.uniform(2800, 6000)))
    out = scipy.fft.irfft(spectrum * np.exp(gain_db * (np.log(10) / 20)), size)
    return np.asarray(out[: len(audio)], np.float32)


def compress(audio: Audio, rng: np.random.Generator) -> Audio:
    """Level the loudness over 10 to 200 ms by up to 4:1."""
    block = int(rng.choice([160, 400, 1600]))
    count = len(audio) // block + 2
    padded = np.zeros(count * block, np.float32)
    padded[: len(audio)] = audio
    level = np.sqrt((padded.reshape(count, block) ** 2).mean(1)) + 1e-4
    level = np.convolve(np.pad(level, 1, mode="edge"), [0.25, 0.5, 0.25], "valid")
    gain = (level / rms(audio)) ** -rng.uniform(0.2, 0.75)
    gain = np.clip(gain, 0.1, 8)
    curve = np.interp(np.arange(len(audio)), np.arange(count) * block + block / 2, gain)
    return np.asarray(audio * curve, np.float32)


def noise(size: int, rng: np.random.Generator) -> Audio:
    """Draw coloured noise of unit level."""
    spectrum = np.fft.rfft(rng.normal(0, 1, size))
    hertz = np.maximum(np.fft.rfftfreq(size, 1 / SAMPLE_HZ), 30)
    audio = np.fft.irfft(spectrum * hertz ** -rng.uniform(0, 1), size)
    return np.asarray(audio / (audio.std() + 1e-9), np.float32)


def codec(audio: Audio, container: str, level: float) -> Audio:
    """Encode as "MP3" or "OGG" and decode; `level` is 0 (best) to 1; aligned to the original."""
    memory = io.BytesIO()
    with soundfile.SoundFile(
        memory, "w", SAMPLE_HZ, 1, format=container, compression_level=level
    ) as file:
        for start in range(0, len(audio), SAMPLE_HZ):  # libsndfile's Vorbis dies of long writes
            file.write(audio[start : start + SAMPLE_HZ])
    memory.seek(0)
    out, _ = soundfile.read(memory, dtype="float32")
    head, probe = audio[: 4 * SAMPLE_HZ], out[: 4 * SAMPLE_HZ + 4000]
    lag = int(np.argmax(ss.correlate(probe, head, "full", "fft"))) - (len(head) - 1)
    out = out[lag:] if 0 <= lag < 4000 else out
    return np.asarray(np.pad(out, (0, max(0, len(audio) - len(out))))[: len(audio)], np.float32)


def eight_bits(audio: Audio, rng: np.random.Generator) -> Audio:
    """Quantise coarsely, as old samplers and consoles do."""
    steps = 2 ** rng.integers(5, 8)
    return np.asarray(np.round(audio * steps) / steps, np.float32)


def mix(
    lead: Audio, band: Audio, rng: np.random.Generator, responses: list[Audio]
) -> NDArray[np.int16]:
    """Mix two stems at a drawn balance and spoil them; either may be silent."""
    balance_db = rng.triangular(-6, 3, 9)
    lead = lead / rms(lead) if np.abs(lead).max() > 1e-6 else lead
    band = band / rms(band) if np.abs(band).max() > 1e-6 else band
    if rng.random() < 0.7:
        lead = equalise(lead, rng)
        lead = lead / rms(lead) if np.abs(lead).max() > 1e-6 else lead
    if rng.random() < 0.5:
        lead = compress(lead, rng)
    lead = echo(lead, rng) if rng.random() < 0.15 else lead
    band = pump(band, rng) if rng.random() < 0.06 else band
    for stem in range(2):
        if rng.random() < 0.75:
            wet_db = rng.uniform(-22, -4)
            audio = reverberate((lead, band)[stem], room(rng), wet_db)
            lead, band = (audio, band) if stem == 0 else (lead, audio)
    both = lead * 10 ** (balance_db / 20) + band
    if responses and rng.random() < 0.25:
        both = reverberate(both, responses[rng.integers(len(responses))], rng.uniform(-12, 6))
    both = equalise(both, rng) if rng.random() < 0.8 else both
    both = compress(both, rng) if rng.random() < 0.4 else both
    if rng.random() < 0.1:
        both = both + noise(len(both), rng) * rms(both) * 10 ** (-rng.uniform(8, 30) / 20)
    if rng.random() < 0.4:
        drive = rng.uniform(0.3, 1.5) / rms(both) * 0.5
        both = np.tanh(both * drive)
    both = both / (np.abs(both).max() + 1e-9) * rng.uniform(0.25, 0.98)
    chance = rng.random()
    if chance < 0.12:
        both = codec(both, "MP3" if chance < 0.06 else "OGG", rng.uniform(0.5, 0.95))
    elif chance < 0.15:
        both = eight_bits(both, rng)
    return np.asarray(np.clip(both, -1, 1) * 32767, np.int16)
