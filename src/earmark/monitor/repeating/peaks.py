"""Sheets in, the peaks of their constellation out: what is kept of a source to find repeats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.kernels import spectrum as kernel
from earmark.ports.following import Sheet
from earmark.recording.params import PAGE_FRAMES, ReferenceParams
from earmark.recording.spectrum import Salience
from earmark.types import Span

_CHUNK_FRAMES = 8 * PAGE_FRAMES
"""Peaks are picked about every eight seconds: fewer calls, and a second more or less is no loss."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The peaks of frames [first, end) of a source, in time order; 6 bytes a peak."""

    first: int
    end: int
    frames: npt.NDArray[np.uint32]
    bins: npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class SourcePeaks:
    """What is kept of one source: its stretches, and where a known recording plays."""

    source: str
    frame_s: float
    stretches: tuple[Stretch, ...]
    explained: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class RepeatPeaks:
    """What one process has heard, to be pickled and absorbed by another."""

    sources: tuple[SourcePeaks, ...]


class PeakPicker:
    """Picks the peaks of one source; the result does not depend on how sheets were cut.

    Pages are counted from where the sheets begin, or begin anew after a break.
    """

    def __init__(self, params: ReferenceParams) -> None:
        self._params = params
        self._held: list[Salience] = []
        self._held_frames = 0
        self._held_first = 0  # frame of the source at which _held begins
        self._done = 0  # frame of the source up to which peaks are out
        self.frame_s = 0.0

    def take(self, sheet: Sheet) -> list[Stretch]:
        """Take the next sheet; return what it settles."""
        self.frame_s = sheet.frame_s
        first, found = round(sheet.start_s / sheet.frame_s), list[Stretch]()
        if not self._held or first != self._held_first + self._held_frames:
            found = self.tail()
            self._held, self._held_frames = [], 0
            self._held_first = self._done = first
        self._held.append(sheet.salience)
        self._held_frames += len(sheet.salience)
        reach = self._params.peak_frames
        ready = self._held_first + self._held_frames - reach - self._done
        ready -= ready % PAGE_FRAMES
        if ready >= _CHUNK_FRAMES:
            found.append(self._pick(self._done + ready))
            self._done += ready
            self._drop(self._done - reach)
        return found

    def tail(self) -> list[Stretch]:
        """Return the peaks of what is not settled, as if nothing followed; it stays unsettled."""
        end = self._held_first + self._held_frames
        return [self._pick(end)] if end > self._done else []

    def _pick(self, end: int) -> Stretch:
        cells = self._held[0] if len(self._held) == 1 else np.concatenate(self._held)
        self._held = [cells]
        params = self._params
        frames, bins, _ = kernel.peaks(
            np.ascontiguousarray(cells, np.float32),
            self._done - self._held_first,
            end - self._held_first,
            params.peak_frames,
            params.peak_bins,
            params.least_salience,
            PAGE_FRAMES,
            params.peaks_per_page,
        )
        return Stretch(self._done, end, frames + np.uint32(self._done), bins.astype(np.uint16))

    def _drop(self, before: int) -> None:
        cells = self._held[0][max(0, before - self._held_first) :].copy()
        self._held, self._held_frames = [cells], len(cells)
        self._held_first = max(before, self._held_first)
