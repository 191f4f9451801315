"""The one rule for clips that are too short for a network."""

from __future__ import annotations

import numpy as np

from earmark.sound.model import Float32


def at_least(count: int, samples: Float32) -> Float32:
    """Return samples (n,) as float32, with silence at their end up to ``count`` where n is less.

    The networks were trained on clips filled up to ten seconds in the same way.

    >>> at_least(3, np.ones(1, np.float32))
    array([1., 0., 0.], dtype=float32)
    """
    if samples.ndim != 1 or not len(samples):
        message = f"mono samples (n,) with n >= 1 are needed, got shape {samples.shape}"
        raise ValueError(message)
    samples = np.asarray(samples, np.float32)
    return np.pad(samples, (0, max(0, count - len(samples))))
