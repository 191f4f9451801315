"""Wrapper of ``align.c``: how well a sung line follows tunes, many hypotheses at once."""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import c_float, c_int64, c_void_p
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from earmark.kernels import library, pointer

MAX_QUERY_FRAMES = 1024
MAX_BACK = 8

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

_C = library()
_C.em_scale.argtypes = [
    *(c_void_p, c_int64, c_float),
    *[c_void_p] * 7,
    *(c_int64, c_void_p, c_int64, c_int64),
    *[c_float] * 3,
    c_void_p,
]
_C.em_scale.restype = None
_C.em_warp.argtypes = [
    *(c_void_p, c_int64, c_float),
    *[c_void_p] * 7,
    *(c_int64, c_void_p, c_int64),
    *[c_float] * 4,
    c_void_p,
]
_C.em_warp.restype = None


class Lines(NamedTuple):
    """Tunes end to end as step functions: tune i is notes ``first[i]`` up to ``stop[i]``.

    ``written`` is 1 where the onsets are a composer's, 0 where they were heard in audio.
    """

    onset_s: Floats
    semitones: Floats
    first: Integers
    stop: Integers
    written: npt.NDArray[np.uint8]


class Scaled(NamedTuple):
    """One row a hypothesis: cost in mean semitones, where it lies, and the two-key cost."""

    cost: Floats
    start_s: Floats
    time_ratio: Floats
    shift_semitones: Floats
    two_key_cost: Floats


def _checked(query: Floats, lines: Lines, which: Integers, *columns: Floats) -> None:
    if not 2 <= len(query) <= MAX_QUERY_FRAMES:
        message = f"a query of 2 to {MAX_QUERY_FRAMES} frames is needed, got {len(query)}"
        raise ValueError(message)
    if any(len(column) != len(which) for column in columns):
        message = "parallel arrays of hypotheses differ in length"
        raise ValueError(message)
    if len(lines.onset_s) != len(lines.semitones) or len(which) == 0:
        message = "no hypotheses, or notes of unequal columns"
        raise ValueError(message)
    first, stop = lines.first[which], lines.stop[which]
    if first.min() < 0 or (stop <= first).any() or stop.max() > len(lines.onset_s):
        message = "a hypothesis names a tune of no notes"
        raise ValueError(message)


def scale(
    query: Floats,
    rate_hz: float,
    lines: Lines,
    which: Integers,
    start_s: Floats,
    time_ratio: Floats,
    fine: Floats,
    back: int,
    grid_s: float,
    truncate: float,
    apart: float,
) -> Scaled:
    """Refine hypotheses by linear scaling (Jang and Lee 2001 call it so).

    Hypothesis i lays the query (semitones, ``rate_hz`` values a second) on tune ``which[i]`` from
    ``start_s[i]`` on at ``time_ratio[i]`` tune seconds a query second. Starts within ``back`` notes
    (or ``back`` steps of ``grid_s``) and every factor in ``fine`` are tried; the key is the median
    difference; differences above ``truncate`` semitones count as that. The two-key cost lets each
    half of the query have its own key at a price of ``apart`` a semitone between them.
    """
    _checked(query, lines, which, start_s, time_ratio)
    if not 0 <= back <= MAX_BACK:
        message = f"back must lie in [0, {MAX_BACK}], got {back}"
        raise ValueError(message)
    first, stop, written = lines.first[which], lines.stop[which], lines.written[which]
    out = np.empty((len(which), 5), np.float32)
    _C.em_scale(
        pointer(query, np.float32),
        len(query),
        rate_hz,
        pointer(lines.onset_s, np.float32),
        pointer(lines.semitones, np.float32),
        pointer(first, np.int64),
        pointer(stop, np.int64),
        pointer(written, np.uint8),
        pointer(start_s, np.float32),
        pointer(time_ratio, np.float32),
        len(which),
        pointer(fine, np.float32),
        len(fine),
        back,
        grid_s,
        truncate,
        apart,
        pointer(out, np.float32),
    )
    return Scaled(*np.ascontiguousarray(out.T))


def warp(
    query: Floats,
    rate_hz: float,
    lines: Lines,
    which: Integers,
    placed: Scaled,
    keys: Sequence[float],
    band_frames: float,
    growth: float,
    truncate: float,
    penalty: float,
) -> Floats:
    """Return the mean cost of warping the query onto each placed hypothesis, in semitones.

    The path stays within ``band_frames + growth * frame`` of the straight line, may begin and end
    anywhere within it, and pays ``penalty`` for a step that stays or skips. ``keys`` are semitones
    around the found shift; the best counts.
    """
    _checked(query, lines, which, placed.start_s, placed.time_ratio, placed.shift_semitones)
    first, stop = lines.first[which], lines.stop[which]
    tried = np.array(keys, np.float32)
    out = np.empty(len(which), np.float32)
    _C.em_warp(
        pointer(query, np.float32),
        len(query),
        rate_hz,
        pointer(lines.onset_s, np.float32),
        pointer(lines.semitones, np.float32),
        pointer(first, np.int64),
        pointer(stop, np.int64),
        pointer(placed.start_s, np.float32),
        pointer(placed.time_ratio, np.float32),
        pointer(placed.shift_semitones, np.float32),
        len(which),
        pointer(tried, np.float32),
        len(tried),
        band_frames,
        growth,
        truncate,
        penalty,
        pointer(out, np.float32),
    )
    return out
