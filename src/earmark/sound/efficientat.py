"""EfficientAT: MobileNetV3 distilled from transformers on AudioSet, in two widths."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from earmark.sound.graphs import Opened, opened
from earmark.sound.labels import audioset_labels
from earmark.sound.mel import EFFICIENTAT_RATE_HZ, efficientat_mel
from earmark.sound.model import Embedding, Float32, ModelInfo
from earmark.sound.padding import at_least

_RELEASE = "https://github.com/fschmid56/EfficientAT/releases/download/v0.0.1/"
_CREDIT = (
    "F. Schmid, K. Koutini, G. Widmer: Efficient large-scale audio tagging via "
    "transformer-to-CNN knowledge distillation, ICASSP 2023"
)
_LEAST = EFFICIENTAT_RATE_HZ * 32 // 100
"""Samples of the 32 frames that are one step of the network."""

MN04 = ModelInfo(
    name="mn04",
    summary="EfficientAT MobileNetV3 x 0.4; AudioSet mAP .432; small, fast and good",
    dimension=384,
    rate_hz=EFFICIENTAT_RATE_HZ,
    window_s=10.0,
    licence="MIT",
    credit=_CREDIT,
    sha256="899a8c6217063f6941793102a2780b3dd788ab11fce468d9cf5f0577c453321c",
    size_bytes=4_066_513,
    front_end="mn-mel-1",
    source=f"{_RELEASE}mn04_as_mAP_432.pt",
    file_name="mn04_as_mAP_432.pt",
    labels_count=527,
    rank=30,
)
MN10 = ModelInfo(
    name="mn10",
    summary="EfficientAT MobileNetV3 x 1.0; AudioSet mAP .471",
    dimension=960,
    rate_hz=EFFICIENTAT_RATE_HZ,
    window_s=10.0,
    licence="MIT",
    credit=_CREDIT,
    sha256="0bd7dc2443af498c289a2e739f02ebb515d6aa3fd3ab9db539c86123ae368a4e",
    size_bytes=19_708_753,
    front_end="mn-mel-1",
    source=f"{_RELEASE}mn10_as_mAP_471.pt",
    file_name="mn10_as_mAP_471.pt",
    labels_count=527,
    rank=40,
)


class EfficientAt:
    """An opened network of EfficientAT."""

    def __init__(self, info: ModelInfo, network: Opened) -> None:
        self.info = info
        self._network = network

    def embed(self, samples: Float32) -> Embedding:
        """Return the pooled features and 527 probabilities; under 0.32 s silence is added."""
        mel = efficientat_mel(at_least(_LEAST, samples))
        features, labels = self._network.run(np.ascontiguousarray(mel)[None, None])
        return Embedding(features, labels)

    def label_names(self) -> tuple[str, ...]:
        """Return the names of AudioSet."""
        return audioset_labels()


class EfficientAtPlugin:
    """The entry point: knows the model, opens it on its checkpoint."""

    def __init__(self, info: ModelInfo) -> None:
        self.info = info

    def open(self, weights: Path | None) -> EfficientAt:
        """Return the model on a verified checkpoint."""
        if weights is None:
            message = f"{self.info.name} needs a file of weights"
            raise ValueError(message)
        return EfficientAt(self.info, opened(self.info.name, weights))


mn04 = EfficientAtPlugin(MN04)
mn10 = EfficientAtPlugin(MN10)
