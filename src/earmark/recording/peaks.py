"""Block by block from samples to a constellation, in memory that does not grow with the audio."""

from __future__ import annotations

import numpy as np

from earmark.kernels import spectrum as kernel
from earmark.recording.constellation import Constellation
from earmark.recording.params import PAGE_FRAMES, RecordingParams
from earmark.recording.spectrum import Salience, frame_count, salience
from earmark.types import Samples

_CHUNK_FRAMES = 16 * PAGE_FRAMES


class PeakAnalyser:
    """Feeds samples in, keeps the peaks; the result does not depend on how they were cut.

    Chunks begin at fixed frames and carry enough context on both sides for whitening and for the
    peak's box, so a peak is judged by the same cells wherever a block happens to end.
    """

    def __init__(self, params: RecordingParams) -> None:
        self._params = params
        spectrum, reference = params.spectrum, params.reference
        self._context = spectrum.whiten_frames + reference.peak_frames
        self._pending: list[Samples] = []
        self._held = 0  # samples in _pending
        self._start = 0  # frame at which _pending begins
        self._done = 0  # frames whose peaks are out
        self._frames: list[np.ndarray] = []
        self._bins: list[np.ndarray] = []

    def feed(self, samples: Samples) -> None:
        """Take the next samples, float32 mono at the engine's rate."""
        self._pending.append(samples)
        self._held += len(samples)
        spectrum = self._params.spectrum
        if self._start + frame_count(self._held, spectrum) < self._next_end():
            return
        buffer = np.concatenate(self._pending)
        while self._start + frame_count(len(buffer), spectrum) >= self._next_end():
            until = self._next_end() - self._start
            self._take(buffer[: self._samples(until)], _CHUNK_FRAMES)
            drop = max(0, self._done - self._context - self._start)
            buffer = buffer[drop * spectrum.hop :]
            self._start += drop
        self._pending, self._held = [buffer], len(buffer)

    def finish(self) -> Constellation:
        """Return the constellation of all that was fed."""
        buffer = np.concatenate(self._pending) if self._pending else np.empty(0, np.float32)
        total = self._start + frame_count(len(buffer), self._params.spectrum)
        if total > self._done:
            self._take(buffer, total - self._done)
        if not self._frames:
            empty = np.empty(0, np.uint32)
            return Constellation(empty, empty, total)
        return Constellation(np.concatenate(self._frames), np.concatenate(self._bins), total)

    def _next_end(self) -> int:
        return self._done + _CHUNK_FRAMES + self._context

    def _samples(self, frames: int) -> int:
        return (frames - 1) * self._params.spectrum.hop + self._params.spectrum.window

    def _take(self, samples: Samples, frames: int) -> None:
        reference = self._params.reference
        begin = self._done - self._start
        t, f, _ = kernel.peaks(
            salience(samples, self._params.spectrum),
            begin,
            begin + frames,
            reference.peak_frames,
            reference.peak_bins,
            reference.least_salience,
            PAGE_FRAMES,
            reference.peaks_per_page,
        )
        self._frames.append(t + np.uint32(self._done))
        self._bins.append(f)
        self._done += frames


def query_peaks(
    cells: Salience, params: RecordingParams
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (frame, bin, salience) of a query's many peaks, in time order."""
    query = params.query
    return kernel.peaks(
        cells,
        0,
        len(cells),
        query.peak_frames,
        query.peak_bins,
        params.reference.least_salience,
        PAGE_FRAMES,
        query.peaks_per_page,
    )
