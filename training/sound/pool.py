"""Cuts sound files into windows: one file of 16-bit samples at 32 kHz, and a table of them.

``python -m training.sound.pool ROOT OUT`` reads every package below ROOT; see `sources`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from training.sound.sources import Source, find

RATE_HZ = 32_000
LONGEST_S = 6.0
SHORTEST_S = 0.06
QUIETEST = 1e-3
MOST_FILES = {"effect": 900, "voice": 110, "music": 25}
"""Files of one kind that one package may give: many packages matter more than many files."""
MOST_WINDOWS = {"effect": 8, "voice": 2, "music": 5}
"""Windows that one file may give."""
HELD_OUT_SHARE = 0.03

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Window:
    """A row of the table: where a window comes from, and whether it is kept from training."""

    package: str
    kind: str
    source: str
    start_s: float
    length_s: float
    held_out: bool


class Pool:
    """The windows that `write` wrote."""

    def __init__(self, folder: Path) -> None:
        self.samples = np.load(folder / "samples.npy", mmap_mode="r")
        self.offsets = np.load(folder / "offsets.npy")
        table = json.loads((folder / "windows.json").read_text())
        self.windows = [Window(**row) for row in table]

    def audio(self, number: int) -> Floats:
        """Return one window, float32."""
        start, stop = self.offsets[number], self.offsets[number + 1]
        return self.samples[start:stop].astype(np.float32) / np.float32(32768.0)


def held_out(source: str) -> bool:
    """Return whether a file is kept from training: decided by its name alone."""
    digest = hashlib.sha256(Path(source).name.encode()).digest()
    return int.from_bytes(digest[:4], "big") < HELD_OUT_SHARE * 2**32


def chosen(sources: list[Source], rng: random.Random) -> list[Source]:
    """Return at most `MOST_FILES` of each kind and package."""
    rng.shuffle(sources)
    taken: Counter[tuple[str, str]] = Counter()
    kept = []
    for source in sources:
        taken[source.package, source.kind] += 1
        if taken[source.package, source.kind] <= MOST_FILES[source.kind]:
            kept.append(source)
    return kept


def windows(source: Source, rng: random.Random) -> Iterator[tuple[float, Floats]]:
    """Yield windows of up to `LONGEST_S` and where they start, spread over the file."""
    file = source.read()
    with soundfile.SoundFile(file) as sound:
        rate, length_s = sound.samplerate, sound.frames / sound.samplerate
        count = max(1, min(MOST_WINDOWS[source.kind], int(length_s // LONGEST_S)))
        room = max(0.0, length_s - LONGEST_S)
        for part in range(count):
            start_s = room * (part + rng.random()) / count if room else 0.0
            sound.seek(int(start_s * rate))
            stereo = sound.read(int(LONGEST_S * rate), dtype="float32", always_2d=True)
            mono = stereo.mean(1)
            yield start_s, soxr.resample(mono, rate, RATE_HZ) if rate != RATE_HZ else mono


def write(folder: Path, parts: Iterator[tuple[Source, float, Floats]]) -> Counter[str]:
    """Write the windows that sound, each once; return what each kind came to, in seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    kept: list[npt.NDArray[np.int16]] = []
    table: list[Window] = []
    seen: set[bytes] = set()
    for source, start_s, audio in parts:
        peak = float(np.abs(audio).max(initial=0.0))
        if peak < QUIETEST or len(audio) < SHORTEST_S * RATE_HZ:
            continue
        coarse = np.round(audio[:: len(audio) // 500] / peak * 40).astype(np.int8)
        mark = hashlib.sha256(coarse.tobytes() + str(len(audio)).encode()).digest()
        if mark in seen:
            continue
        seen.add(mark)
        scaled = audio * (min(1.0, 0.99 / peak) * 32767)
        kept.append(scaled.astype(np.int16))
        length_s = len(audio) / RATE_HZ
        name = source.name
        table.append(
            Window(source.package, source.kind, name, round(start_s, 2), length_s, held_out(name))
        )
    np.save(folder / "samples.npy", np.concatenate(kept))
    np.save(folder / "offsets.npy", np.cumsum([0, *map(len, kept)]))
    (folder / "windows.json").write_text(json.dumps([asdict(row) for row in table]))
    lengths: Counter[str] = Counter()
    for row in table:
        lengths[row.kind] += row.length_s  # type: ignore[assignment]
    return lengths


def decoded(sources: list[Source], rng: random.Random) -> Iterator[tuple[Source, float, Floats]]:
    """Yield the windows of files that can be read; the others are passed over and counted."""
    unread: Counter[str] = Counter()
    for source in sources:
        try:
            for start_s, audio in windows(source, rng):
                yield source, start_s, audio
        except (soundfile.LibsndfileError, OSError, RuntimeError, ValueError):
            unread[source.package] += 1
    print("could not be read:", dict(unread))


def main() -> None:
    """Read the command line and write the pool."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    rng = random.Random(asked.seed)
    sources = chosen(list(find(asked.root)), rng)
    lengths = write(asked.out, decoded(sources, rng))
    print({kind: f"{seconds / 60:.0f} min" for kind, seconds in lengths.items()})


if __name__ == "__main__":
    main()
