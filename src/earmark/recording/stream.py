"""Samples without end to chunks of evidence and peaks, each frame analysed once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.kernels import spectrum as kernel
from earmark.ports import Sheet
from earmark.recording.judge import widened
from earmark.recording.landmarks import Peaks
from earmark.recording.params import PAGE_FRAMES, RecordingParams
from earmark.recording.spectrum import Salience, frame_count, log_spectrum
from earmark.recording.verify import EVIDENCE_SCALE
from earmark.types import Samples

MARKED = 100
"""Peaks a page with which a reference's must coincide."""
CHUNK_FRAMES = 4 * PAGE_FRAMES
"""Frames of a chunk, 4.1 s: how often a follower looks."""


@dataclass(slots=True)
class Chunk:
    """A stretch of the source: ``first`` is its first frame since the start.

    ``evidence`` is int8 of shape (frames, bins) in units of `EVIDENCE_SCALE`; ``left`` the same
    without what known lines explain; ``marks`` is 1 within one cell of the stronger peaks. Peaks
    are (frame in the chunk, bin, salience).
    ``level`` is the mean natural log magnitude above the floor.
    """

    first: int
    evidence: npt.NDArray[np.int8]
    left: npt.NDArray[np.int8]
    marks: npt.NDArray[np.int8]
    frames: npt.NDArray[np.uint32]
    bins: npt.NDArray[np.uint32]
    salience: npt.NDArray[np.float32]
    level: float

    def __len__(self) -> int:
        return len(self.evidence)


class ChunkAnalyser:
    """Feeds samples in, gives chunks out; the result does not depend on how they were cut.

    A cell's salience needs `whiten_frames` around it and its evidence `evidence_time_reach` more,
    so a chunk comes about a second after its last sample.
    """

    def __init__(self, params: RecordingParams) -> None:
        self._params = params
        self._white = params.spectrum.whiten_frames
        self._reach = max(params.query.evidence_time_reach, params.query.evidence_reach)
        self._pending: list[Samples] = []
        self._held = 0  # samples in _pending
        self._log: Salience = np.empty((0, params.spectrum.bins), np.float32)
        self._log_first = 0  # frame of the log spectrum's first row
        self._next = 0  # first frame of the next chunk
        self._heard = 0  # first frame of the next sheet
        self._sheets: list[Sheet] = []

    def feed(self, samples: Samples) -> list[Chunk]:
        """Take the next mono samples; return the chunks that are complete."""
        self._pending.append(samples)
        self._held += len(samples)
        spectrum = self._params.spectrum
        wanted = self._next + CHUNK_FRAMES + self._white + self._reach
        if self._log_last + frame_count(self._held, spectrum) < wanted:
            return []
        self._analyse()
        chunks = []
        while self._log_last >= self._next + CHUNK_FRAMES + self._white + self._reach:
            chunks.append(self._chunk(CHUNK_FRAMES))
        return chunks

    def finish(self) -> list[Chunk]:
        """Return what is left, in chunks of which the last is shorter; then start anew."""
        self._analyse()
        chunks = []
        while self._log_last > self._next:
            chunks.append(self._chunk(min(CHUNK_FRAMES, self._log_last - self._next)))
        self._pending, self._held = [], 0
        self._log = self._log[:0]
        return chunks

    def sheets(self) -> list[Sheet]:
        """Return the spectra of the chunks since the last call."""
        found, self._sheets = self._sheets, []
        return found

    @property
    def next_frame(self) -> int:
        """The first frame of the next chunk."""
        return self._next

    @property
    def _log_last(self) -> int:
        return self._log_first + len(self._log)

    def _analyse(self) -> None:
        spectrum = self._params.spectrum
        samples = np.concatenate(self._pending) if self._pending else np.empty(0, np.float32)
        frames = frame_count(len(samples), spectrum)
        if frames:
            self._log = np.concatenate([self._log, log_spectrum(samples, spectrum)])
            samples = samples[frames * spectrum.hop :]
        self._pending, self._held = [samples], len(samples)

    def _chunk(self, frames: int) -> Chunk:
        params, query = self._params, self._params.query
        start, stop = self._next, self._next + frames
        # Salience with the context that evidence needs, from a log spectrum with more.
        low = max(self._log_first, start - self._reach)
        high = min(self._log_last, stop + self._reach)
        below = max(self._log_first, low - self._white)
        above = min(self._log_last, high + self._white)
        cells = self._log[below - self._log_first : above - self._log_first].copy()
        kernel.whiten(cells, params.spectrum.whiten_frames, params.spectrum.whiten_bins)
        cells = cells[low - below : high - below]
        evidence = kernel.evidence(
            cells,
            query.evidence_reach,
            query.evidence_time_reach,
            query.evidence_time_variance,
            query.evidence_share,
            query.evidence_limit,
            EVIDENCE_SCALE,
            start - low,
            stop - low,
        )
        t, f, salience = kernel.peaks(
            cells,
            start - low,
            stop - low,
            query.peak_frames,
            query.peak_bins,
            params.reference.least_salience,
            PAGE_FRAMES,
            query.peaks_per_page,
        )
        own = self._log[start - self._log_first : stop - self._log_first]
        frame_s = params.spectrum.frame_s
        self._sheets.append(
            Sheet(start * frame_s, frame_s, own.copy(), cells[start - low : stop - low].copy())
        )
        level = float(own.mean() - own.min()) if len(own) else 0.0
        self._next = stop
        keep = max(self._log_first, stop - self._reach - self._white)
        self._log = self._log[keep - self._log_first :]
        self._log_first = keep
        marks = _marks(Peaks.of(t, f, salience, frames), evidence.shape)
        return Chunk(start, evidence, evidence.copy(), marks, t, f, salience, level)


def _marks(peaks: Peaks, shape: tuple[int, ...]) -> npt.NDArray[np.int8]:
    strong = peaks.rank < MARKED
    return widened(peaks.frames[strong], peaks.bins[strong], (shape[0], shape[1]))
