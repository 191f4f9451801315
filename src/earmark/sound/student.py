"""The model in the box: a small network of our own (its card: ``models/README.md``)."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from earmark.inference import Network, session, shipped, shipped_checksum
from earmark.sound.labels import audioset_labels
from earmark.sound.mel import EFFICIENTAT_RATE_HZ, efficientat_mel
from earmark.sound.model import Embedding, Float32, ModelInfo
from earmark.sound.padding import at_least

_PACKAGE = "earmark.sound"
_NAME = "student"
_FILE = Path(__file__).parent / "models" / f"{_NAME}.onnx"
_HOP = 640
_LEAST = EFFICIENTAT_RATE_HZ * 32 // 100

INFO = ModelInfo(
    name="builtin",
    summary="a small network in the package, taught by mn04; nothing to fetch",
    dimension=384,
    rate_hz=EFFICIENTAT_RATE_HZ,
    window_s=10.0,
    licence="Apache-2.0",
    credit="the earmark authors",
    sha256=shipped_checksum(_PACKAGE, _NAME),
    size_bytes=_FILE.stat().st_size,
    front_end="mn-mel-50-1",
    labels_count=527,
    rank=10,
)


class Student:
    """The opened network."""

    info = INFO

    def __init__(self) -> None:
        self._network = _network()

    def embed(self, samples: Float32) -> Embedding:
        """Return the features and 527 probabilities; under 0.32 s silence is added."""
        mel = efficientat_mel(at_least(_LEAST, samples), _HOP)
        inputs = {"mel": np.ascontiguousarray(mel)[None, None]}
        features, labels = self._network.run(["features", "labels"], inputs)
        return Embedding(features[0], labels[0])

    def label_names(self) -> tuple[str, ...]:
        """Return the names of AudioSet."""
        return audioset_labels()


class StudentPlugin:
    """The entry point of the built-in model."""

    info = INFO

    def open(self, weights: Path | None) -> Student:  # noqa: ARG002 - it carries its own
        """Return the network; raises `DamagedIndexError` where the installed file is spoilt."""
        return Student()


@cache
def _network() -> Network:
    return session(shipped(_PACKAGE, _NAME))


builtin = StudentPlugin()
