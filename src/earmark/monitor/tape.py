"""The last seconds of a source, so that a detection can keep a clip of what it was made from."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from earmark.types import Clip, Samples

_FULL = np.float32(32767.0)


class Tape:
    """Keeps the newest ``length_s`` seconds, 16 bits a sample.

    Parameters
    ----------
    rate_hz
        The rate of what is recorded.
    """

    def __init__(self, rate_hz: int, length_s: float) -> None:
        self._rate_hz = rate_hz
        self._most = round(length_s * rate_hz)
        self._blocks: deque[tuple[float, np.ndarray]] = deque()
        self._held = 0

    def record(self, samples: Samples, at_s: float) -> None:
        """Append samples whose first is second ``at_s`` of the source."""
        if not len(samples):
            return
        block = (np.clip(samples, -1.0, 1.0) * _FULL).astype(np.int16)
        self._blocks.append((at_s, block))
        self._held += len(block)
        while self._held - len(self._blocks[0][1]) >= self._most:
            self._held -= len(self._blocks.popleft()[1])

    def newest(self, most: int) -> Samples:
        """Return the last samples, no more than ``most``, back to the last hole."""
        parts: list[np.ndarray] = []
        begins_s = math.inf
        for block_s, block in reversed(self._blocks):
            hole_s = begins_s - block_s - len(block) / self._rate_hz
            if most <= 0 or (parts and hole_s > 1.5 / self._rate_hz):
                break
            parts.insert(0, block[-most:])
            most -= len(block)
            begins_s = block_s
        return np.concatenate([np.zeros(0, np.int16), *parts]).astype(np.float32) / _FULL

    def cut(self, start_s: float, length_s: float) -> Clip | None:
        """Return what is held of a stretch, up to its first hole; None where nothing is."""
        parts: list[np.ndarray] = []
        end_s, at_s, first_s = start_s + length_s, start_s, None
        for block_s, block in self._blocks:
            begin = max(0, round((at_s - block_s) * self._rate_hz))
            stop = min(len(block), round((end_s - block_s) * self._rate_hz))
            if begin >= stop:
                continue
            if first_s is None:
                first_s = block_s + begin / self._rate_hz
            elif begin == 0 and block_s - at_s > 1.5 / self._rate_hz:
                break  # an outage lies between
            parts.append(block[begin:stop])
            at_s = block_s + stop / self._rate_hz
        if first_s is None:
            return None
        samples = np.concatenate(parts).astype(np.float32) / _FULL
        return Clip(samples, self._rate_hz, first_s)
