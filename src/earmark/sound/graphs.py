"""Networks of others: the graph from the package, the weights from a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

import numpy as np

from earmark.errors import CheckpointError
from earmark.inference import Array, Network, session
from earmark.sound.checkpoint import read_checkpoint
from earmark.sound.model import Float32

_COUNTERS = ".num_batches_tracked"
"""What batch norms count while they learn."""
_TOLERANCE = 1e-6


def opened(
    graph: str,
    checkpoint: Path,
    *,
    beside: tuple[str, ...] = (),
    constants: Mapping[str, Float32] = MappingProxyType({}),
) -> Opened:
    """Return the network ``graph`` of this package on the weights of a checkpoint.

    Parameters
    ----------
    graph
        The name of its files in ``graphs/``.
    checkpoint
        A file of torch.
    beside
        Beginnings of names of tensors that the graph has no use for.
    constants
        Tensors beside the weights that must hold these values where they are there.

    Raises
    ------
    CheckpointError
        The file is not what the graph needs; the message names the first tensor that is wrong.
    """
    folder = files("earmark.sound") / "graphs"
    wanted = {
        name: tuple(shape)
        for name, shape in json.loads((folder / f"{graph}.json").read_text()).items()
    }
    found = read_checkpoint(checkpoint)
    what = f"{checkpoint} does not fit {graph}"
    _require_same(wanted, found, beside, what)
    for name, values in constants.items():
        if name in found and not _equal(found[name], values):
            raise CheckpointError(f"{what}: the tensor {name} holds other values")
    weights = {name: np.ascontiguousarray(found[name]) for name in wanted}
    return Opened(session((folder / f"{graph}.onnx").read_bytes(), weights))


class Opened:
    """A network that hears."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def run(self, mel: Float32) -> tuple[Float32, Float32]:
        """Return the features (n,) and the labels' probabilities (labels,) of one input."""
        features, labels = self._network.run(["features", "labels"], {"mel": mel})
        return features[0], labels[0]


def _equal(found: Array, wanted: Float32) -> bool:
    return found.shape == wanted.shape and bool(np.allclose(found, wanted, 0.0, _TOLERANCE))


def _require_same(
    wanted: dict[str, tuple[int, ...]],
    found: dict[str, Array],
    beside: tuple[str, ...],
    what: str,
) -> None:
    for name, shape in wanted.items():
        if name not in found:
            raise CheckpointError(f"{what}: the tensor {name} is missing")
        array = found[name]
        if array.shape != shape or array.dtype != np.float32:
            message = (
                f"{what}: the tensor {name} is {array.dtype} {array.shape}, not float32 {shape}"
            )
            raise CheckpointError(message)
    for name in found:
        if name not in wanted and not name.startswith(beside) and not name.endswith(_COUNTERS):
            raise CheckpointError(f"{what}: the tensor {name} is not known")
