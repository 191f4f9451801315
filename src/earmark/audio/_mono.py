"""All channels at the source's rate to one channel at the wanted rate, without a seam."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earmark.kernels import levels as kernel
from earmark.types import Samples

if TYPE_CHECKING:
    import soxr


class MonoResampler:
    """Averages channels, then resamples; block borders leave no trace.

    Parameters
    ----------
    rate_hz
        The rate to deliver.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._source_hz: int | None = None
        self._soxr: soxr.ResampleStream | None = None

    def feed(self, samples: Samples, source_hz: int) -> Samples:
        """Return what is ready after the next frames.

        Parameters
        ----------
        samples
            Finite float32 of shape (n, channels).
        source_hz
            Their rate; when it changes, the old one is flushed first.
        """
        flushed = self.finish() if source_hz != self._source_hz else None
        if flushed is not None:
            self._start(source_hz)
        mono = _average(samples)
        ready = mono if self._soxr is None else self._soxr.resample_chunk(mono)
        return ready if flushed is None or not len(flushed) else np.concatenate((flushed, ready))

    def finish(self) -> Samples:
        """Return what is still inside; the resampler starts afresh after that."""
        silence = np.zeros(0, np.float32)
        rest = silence if self._soxr is None else self._soxr.resample_chunk(silence, last=True)
        self._soxr, self._source_hz = None, None
        return np.asarray(rest, np.float32)

    def _start(self, source_hz: int) -> None:
        self._source_hz = source_hz
        if source_hz != self._rate_hz:
            import soxr

            self._soxr = soxr.ResampleStream(source_hz, self._rate_hz, 1, dtype="float32")


def _average(samples: Samples) -> Samples:
    """Return the mean of the channels, never a view of them: their memory is used again."""
    if samples.flags.c_contiguous:
        return kernel.average(samples)
    share = np.float32(1 / samples.shape[1])
    mono = samples[:, 0] * share
    for channel in range(1, samples.shape[1]):
        mono += samples[:, channel] * share
    return mono
