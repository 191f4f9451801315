"""Sound models in forty lines: band energies through a fixed random projection, no network.

Found through entry points like any model. ``ears`` names what it hears, ``ear-horn`` hears
otherwise, ``far-ears`` needs a file of weights (`WEIGHTS`). None is taken by ``auto``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from earmark.sound.model import Embedding, ModelInfo

RATE_HZ = 8000
FRAME = 512
BANDS = 24
NAMES = ("Hum", "Tone", "Whistle", "Dog whistle")
WEIGHTS = b"far ears"

INFO = ModelInfo(
    name="ears",
    summary="band energies, for tests",
    dimension=32,
    rate_hz=RATE_HZ,
    window_s=10.0,
    licence="Apache-2.0",
    credit="the earmark authors",
    sha256="",
    size_bytes=0,
    front_end="bands-1",
    labels_count=len(NAMES),
    rank=-1,
)
HORN = replace(INFO, name="ear-horn", dimension=48, rate_hz=16000, labels_count=0)
FAR = replace(
    INFO,
    name="far-ears",
    front_end="bands-far",
    file_name="far_ears.bin",
    sha256=hashlib.sha256(WEIGHTS).hexdigest(),
    size_bytes=len(WEIGHTS),
)


@dataclass
class Ears:
    """An opened model; ``heard`` counts the samples it was given."""

    info: ModelInfo
    heard: list[int] = field(default_factory=list)

    def embed(self, samples: np.ndarray) -> Embedding:
        """Return projected band energies, and how much of them lies in each quarter of bands."""
        self.heard.append(len(samples))
        padded = np.pad(samples, (0, max(0, FRAME - len(samples))))
        frames = padded[: len(padded) // FRAME * FRAME].reshape(-1, FRAME)
        power = np.square(np.abs(np.fft.rfft(frames * np.hanning(FRAME), axis=1))).mean(axis=0)
        edges = np.unique(np.geomspace(2, FRAME // 2, BANDS + 1).astype(int))
        bands = np.add.reduceat(power, edges[:-1])
        projection = np.random.default_rng(len(self.info.name)).standard_normal(
            (self.info.dimension, len(bands))
        )
        vector = projection @ (np.log10(bands + 1e-8) + 8.0)
        odds = None
        if self.info.labels_count:
            quarters = np.array([part.sum() for part in np.array_split(bands, len(NAMES))])
            odds = (quarters / max(quarters.sum(), 1e-12)).astype(np.float32)
        return Embedding(vector.astype(np.float32), odds)

    def label_names(self) -> tuple[str, ...]:
        """Return the names of the quarters, low first."""
        return NAMES[: self.info.labels_count]


@dataclass(frozen=True)
class EarsPlugin:
    """What the entry points name."""

    info: ModelInfo

    def open(self, weights: Path | None) -> Ears:
        """Return the model."""
        assert (weights is None) == (not self.info.file_name)
        return Ears(self.info)


ears, horn, far = EarsPlugin(INFO), EarsPlugin(HORN), EarsPlugin(FAR)
