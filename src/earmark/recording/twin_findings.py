"""Aligned stretches of two recordings as a finding: seconds, speed, pitch, and how sure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from earmark.recording.aligning import Aligned
from earmark.recording.constellation import Constellation
from earmark.recording.params import SpectrumParams
from earmark.types import Evidence, Finding, Landmark, Segment, Span
from earmark.units import ratio_to_semitones

_EDGE_S = 1.0  # nearer than this to a beginning or an end, a stretch is taken to reach it
_EVEN, _STEEPNESS = 0.4, 25.0
_OVER_CHANCE = 2.0


def confidence_of(share: float, chance: float) -> float:
    """Return how sure two stretches are the same recording, in [0, 1].

    Of 515 pieces of music, two that share no sound reach a ``share`` of 0.33 at most, two that
    share instruments and loops 0.48 for more than ten seconds; the same recording in another
    codec, gain, speed or trim keeps 0.75 and more (docs/monitoring.md).

    >>> round(confidence_of(0.4, 0.05), 2), round(confidence_of(0.8, 0.1), 2)
    (0.5, 1.0)
    """
    least = max(_EVEN, _OVER_CHANCE * chance)
    return 1.0 / (1.0 + math.exp(-_STEEPNESS * (share - least)))


def finding_of(
    number: int,
    lines: Sequence[Aligned],
    own_frames: int,
    other_frames: int,
    spectrum: SpectrumParams,
    marks: Sequence[Landmark] = (),
) -> Finding:
    """Return the finding that some lines (at least one) amount to, the longest one speaking.

    Parameters
    ----------
    own_frames, other_frames
        The lengths of both recordings.
    marks
        The peaks that both have, where they are wanted: see `marks_of`.
    """
    frame_s = spectrum.frame_s
    ends_s = _length_s(own_frames, spectrum), _length_s(other_frames, spectrum)
    ordered = sorted(lines, key=lambda line: -line.frames)
    best = ordered[0]
    hits = sum(len(line.pairs) for line in lines)
    heard = sum(len(line.pairs) / line.share for line in lines)
    share = hits / heard
    weights = [len(line.pairs) / line.share for line in lines]
    chance = float(np.average([line.chance for line in lines], weights=weights))
    late_ms = 1000.0 * frame_s * float(np.median(np.abs(best.pairs.late)))
    figures = {
        "aligned_count": hits,
        "peaks": round(heard),
        "share": share,
        "chance": chance,
        "late_ms": late_ms,
    }
    return Finding(
        kind="recording",
        number=number,
        confidence=confidence_of(share, chance),
        score=hits / math.sqrt(max(1.0, heard * max(chance, 0.01))),
        segments=tuple(segment_of(line, *ends_s, frame_s) for line in ordered),
        time_ratio=float(best.slope.time),
        pitch_shift_semitones=ratio_to_semitones(best.slope.pitch),
        evidence=Evidence(figures, marks),
    )


def _length_s(frames: int, spectrum: SpectrumParams) -> float:
    return ((frames - 1) * spectrum.hop + spectrum.window) / spectrum.rate_hz


def marks_of(
    lines: Sequence[Aligned],
    own: Constellation,
    other: Constellation,
    spectrum: SpectrumParams,
) -> tuple[Landmark, ...]:
    """Return every peak that both have, in the order of own time."""
    marks = [
        Landmark(
            float(own.frames[mine]) * spectrum.frame_s,
            float(other.frames[theirs]) * spectrum.frame_s,
            spectrum.bin_hz(float(other.bins[theirs])),
        )
        for line in lines
        for mine, theirs in zip(line.pairs.own.tolist(), line.pairs.other.tolist(), strict=True)
    ]
    return tuple(sorted(marks, key=lambda mark: mark.query_s))


def segment_of(line: Aligned, own_s: float, other_s: float, frame_s: float) -> Segment:
    """Return a line's two stretches; what misses a beginning or an end by little reaches it."""
    start_s, end_s = line.start * frame_s, line.stop * frame_s
    ratio, offset_s = line.slope.time, line.slope.offset * frame_s
    before_s = min(start_s, (offset_s + start_s * ratio) / ratio)
    if before_s <= _EDGE_S:
        start_s -= before_s
    after_s = min(own_s - end_s, (other_s - offset_s - end_s * ratio) / ratio)
    if after_s <= _EDGE_S:
        end_s += after_s
    first_s = max(0.0, offset_s + start_s * ratio)
    reference = Span(float(first_s), float(max(first_s, offset_s + end_s * ratio)))
    return Segment(Span(float(start_s), float(end_s)), reference)
