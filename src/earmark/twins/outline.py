"""The shape of a sound to draw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """Lowest and highest samples, (n,) each, of ``step_s`` long stretches from second 0."""

    step_s: float
    low: Float32
    high: Float32

    def __len__(self) -> int:
        return len(self.low)

    def coarser(self, most: int) -> Outline:
        """Return at most ``most`` points that still hold every peak."""
        each = -(-len(self.low) // most) or 1
        starts = np.arange(0, len(self.low), each)
        if each == 1 or not len(starts):
            return self
        low = np.minimum.reduceat(self.low, starts)
        return Outline(self.step_s * each, low, np.maximum.reduceat(self.high, starts))
