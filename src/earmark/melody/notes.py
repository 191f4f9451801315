"""A heard pitch line becomes notes: steady stretches, slips smoothed away."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from earmark.melody.params import LINE_HZ
from earmark.melody.tune import STEPS, Tune

Floats = npt.NDArray[np.float32]

_APART_SEMITONES = 0.5
_LEAST_FRAMES = 2
_BRIDGE_FRAMES = 2


def notes_of(pitch: Floats) -> Tune:
    """Return the notes of a line at `LINE_HZ`, NaN where it is silent.

    A note goes on while the pitch stays within half a semitone of its mean; a stretch of one frame
    is a slip and joins the note before; a gap of two frames is breath within a note.
    """
    runs: list[list[float]] = []  # first frame, frames, sum of pitch
    level = np.nan
    for frame, value in enumerate(pitch):
        if np.isnan(value):
            level = np.nan
            continue
        if runs and abs(value - level) <= _APART_SEMITONES:
            runs[-1][1] += 1
            runs[-1][2] += float(value)
        else:
            runs.append([frame, 1, float(value)])
        level = runs[-1][2] / runs[-1][1]
    kept: list[list[float]] = []
    for first, frames, total in runs:
        mean = total / frames
        if kept:
            before = kept[-1]
            gap = first - before[0] - before[1]
            same = abs(mean - before[2] / before[1]) <= _APART_SEMITONES
            if (same and gap <= _BRIDGE_FRAMES) or (frames < _LEAST_FRAMES and gap == 0):
                grown = first + frames - before[0]
                before[2], before[1] = before[2] / before[1] * grown, grown
                continue
        if frames >= _LEAST_FRAMES:
            kept.append([first, frames, total])
    table = np.array(kept, np.float64).reshape(-1, 3)
    level_of = table[:, 2] / np.maximum(table[:, 1], 1)
    return Tune(
        (table[:, 0] / LINE_HZ).astype(np.float32),
        (table[:, 1] / LINE_HZ).astype(np.float32),
        (np.round(level_of * STEPS) / STEPS).astype(np.float32),
    )
