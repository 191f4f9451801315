"""The contour encoder: our own small network, run by ONNX Runtime (training/encoder makes it)."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from earmark import inference
from earmark.melody.params import WINDOW_SAMPLES

Floats = npt.NDArray[np.float32]

DIMENSION = 64
_PACKAGE = "earmark.melody"
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
def session(name: str) -> inference.Network:
    """Return the loaded network ``name`` of this package."""
    return inference.session(weights(name))


def weights(name: str) -> bytes:
    """Return the bytes of a network; raises `DamagedIndexError` where they are not the right ones.

    See `inference.shipped`.
    """
    return inference.shipped(_PACKAGE, name)


def checksum(name: str) -> str:
    """Return the recorded sha256 of a network, which stands in the digest of what it made."""
    return inference.shipped_checksum(_PACKAGE, name)
