"""The teacher: EfficientAT's mn04 on ONNX Runtime, through earmark's own front end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from onnx import numpy_helper

from earmark.sound.mel import efficientat_mel

Floats = npt.NDArray[np.float32]

GRAPH = Path(__file__).parents[2] / "src" / "earmark" / "sound" / "graphs" / "mn04.onnx"
FEATURES = 384
LABELS = 527
HEAD = ("classifier.2.weight", "classifier.2.bias", "classifier.5.weight", "classifier.5.bias")


class Teacher:
    """Opened once a process; one thread."""

    def __init__(self, checkpoint: Path) -> None:
        weights = torch.load(checkpoint, weights_only=True, map_location="cpu")
        graph = onnx.load(str(GRAPH), load_external_data=False)
        for tensor in graph.graph.initializer:
            if tensor.name in weights:
                values = weights[tensor.name].numpy().reshape(tuple(tensor.dims))
                tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(graph.SerializeToString(), options)

    def hear(self, audio: Floats) -> tuple[Floats, Floats]:
        """Return the mel at 50 frames a second (128, frames) and the features (384,)."""
        mel = efficientat_mel(audio)
        given = {"mel": np.ascontiguousarray(mel[None, None])}
        features = self._session.run(["features"], given)[0][0]
        return mel[:, ::2], features


def head(checkpoint: Path) -> Iterator[torch.Tensor]:
    """Yield weight, bias, weight, bias of the teacher's classifier above its features."""
    weights = torch.load(checkpoint, weights_only=True, map_location="cpu")
    yield from (weights[name] for name in HEAD)
