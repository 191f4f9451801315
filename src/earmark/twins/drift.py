"""How an alignment runs along time: speed and straying from the peaks that both sounds have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from earmark.audio.profile import AudioProfile
from earmark.twins.facts import Moment
from earmark.types import Landmark, Segment

Float64 = npt.NDArray[np.float64]

_EVERY_S = 10.0
_WIDTH_S = 20.0  # over which a local speed is fitted
_LEAST_PEAKS = 12
_MOST_MOMENTS = 400
_NEAR_S = 0.1  # of a segment's line: peaks of another one are told apart by this
_AUDIBLE_DBFS = -60.0


def moments_of(
    segments: Sequence[Segment],
    marks: Sequence[Landmark],
    a: AudioProfile | None,
    b: AudioProfile | None,
) -> tuple[Moment, ...]:
    """Return the alignment every ten seconds of A, or at longer steps of a long one."""
    if not segments:
        return ()
    own_s = np.array([mark.query_s for mark in marks], np.float64)
    held_s = np.array([mark.reference_s for mark in marks], np.float64)
    total_s = sum(segment.query.duration_s for segment in segments)
    every_s = max(_EVERY_S, total_s / _MOST_MOMENTS)
    found: list[Moment] = []
    for segment in sorted(segments, key=lambda s: s.query.start_s):
        found += _along(segment, own_s, held_s, every_s, a, b)
    return tuple(found)


def straying_ms(moments: Sequence[Moment]) -> float | None:
    """Return the largest distance from the straight line, or None where there are no moments."""
    return max((abs(moment.off_ms) for moment in moments), default=None)


def gain_of(moments: Sequence[Moment]) -> float | None:
    """Return the median of the moments' gains, or None where none is known."""
    gains = [moment.gain_db for moment in moments if moment.gain_db is not None]
    return float(np.median(gains)) if gains else None


def ratio_of(segment: Segment) -> float:
    """Return the seconds of B for one of A in a segment."""
    return segment.reference.duration_s / max(segment.query.duration_s, 1e-9)


def _along(
    segment: Segment,
    own_s: Float64,
    held_s: Float64,
    every_s: float,
    a: AudioProfile | None,
    b: AudioProfile | None,
) -> list[Moment]:
    ratio = ratio_of(segment)
    line_s = segment.reference.start_s + (own_s - segment.query.start_s) * ratio
    inside = (own_s >= segment.query.start_s) & (own_s < segment.query.end_s)
    inside &= np.abs(held_s - line_s) <= _NEAR_S
    at_s, off_s = own_s[inside], (held_s - line_s)[inside]
    found = []
    middle_s = segment.query.start_s + min(every_s, segment.query.duration_s) / 2
    while middle_s < segment.query.end_s:
        near = np.abs(at_s - middle_s) <= _WIDTH_S / 2
        if near.sum() >= _LEAST_PEAKS:
            turn = _turn(at_s[near], off_s[near])
            off = float(off_s[near].mean() + turn * (middle_s - at_s[near].mean()))
            straight_s = segment.reference.start_s + (middle_s - segment.query.start_s) * ratio
            gain_db = _gain(a, b, middle_s, straight_s + off, ratio, every_s)
            found.append(Moment(middle_s, straight_s + off, ratio + turn, off * 1000.0, gain_db))
        middle_s += every_s
    return found


def _turn(at_s: Float64, off_s: Float64) -> float:
    """Return the slope of what strays; 0 where the peaks lie too close to tell."""
    centred = at_s - at_s.mean()
    spread = float(np.square(centred).sum())
    if spread < len(at_s) * 4.0:  # a standard deviation of two seconds
        return 0.0
    return float((centred * (off_s - off_s.mean())).sum() / spread)


def _gain(
    a: AudioProfile | None,
    b: AudioProfile | None,
    a_s: float,
    b_s: float,
    ratio: float,
    width_s: float,
) -> float | None:
    """Return how much louder B is there, by the median of seconds that both can be heard in."""
    if a is None or b is None:
        return None
    steps = np.arange(-width_s / 2, width_s / 2, 1.0)
    first, second = a_s + steps, b_s + steps * ratio
    levels = a.levels_dbfs(first, first + 1.0), b.levels_dbfs(second, second + ratio)
    inside = (first >= 0) & (first + 1.0 <= a.duration_s)
    inside &= (second >= 0) & (second + ratio <= b.duration_s)
    inside &= (levels[0] > _AUDIBLE_DBFS) & (levels[1] > _AUDIBLE_DBFS - 30.0)
    return float(np.median((levels[1] - levels[0])[inside])) if inside.any() else None
