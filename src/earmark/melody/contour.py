"""A query's pitch line: what somebody sang, at a fixed rate, without gaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.melody.notes import notes_of
from earmark.melody.params import LINE_HZ, WINDOW_SAMPLES

Floats = npt.NDArray[np.float32]

_JUMP_SEMITONES = 0.7
_LEAST_NOTE_FRAMES = 3
_STANDS_SEMITONES = 0.35


@dataclass(frozen=True, slots=True)
class Line:
    """A sung line at `LINE_HZ` from its first voiced moment to its last.

    ``semitones`` (n,) float32 MIDI numbers, held through rests; ``voiced`` (n,) bool;
    ``onsets`` the frames where notes seem to begin, the first is 0; ``start_s`` where in the clip
    the line begins.
    """

    semitones: Floats
    voiced: npt.NDArray[np.bool_]
    onsets: npt.NDArray[np.int64]
    start_s: float

    @property
    def duration_s(self) -> float:
        """Length in seconds, rests included."""
        return len(self.semitones) / LINE_HZ

    @property
    def voiced_s(self) -> float:
        """Seconds that were sung."""
        return float(self.voiced.sum()) / LINE_HZ

    @property
    def notes(self) -> int:
        """How many notes seem to be sung: a drone is one, whatever its length."""
        return len(notes_of(self.semitones))

    @property
    def steadiness(self) -> float:
        """Share of the voiced time in which the pitch stands: singers hold notes, talkers glide.

        Of real hums 99 in 100 reach 0.54, of 81 speakers none did 0.43.
        """
        both = self.voiced[1:] & self.voiced[:-1]
        steps = np.abs(np.diff(self.semitones))[both]
        return float((steps < _STANDS_SEMITONES).mean()) if len(steps) else 0.0

    def cut(self, start: int, stop: int) -> Line:
        """Return frames ``start`` to ``stop`` as a line of its own."""
        onsets = self.onsets[(self.onsets >= start) & (self.onsets < stop)] - start
        return Line(
            self.semitones[start:stop],
            self.voiced[start:stop],
            np.union1d(onsets, np.zeros(1, np.int64)),
            self.start_s + start / LINE_HZ,
        )


def line_of(semitones: Floats, rate_hz: float, median_s: float) -> Line | None:
    """Return the line of a tracked voice, or None where less than a tenth of a second sounds.

    Parameters
    ----------
    semitones
        (n,) pitch at ``rate_hz``, NaN where nothing is sung.
    median_s
        Length of the median filter that removes single wrong frames.
    """
    sung = ~np.isnan(semitones)
    if int(sung.sum()) < 0.1 * rate_hz:
        return None
    first = int(np.argmax(sung))
    stop = len(sung) - int(np.argmax(sung[::-1]))
    sung = sung[first:stop]
    held = np.maximum.accumulate(np.where(sung, np.arange(len(sung)), 0))
    pitch = _median(semitones[first:stop][held], max(1, round(median_s * rate_hz)) | 1)
    count = max(1, int(len(pitch) * LINE_HZ / rate_hz))
    at = np.minimum((np.arange(count) + 0.5) * rate_hz / LINE_HZ, len(pitch) - 1).astype(np.int64)
    pitch, sung = pitch[at].astype(np.float32), sung[at]
    return Line(pitch, sung, _onsets(pitch, sung), first / rate_hz)


def window(semitones: Floats, start: float, frames: float) -> Floats:
    """Return `WINDOW_SAMPLES` values of a stretch of a line, above their own median."""
    at = start + (np.arange(WINDOW_SAMPLES) + 0.5) * frames / WINDOW_SAMPLES
    values = semitones[np.clip(at.astype(np.int64), 0, len(semitones) - 1)]
    return (values - np.median(values)).astype(np.float32)


def _median(values: Floats, size: int) -> Floats:
    """Median filter with repeated ends."""
    if size == 1:
        return values
    padded = np.pad(values, size // 2, mode="edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, size), axis=1)


def _onsets(pitch: Floats, sung: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Frames where the voice sets in again, or its pitch jumps."""
    found = [0]
    for frame in range(2, len(pitch) - 2):
        before = np.median(pitch[max(0, frame - 3) : frame])
        jump = abs(np.median(pitch[frame : frame + 3]) - before) > _JUMP_SEMITONES
        if (jump or (sung[frame] and not sung[frame - 1])) and (
            frame - found[-1] >= _LEAST_NOTE_FRAMES
        ):
            found.append(frame)
    return np.array(found, np.int64)
