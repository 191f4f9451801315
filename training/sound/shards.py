"""Labelled examples on disk: shards of mels and features by length, which grow while one trains."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

FRAMES_PER_S = 50
LENGTHS_S = (1.0, 2.5, 5.0)
"""Examples have one of these lengths, so that a batch is one array."""

Floats = npt.NDArray[np.float32]
Halves = npt.NDArray[np.float16]


@dataclass
class Shard:
    """Examples of one length: mels, features, and the numbers of their windows (-1: none)."""

    length_s: float
    mels: list[Halves] = field(default_factory=list)
    features: list[Halves] = field(default_factory=list)
    windows: list[tuple[int, int, int]] = field(default_factory=list)

    def add(self, mel: Floats, features: Floats, windows: tuple[int, ...]) -> None:
        """Take one example, cut or stretched at its end to the shard's length."""
        frames = round(self.length_s * FRAMES_PER_S)
        mel = mel[:, :frames]
        if mel.shape[1] < frames:
            mel = np.pad(mel, ((0, 0), (0, frames - mel.shape[1])), mode="edge")
        self.mels.append(mel.astype(np.float16))
        self.features.append(features.astype(np.float16))
        first, second, third = (*windows, -1, -1, -1)[:3]
        self.windows.append((first, second, third))

    def save(self, folder: Path, name: str) -> None:
        """Write the shard; readers see it whole or not at all."""
        parts = {"mel": self.mels, "features": self.features, "windows": self.windows}
        stem = f"{self.length_s:g}s-{name}"
        for part, rows in parts.items():
            path = folder / f"{part}-{stem}.npy"
            with path.with_suffix(".part").open("wb") as file:
                np.save(file, np.array(rows))
            path.with_suffix(".part").replace(path)
        (folder / f"{stem}.whole").touch()


class Examples:
    """All shards of a folder whose names start with one of the prefixes; `look` finds new ones."""

    def __init__(self, folder: Path, prefixes: tuple[str, ...]) -> None:
        self._folder, self._prefixes = folder, prefixes
        self._known: set[str] = set()
        self.mels: dict[float, list[Halves]] = {length: [] for length in LENGTHS_S}
        self.features: dict[float, list[Halves]] = {length: [] for length in LENGTHS_S}
        self.look()

    def look(self) -> None:
        """Open what has been written since."""
        for length in LENGTHS_S:
            for mark in sorted(self._folder.glob(f"{length:g}s-*.whole")):
                name = mark.stem.removeprefix(f"{length:g}s-")
                if mark.name in self._known or not name.startswith(self._prefixes):
                    continue
                self._known.add(mark.name)
                stem = f"{length:g}s-{name}.npy"
                self.mels[length].append(np.load(self._folder / f"mel-{stem}", mmap_mode="r"))
                self.features[length].append(np.load(self._folder / f"features-{stem}"))

    def count(self, length_s: float) -> int:
        """Return how many examples of a length there are."""
        return sum(map(len, self.features[length_s]))

    def draw(self, length_s: float, size: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Return random mels (size, 128, frames) and features (size, 384)."""
        sizes = np.array([len(rows) for rows in self.features[length_s]])
        ends = np.cumsum(sizes)
        picked = np.sort(rng.choice(ends[-1], size, replace=ends[-1] < size))
        shards = np.searchsorted(ends, picked, side="right")
        mels, features = [], []
        for shard, number in zip(shards, picked, strict=True):
            row = number - (ends[shard] - sizes[shard])
            mels.append(self.mels[length_s][shard][row])
            features.append(self.features[length_s][shard][row])
        return np.array(mels, np.float32), np.array(features, np.float32)
