"""Cnn14 of PANNs, at 32 and at 16 kHz."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from earmark.sound.graphs import Opened, opened
from earmark.sound.labels import audioset_labels
from earmark.sound.mel import PANNS_16K, PANNS_32K, PannsMel, panns_bank, panns_mel
from earmark.sound.model import Embedding, Float32, ModelInfo
from earmark.sound.padding import at_least

_RECORD = "https://zenodo.org/records/3987831/files/"
_CREDIT = (
    "Q. Kong, Y. Cao, T. Iqbal, Y. Wang, W. Wang, M. D. Plumbley: PANNs: large-scale pretrained "
    "audio neural networks for audio pattern recognition, TASLP 2020"
)
_LEAST_FRAMES = 32
"""Five halvings of time leave one step of these."""
_BANK = "logmel_extractor.melW"
_BESIDE = ("spectrogram_extractor.", "logmel_extractor.")

CNN14 = ModelInfo(
    name="panns-cnn14",
    summary="PANNs Cnn14; AudioSet mAP .431; what many papers compare with; large and slow",
    dimension=2048,
    rate_hz=PANNS_32K.rate_hz,
    window_s=10.0,
    licence="CC-BY-4.0",
    credit=_CREDIT,
    sha256="0dc499e40e9761ef5ea061ffc77697697f277f6a960894903df3ada000e34b31",
    size_bytes=327_428_481,
    front_end="panns-mel-1",
    source=f"{_RECORD}Cnn14_mAP%3D0.431.pth",
    file_name="Cnn14_mAP=0.431.pth",
    labels_count=527,
    rank=20,
)
CNN14_16K = ModelInfo(
    name="panns-cnn14-16k",
    summary="PANNs Cnn14 for sound at 16 kHz; AudioSet mAP .438; large and slow",
    dimension=2048,
    rate_hz=PANNS_16K.rate_hz,
    window_s=10.0,
    licence="CC-BY-4.0",
    credit=_CREDIT,
    sha256="e2ee543a27919542c2ea03eabaa70b24dcd4e6c8e05621de6b67a94e4c5058e6",
    size_bytes=358_668_570,
    front_end="panns-mel-16k-1",
    source=f"{_RECORD}Cnn14_16k_mAP%3D0.438.pth",
    file_name="Cnn14_16k_mAP=0.438.pth",
    labels_count=527,
    rank=15,
)


class Cnn14:
    """An opened Cnn14."""

    def __init__(self, info: ModelInfo, mel: PannsMel, network: Opened) -> None:
        self.info = info
        self._mel = mel
        self._network = network

    def embed(self, samples: Float32) -> Embedding:
        """Return 2048 features and 527 probabilities; under 0.32 s silence is added."""
        mel = panns_mel(at_least(_LEAST_FRAMES * self._mel.hop, samples), self._mel)
        features, labels = self._network.run(mel[None, None])
        return Embedding(features, labels)

    def label_names(self) -> tuple[str, ...]:
        """Return the names of AudioSet."""
        return audioset_labels()


@dataclass(frozen=True, slots=True)
class Cnn14Plugin:
    """The entry point: knows the model, opens it on its checkpoint."""

    info: ModelInfo
    mel: PannsMel

    def open(self, weights: Path | None) -> Cnn14:
        """Return the model on a verified checkpoint, which must want this front end."""
        if weights is None:
            message = f"{self.info.name} needs a file of weights"
            raise ValueError(message)
        # A checkpoint trained on another mel spectrogram brings another matrix.
        constants = {_BANK: panns_bank(self.mel)}
        network = opened("cnn14", weights, beside=_BESIDE, constants=constants)
        return Cnn14(self.info, self.mel, network)


cnn14 = Cnn14Plugin(CNN14, PANNS_32K)
cnn14_16k = Cnn14Plugin(CNN14_16K, PANNS_16K)
