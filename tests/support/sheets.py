"""Sheets of any samples, as the follower of the recording engine tells them."""

from __future__ import annotations

import itertools

import numpy as np

from earmark.kernels import spectrum as kernel
from earmark.ports.following import Sheet
from earmark.recording.params import SpectrumParams
from earmark.recording.spectrum import log_spectrum

RATE_HZ = 16_000
SPECTRUM = SpectrumParams()


def sheet(samples: np.ndarray, start_s: float = 0.0) -> Sheet:
    """Return the one sheet of all samples."""
    spectrum = log_spectrum(samples.astype(np.float32), SPECTRUM)
    salience = spectrum.copy()
    kernel.whiten(salience, SPECTRUM.whiten_frames, SPECTRUM.whiten_bins)
    return Sheet(start_s, SPECTRUM.frame_s, spectrum, salience)


def cut(whole: Sheet, frames: list[int]) -> list[Sheet]:
    """Return the same frames as sheets that begin at 0 and at those frames."""
    edges = [0, *sorted(frames), len(whole.salience)]
    return [
        Sheet(
            whole.start_s + low * whole.frame_s,
            whole.frame_s,
            whole.log_spectrum[low:high],
            whole.salience[low:high],
        )
        for low, high in itertools.pairwise(edges)
    ]
