"""The port of sound: what a network that turns sound into a vector must offer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]

GROUP = "earmark.models"
"""The entry-point group through which models are found."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What is known of a model before it is opened.

    Attributes
    ----------
    name, summary
        Its name on the command line, and one line about it.
    dimension
        Length of its vectors.
    rate_hz, window_s
        The rate it hears at, and the length of clip it was trained on.
    licence, credit
        The licence of the weights, and the work to cite.
    source, file_name
        Where the weights come from (URL; empty: nowhere to fetch them) and their upstream name;
        both are empty for a network in the package.
    sha256, size_bytes
        Of the weights file.
    front_end
        Version of what turns samples into the network's input; it changes when the vectors do.
    labels_count
        How many labels it knows; 0: none.
    extra
        The optional extra of pip it needs; empty: none.
    rank
        Higher is better, for the choice of ``auto``.
    """

    name: str
    summary: str
    dimension: int
    rate_hz: int
    window_s: float
    licence: str
    credit: str
    sha256: str
    size_bytes: int
    front_end: str
    source: str = ""
    file_name: str = ""
    labels_count: int = 0
    extra: str = ""
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Embedding:
    """What a model makes of a clip.

    ``vector`` (dimension,) is raw, as the network gives it; ``labels`` (labels_count,) are
    independent probabilities, or None where the model names nothing.
    """

    vector: Float32
    labels: Float32 | None = None


class SoundModel(Protocol):
    """An opened model: sound to a vector, in any thread of the process that opened it."""

    @property
    def info(self) -> ModelInfo:
        """What is known of it."""
        ...

    def embed(self, samples: Float32) -> Embedding:
        """Return the embedding of samples (n,), mono at ``info.rate_hz``, any n >= 1.

        What is too short for the network is padded with silence at its end.
        """
        ...

    def label_names(self) -> tuple[str, ...]:
        """Return the names of the labels, in their order."""
        ...


@runtime_checkable
class TextTower(Protocol):
    """A model that puts words into the same space as sounds, as CLAP does."""

    def embed_text(self, text: str) -> Float32:
        """Return the vector (dimension,) of a description."""
        ...


class ModelPlugin(Protocol):
    """What an entry point of the group ``earmark.models`` names: knowledge now, a network later."""

    @property
    def info(self) -> ModelInfo:
        """What is known of the model; nothing heavy is imported for it."""
        ...

    def open(self, weights: Path | None) -> SoundModel:
        """Return the model on a verified file of weights (None: it carries its own)."""
        ...
