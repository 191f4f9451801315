"""Windows: the stretches of a tune, or of a query, that get a vector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.melody.contour import Line, window
from earmark.melody.params import LINE_HZ, WINDOW_SAMPLES, SearchParams, WindowParams
from earmark.melody.tune import Tune

Floats = npt.NDArray[np.float32]
WHOLE, PART = 0, 1


@dataclass(frozen=True, slots=True)
class Windows:
    """``values`` (n, 80) semitones above each window's median; where each begins and how long."""

    values: Floats
    start_s: Floats
    length_s: Floats


@dataclass(frozen=True, slots=True)
class Asked:
    """A query's windows; ``role`` is `WHOLE` (from its beginning to its end, about) or `PART`."""

    windows: Windows
    role: npt.NDArray[np.int8]


def windows_of(tune: Tune, written: bool, params: WindowParams) -> Windows:
    """Return the windows of a reference.

    A written tune's begin at notes, as people do, and a verse that returns note for note is
    embedded once; a heard one's notes are uncertain, so its windows begin at fixed steps, and
    those in which hardly anything sounds are left out.
    """
    if not len(tune):
        none = np.zeros(0, np.float32)
        return Windows(np.zeros((0, WINDOW_SAMPLES), np.float32), none, none)
    lengths = params.lengths_s if written else params.heard_lengths_s
    gaps = params.gap_s if written else (params.heard_gap_s,) * len(lengths)
    values, starts, spans = [], [], []
    for length_s, gap_s in zip(lengths, gaps, strict=True):
        start = _starts(tune, written, length_s, gap_s, params.least_share)
        if not written:
            start = start[_sounding(tune, start, length_s) >= params.least_voiced_share]
        sampled = _sampled(tune, start, length_s)
        if written:
            coarse = np.round(sampled * 2).clip(-100, 100).astype(np.int8)
            first = np.sort(np.unique(coarse, axis=0, return_index=True)[1])
            sampled, start = sampled[first], start[first]
        values.append(sampled)
        starts.append(start)
        spans.append(np.full(len(start), length_s))
    return Windows(
        np.concatenate(values),
        np.concatenate(starts).astype(np.float32),
        np.concatenate(spans).astype(np.float32),
    )


def _starts(
    tune: Tune, written: bool, length_s: float, gap_s: float, least_share: float
) -> npt.NDArray[np.float64]:
    onset = tune.onset_s.astype(np.float64)
    last = max(tune.end_s - length_s * least_share, onset[0])
    if not written:
        return np.arange(onset[0], last + gap_s, gap_s)
    found = [onset[0]]
    for at in onset[onset <= last]:
        if at - found[-1] >= gap_s:
            found.append(at)
    return np.array(found)


def _sounding(
    tune: Tune, start: npt.NDArray[np.float64], length_s: float
) -> npt.NDArray[np.float64]:
    """Return the share of each window in which a note sounds."""
    edges = np.concatenate(([0.0], np.cumsum(tune.length_s, dtype=np.float64)))

    def sung_before(at: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        note = np.searchsorted(tune.onset_s, at, "right") - 1
        inside = np.clip(at - tune.onset_s[note], 0.0, tune.length_s[note])
        return np.where(note < 0, 0.0, edges[note] + inside)

    return (sung_before(start + length_s) - sung_before(start)) / length_s


def _sampled(tune: Tune, start: npt.NDArray[np.float64], length_s: float) -> Floats:
    """Return (n, 80) pitches of the notes that sound, or sounded last, above their median."""
    at = start[:, None] + (np.arange(WINDOW_SAMPLES) + 0.5) * length_s / WINDOW_SAMPLES
    note = np.searchsorted(tune.onset_s, at, "right") - 1
    values = tune.semitones[np.maximum(note, 0)]
    return (values - np.median(values, axis=1, keepdims=True)).astype(np.float32)


def asked_of(line: Line, params: SearchParams) -> Asked:
    """Return the windows of a query: nearly all of it, and parts that forgive a wrong middle."""
    frames, pitch = len(line.semitones), line.semitones
    rows: list[tuple[float, float, int]] = []
    for share in params.whole_shares:
        length = min(frames * share, params.whole_most_s * LINE_HZ)
        if length >= 2.5 * LINE_HZ or not rows:
            rows.append((0, max(length, 10), WHOLE))
    for start in _part_starts(line, params.part_gap_s):
        lengths = {min(s * LINE_HZ, frames - start) for s in params.part_lengths_s}
        if start == 0:
            lengths.add(min(frames, 12 * LINE_HZ))
        rows += [
            (start, length, PART)
            for length in sorted(lengths)
            if length >= 3 * LINE_HZ or rows[-1][2] == WHOLE
        ]
    values = np.stack([window(pitch, start, length) for start, length, _ in rows])
    table = np.array(rows, np.float64)
    where = (table[:, :2] / LINE_HZ).astype(np.float32)
    return Asked(
        Windows(values, where[:, 0].copy(), where[:, 1].copy()), table[:, 2].astype(np.int8)
    )


def _part_starts(line: Line, gap_s: float) -> list[int]:
    """Return frames about ``gap_s`` apart, moved to a note's beginning where one is near."""
    found = set()
    for start in range(0, max(1, len(line.semitones) - int(4 * LINE_HZ)), int(gap_s * LINE_HZ)):
        nearest = int(line.onsets[np.argmin(np.abs(line.onsets - start))])
        found.add(nearest if abs(nearest - start) <= 0.4 * LINE_HZ else start)
    return sorted(found)
