"""The pure half of the engine: windows through the network, and through the timbre's cepstra."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from earmark.sound import timbre
from earmark.sound.features import SoundFeatures, features_of, pack, unpack
from earmark.sound.model import Float32, ModelInfo, SoundModel
from earmark.sound.params import SoundParams, digest_of
from earmark.sound.windows import Window, Windower
from earmark.types import Samples


@dataclass(frozen=True, slots=True)
class Chosen:
    """A model and where its weights lie; picklable, the network is opened where it is used."""

    info: ModelInfo
    weights: Path | None = None

    def open(self) -> SoundModel:
        """Return the opened network, one for each process.

        Raises
        ------
        ModelUnavailableError, ExtraMissingError
            The weights, or what runs them, are not here.
        CheckpointError
            The file is not what it should be.
        """
        return _opened(self.info.name, self.weights)


class SoundAnalyser:
    """One track's analysis; `finish` returns its features."""

    def __init__(self, chosen: Chosen, params: SoundParams) -> None:
        self._model = chosen.open()
        self._info = chosen.info
        self._windower = Windower(self._info.rate_hz, params.windows)
        self._spans_s: list[tuple[float, float]] = []
        self._vectors: list[Float32] = []
        self._timbres: list[Float32] = []
        self._labels: list[Float32 | None] = []

    def feed(self, samples: Samples) -> None:
        """Take the next samples, float32 mono at the model's rate, any length."""
        for window in self._windower.feed(samples):
            self._hear(window)

    def finish(self) -> SoundFeatures:
        """Return what was heard; no windows where all is silent."""
        for window in self._windower.finish():
            self._hear(window)
        return features_of(
            self._spans_s,
            self._vectors,
            self._timbres,
            self._labels,
            self._info.dimension,
            timbre.DIMENSION,
        )

    def _hear(self, window: Window) -> None:
        embedding = self._model.embed(window.samples)
        self._spans_s.append((window.start_s, len(window.samples) / self._info.rate_hz))
        self._vectors.append(embedding.vector)
        self._timbres.append(timbre.timbre(window.samples, self._info.rate_hz))
        self._labels.append(embedding.labels)


@dataclass(frozen=True, slots=True)
class SoundAnalysis:
    """Audio to vectors; picklable, holds no network."""

    chosen: Chosen
    params: SoundParams = field(default_factory=SoundParams)

    @property
    def name(self) -> str:
        """The key of the features in the track store."""
        return "sound"

    @property
    def rate_hz(self) -> int:
        """The sample rate that the model hears at."""
        return self.chosen.info.rate_hz

    @property
    def digest(self) -> str:
        """Short hash of what decides vectors: windows, model, its weights and its front end."""
        info = self.chosen.info
        model = (info.name, info.sha256, info.front_end)
        return digest_of(self.params.windows, *model, timbre.VERSION)

    def analyser(self) -> SoundAnalyser:
        """Start a new analysis; raises what `Chosen.open` does."""
        return SoundAnalyser(self.chosen, self.params)

    def prepare(self) -> None:
        """Open the network; raises what `analyser` would."""
        self.chosen.open()

    def pack(self, features: SoundFeatures) -> bytes:
        """Return the bytes for the track store."""
        return pack(features)

    def unpack(self, data: bytes) -> SoundFeatures:
        """Return the features that `pack` wrote; raises `DamagedIndexError`."""
        return unpack(data)


@cache
def _opened(name: str, weights: Path | None) -> SoundModel:
    from earmark.sound.catalogue import model_plugin

    return model_plugin(name).open(weights)
