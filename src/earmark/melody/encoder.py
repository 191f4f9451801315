"""The contour encoder: our own small network, run by ONNX Runtime (training/encoder makes it)."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from earmark.errors import DamagedIndexError
from earmark.melody.params import WINDOW_SAMPLES

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Floats = npt.NDArray[np.float32]

DIMENSION = 64
_BATCH = 256


def embed(windows: Floats) -> Floats:
    """Return unit vectors (n, 64) of windows (n, 80) in semitones above their median."""
    if windows.ndim != 2 or windows.shape[1] != WINDOW_SAMPLES:
        message = f"windows of {WINDOW_SAMPLES} values are needed, got shape {windows.shape}"
        raise ValueError(message)
    if not len(windows):
        return np.zeros((0, DIMENSION), np.float32)
    parts = [
        session("encoder").run(None, {"window": windows[at : at + _BATCH]})[0]
        for at in range(0, len(windows), _BATCH)
    ]
    return np.concatenate(parts)


@cache
def session(name: str) -> InferenceSession:
    """Return the loaded network ``name`` of this package; one thread: callers are many already."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(weights(name), options, ["CPUExecutionProvider"])


@cache
def weights(name: str) -> bytes:
    """Return the bytes of a network after checking them against the checksum in the package.

    Raises
    ------
    DamagedIndexError
        The installed file is not the one that was released.
    """
    folder = files("earmark.melody") / "models"
    data = (folder / f"{name}.onnx").read_bytes()
    if hashlib.sha256(data).hexdigest() != checksum(name):
        message = f"the network {name}.onnx is damaged; run `pip install --force-reinstall earmark`"
        raise DamagedIndexError(message)
    return data


@cache
def checksum(name: str) -> str:
    """Return the recorded sha256 of a network, which stands in the digest of what it made."""
    text = (files("earmark.melody") / "models" / "SHA256SUMS").read_text()
    return next(line.split()[0] for line in text.splitlines() if line.endswith(f"{name}.onnx"))
