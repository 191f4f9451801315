"""Programmes made from one's own recordings, with a truth: what `sounds.py` asks about."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from earmark.evaluation.codec import mp3_round_trip
from earmark.kernels import spectrum as kernel
from earmark.ports.following import Sheet
from earmark.recording.params import SpectrumParams
from earmark.recording.spectrum import log_spectrum
from earmark.types import Span

RATE_HZ = 16_000
SPECTRUM = SpectrumParams()
Floats = npt.NDArray[np.float32]
SOUNDS = {".wav", ".ogg", ".oga", ".mp3", ".flac", ".npy"}


def read(path: Path) -> Floats:
    """Return mono samples at `RATE_HZ`; a .npy file holds them as int16."""
    if path.suffix == ".npy":
        return np.load(path).astype(np.float32) / np.float32(32768)
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = samples.mean(1)
    return soxr.resample(mono, rate, RATE_HZ) if rate != RATE_HZ else mono


def length_s(path: Path) -> float:
    """Return how long a recording is."""
    if path.suffix == ".npy":
        return len(np.load(path, mmap_mode="r")) / RATE_HZ
    return float(soundfile.info(path).duration)


def files(folder: Path) -> list[Path]:
    """Return the sound files below a folder, sorted."""
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in SOUNDS)


def sheet(samples: Floats, start_s: float) -> Sheet:
    """Return the spectrum as the follower of the recording engine tells it."""
    spectrum = log_spectrum(samples, SPECTRUM)
    salience = spectrum.copy()
    kernel.whiten(salience, SPECTRUM.whiten_frames, SPECTRUM.whiten_bins)
    return Sheet(start_s, SPECTRUM.frame_s, spectrum, salience)


class Talk:
    """Prompts with pauses, one voice after the other; no prompt is said twice."""

    def __init__(self, voices: list[Path], rng: np.random.Generator) -> None:
        self._rng = rng
        self._left: dict[Path, list[Path]] = {}
        said: set[bytes] = set()
        for number in rng.permutation(len(voices)):
            path = voices[int(number)]
            mark = hashlib.sha256(path.read_bytes()[-4000:]).digest()
            if mark not in said:
                self._left.setdefault(path.parent, []).append(path)
            said.add(mark)

    def __bool__(self) -> bool:
        return bool(self._left)

    def seconds(self, length_s: float) -> Floats:
        """Return so much talk of one voice, at -23 dBFS (less where no prompt is left)."""
        folders = list(self._left)
        own = self._left[folders[int(self._rng.integers(len(folders)))]]
        parts, length = [np.zeros(1, np.float32)], 0
        while own and length < length_s * RATE_HZ:
            part = read(own.pop())
            if np.abs(part).max(initial=0.0) < 0.01:
                continue
            gap = np.zeros(int(self._rng.uniform(0.05, 0.6) * RATE_HZ), np.float32)
            parts += [levelled(part, -23.0), gap]
            length += len(part) + len(gap)
        self._left = {folder: paths for folder, paths in self._left.items() if paths}
        return np.concatenate(parts)[: int(length_s * RATE_HZ)]


def levelled(samples: Floats, dbfs: float) -> Floats:
    """Return samples at that level (root of mean squares)."""
    rms = float(np.sqrt(np.mean(samples**2))) + 1e-9
    return np.clip(samples * np.float32(10.0 ** (dbfs / 20.0) / rms), -1.0, 1.0)


@dataclass
class Programme:
    """What was laid one behind the other, and where the jingles lie: name -> spans."""

    parts: list[npt.NDArray[np.int16]] = field(default_factory=list)
    length_s: float = 0.0
    planted: dict[str, list[Span]] = field(default_factory=dict)
    tracks: list[tuple[str, Span]] = field(default_factory=list)

    def add(self, samples: Floats) -> Span:
        """Append samples; return where they lie."""
        start = self.length_s
        self.parts.append((np.clip(samples, -1.0, 1.0) * 32767).astype(np.int16))
        self.length_s += len(samples) / RATE_HZ
        return Span(start, self.length_s)

    def sheets(self, block_s: float = 64.0) -> Iterator[Sheet]:
        """Yield the sheets of the whole, whose parts are let go meanwhile."""
        window, hop = SPECTRUM.window, SPECTRUM.hop
        block, start = round(block_s * RATE_HZ) // hop * hop, 0
        held = np.empty(0, np.int16)
        while self.parts:
            held = np.concatenate([held, self.parts.pop(0)])
            while len(held) >= block + window or (not self.parts and len(held) >= window):
                samples = held[: block + window - hop].astype(np.float32) / np.float32(32768)
                yield sheet(samples, start / RATE_HZ)
                start += block
                held = held[block:]


def spoilt(jingle: Floats, talk: Talk, rng: np.random.Generator) -> Floats:
    """Return a play: cut by up to a second at both ends, at another gain, talked over, as MP3."""
    start, end = (int(rng.uniform(0.0, 1.0) * RATE_HZ) for _ in range(2))
    play = levelled(jingle[start : len(jingle) - end], rng.uniform(-30.0, -17.0))
    if talk and rng.random() < 0.4:
        voice = np.resize(talk.seconds(len(play) / RATE_HZ + 1.0), len(play))
        level = 20 * np.log10(float(np.sqrt(np.mean(play**2))) + 1e-9)
        play = play + levelled(voice, level + rng.uniform(-6.0, 6.0))
    if rng.random() < 0.4:
        play = mp3_round_trip(play, RATE_HZ, int(rng.choice([48_000, 64_000, 96_000])))
    return play.astype(np.float32)


def programme(
    music: list[Path], voices: list[Path], hours: float, jingles: int, seed: int
) -> Programme:
    """Return tracks, each once, talk between some of them, and planted jingles, 2 to 8 plays each.

    The jingles are pieces of 5 to 30 s of tracks that are not played.
    """
    rng = np.random.default_rng(seed)
    talk = Talk(voices, rng)
    order = [music[i] for i in rng.permutation(len(music))]
    pieces = {}
    for path in order[:jingles]:
        length, whole = int(rng.uniform(5.0, 30.0) * RATE_HZ), read(path)
        start = int(rng.uniform(0.1, 0.6) * max(0, len(whole) - length))
        pieces[path.stem] = whole[start : start + length]
    plays = [name for name in pieces for _ in range(int(rng.integers(2, 9)))]
    slots: dict[int, list[str]] = {}
    made = Programme()
    tracks = order[jingles:]
    lengths = np.cumsum([length_s(path) + 15.0 for path in tracks])
    count = int(np.searchsorted(lengths, hours * 3600.0)) + 1
    for name in plays:
        slots.setdefault(int(rng.integers(min(count, len(tracks)))), []).append(name)
    for number, path in enumerate(tracks[:count]):
        span = made.add(levelled(read(path), rng.uniform(-24.0, -14.0)))
        made.tracks.append((path.stem, span))
        for name in slots.get(number, []):
            made.planted.setdefault(name, []).append(made.add(spoilt(pieces[name], talk, rng)))
            if talk:
                made.add(talk.seconds(rng.uniform(2.0, 20.0)))
        if talk and rng.random() < 0.5:
            made.add(talk.seconds(rng.uniform(5.0, 60.0)))
    return made
