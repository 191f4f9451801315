"""Conversions as formulas; the only place where a ratio becomes semitones or a level decibels."""

from __future__ import annotations

import math


def ratio_to_semitones(ratio: float) -> float:
    """Return ``12 log2(ratio)``, the interval of a frequency ratio in semitones.

    >>> ratio_to_semitones(2.0)
    12.0
    """
    return 12.0 * math.log2(ratio)


def semitones_to_ratio(semitones: float) -> float:
    """Return ``2 ** (semitones / 12)``, the frequency ratio of an interval.

    >>> semitones_to_ratio(-12.0)
    0.5
    """
    return float(2.0 ** (semitones / 12.0))


def amplitude_to_db(amplitude: float, floor_db: float = -120.0) -> float:
    """Return ``20 log10(amplitude)``, never below ``floor_db``; full scale is 1.0.

    >>> amplitude_to_db(0.0)
    -120.0
    """
    if amplitude <= 0.0:
        return floor_db
    return max(floor_db, 20.0 * math.log10(amplitude))


def clock(seconds: float) -> str:
    """Return ``m:ss.t`` (or ``h:mm:ss.t``) for a position in a recording.

    >>> clock(75.25)
    '1:15.2'
    >>> clock(3661.0)
    '1:01:01.0'
    """
    tenths = round(max(0.0, seconds) * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    lead = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{lead}:{rest // 10:02d}.{rest % 10}"
