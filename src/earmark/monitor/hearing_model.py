"""The small network behind `Hearing`: figures of some seconds to music, speech or other."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from earmark.errors import DamagedIndexError
from earmark.ports import GapKind

Floats = npt.NDArray[np.float32]

KINDS: tuple[GapKind, ...] = ("music", "speech", "other")
"""The network's outputs, in order."""
REACH = 3
"""Blocks on each side that are pooled with a block: 3.6 s in all."""


@dataclass(frozen=True, slots=True)
class Network:
    """Two layers: pooled figures, less ``mean``, times ``scale``, then 32 hidden units."""

    mean: Floats
    scale: Floats
    hidden: Floats
    hidden_bias: Floats
    out: Floats
    out_bias: Floats

    def log_odds(self, pooled: Floats) -> Floats:
        """Return the log probability of each of `KINDS`, a line for a line of figures."""
        scaled = np.clip((pooled - self.mean) * self.scale, -5.0, 5.0)
        hidden = np.maximum(scaled @ self.hidden + self.hidden_bias, 0.0)
        logits = hidden @ self.out + self.out_bias
        logits = logits - logits.max(axis=1, keepdims=True)
        found: Floats = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return found


def pooled(figures: Floats) -> Floats:
    """Return mean and spread of the figures around each block; windows end at the ends."""
    count = len(figures)
    low = np.maximum(np.arange(count) - REACH, 0)
    high = np.minimum(np.arange(count) + REACH + 1, count)
    wide = figures.astype(np.float64)
    sums = np.concatenate([np.zeros((1, wide.shape[1])), np.cumsum(wide, axis=0)])
    squares = np.concatenate([np.zeros((1, wide.shape[1])), np.cumsum(wide**2, axis=0)])
    length = (high - low)[:, None]
    mean = (sums[high] - sums[low]) / length
    spread = np.sqrt(np.maximum((squares[high] - squares[low]) / length - mean**2, 0.0))
    return np.concatenate([mean, spread], axis=1).astype(np.float32)


@cache
def shipped() -> Network:
    """Return the network in the package, checked.

    Raises
    ------
    DamagedIndexError
        The installed file is not the one that was released.
    """
    folder = files("earmark.monitor") / "models"
    data = (folder / "hearing.npz").read_bytes()
    if hashlib.sha256(data).hexdigest() != (folder / "SHA256SUMS").read_text().split()[0]:
        message = "the network hearing.npz is damaged; run `pip install --force-reinstall earmark`"
        raise DamagedIndexError(message)
    with np.load(io.BytesIO(data)) as table:
        parts = {name: table[name].astype(np.float32) for name in table.files}
    return Network(**parts)
