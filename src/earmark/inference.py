"""The one door to ONNX Runtime, and to the networks that lie in the package."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Protocol

import numpy.typing as npt

from earmark.errors import DamagedIndexError

Array = npt.NDArray[Any]


class Network(Protocol):
    """A loaded network, ready to run."""

    def run(self, outputs: Sequence[str] | None, inputs: Mapping[str, Array]) -> list[Array]:
        """Return the named outputs, None: all of them, of inputs by their names."""
        ...


def session(model: bytes, weights: Mapping[str, Array] | None = None) -> Network:
    """Return a session of one thread: callers are many processes already.

    Parameters
    ----------
    model
        A whole ONNX file.
    weights
        The initialisers that the file declares as external data, by name; dtype and shape are
        those that it declares.
    """
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if weights:
        names = list(weights)
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(weights[name]) for name in names]
        options.add_external_initializers(names, values)
    made: Network = onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])
    return made


@cache
def shipped(package: str, name: str) -> bytes:
    """Return the bytes of the network ``models/NAME.onnx`` of a package, checked.

    Raises
    ------
    DamagedIndexError
        The installed file is not the one that was released.
    """
    data = (files(package) / "models" / f"{name}.onnx").read_bytes()
    if hashlib.sha256(data).hexdigest() != shipped_checksum(package, name):
        message = f"the network {name}.onnx is damaged; run `pip install --force-reinstall earmark`"
        raise DamagedIndexError(message)
    return data


@cache
def shipped_checksum(package: str, name: str) -> str:
    """Return the recorded sha256 of a network, which stands in the digest of what it made."""
    text = (files(package) / "models" / "SHA256SUMS").read_text()
    return next(line.split()[0] for line in text.splitlines() if line.endswith(f"{name}.onnx"))
