"""YAMNet: Google's MobileNet on AudioSet, for comparison; run by LiteRT (extra ``yamnet``)."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from earmark.errors import CheckpointError
from earmark.sound.labels import yamnet_labels
from earmark.sound.model import Embedding, Float32, ModelInfo
from earmark.sound.padding import at_least

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter

INFO = ModelInfo(
    name="yamnet",
    summary="YAMNet, int8; behind mn04 in every figure, kept for comparison",
    dimension=1024,
    rate_hz=16_000,
    window_s=10.0,
    licence="Apache-2.0",
    credit="M. Plakal, D. Ellis: YAMNet, TensorFlow Model Garden, 2019",
    sha256="687f226c147a2caab4706fbbab5e9cecb14b9a368264bf61108078b1fddf68f5",
    size_bytes=3_959_752,
    front_end="yamnet-1",
    file_name="yamnet.tflite",
    labels_count=521,
    extra="yamnet",
    rank=5,
)
PATCH = 15_600
HOP = 7_800
"""Samples the network hears at once, .975 s, and from one such patch to the next."""
_POOLED = 112
"""The tensor in this very file that holds what the last layer is given."""


class Yamnet:
    """The opened network: the mean over patches of a clip."""

    info = INFO

    def __init__(self, interpreter: Interpreter) -> None:
        self._network = interpreter
        self._lock = threading.Lock()  # an interpreter keeps what it was given between calls
        self._input = interpreter.get_input_details()[0]["index"]
        self._labels = interpreter.get_output_details()[0]["index"]

    def embed(self, samples: Float32) -> Embedding:
        """Return 1024 features and 521 probabilities; under .975 s silence is added.

        What is left after the last whole patch is heard in one more that ends with the clip.
        """
        samples = at_least(PATCH, samples)
        starts = [*range(0, len(samples) - PATCH, HOP), len(samples) - PATCH]
        with self._lock:
            heard = [self._patch(samples[start : start + PATCH]) for start in starts]
        vectors, labels = zip(*heard, strict=True)
        return Embedding(np.stack(vectors).mean(axis=0), np.stack(labels).mean(axis=0))

    def label_names(self) -> tuple[str, ...]:
        """Return YAMNet's names."""
        return yamnet_labels()

    def _patch(self, samples: Float32) -> tuple[Float32, Float32]:
        self._network.set_tensor(self._input, samples)
        self._network.invoke()
        return self._network.get_tensor(_POOLED)[0], self._network.get_tensor(self._labels)[0]


class YamnetPlugin:
    """The entry point."""

    info = INFO

    def open(self, weights: Path | None) -> Yamnet:
        """Return the network on its verified file."""
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        if weights is None:
            message = f"{INFO.name} needs a file of weights"
            raise ValueError(message)
        try:
            # Without delegates the inner tensor can be read, and nothing is written to stderr.
            interpreter = Interpreter(
                model_path=str(weights),
                num_threads=1,
                experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
                experimental_preserve_all_tensors=True,
            )
            interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            message = f"{weights} is no network that LiteRT reads ({error})"
            raise CheckpointError(message) from error
        return Yamnet(interpreter)


yamnet = YamnetPlugin()
