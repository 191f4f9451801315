"""Wrappers of ``levels.c``: squares, extremes and flat tops of channels, and their average."""

from __future__ import annotations

from ctypes import c_float, c_int64, c_void_p
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.kernels import library, pointer

Float32 = npt.NDArray[np.float32]
_WIDE = 16

_C = library()
_C.em_sweep.argtypes = [c_void_p, c_int64, c_int64, c_int64, c_float, *[c_void_p] * 3]
_C.em_sweep.restype = c_int64
_C.em_rail.argtypes = [c_void_p, *[c_int64] * 2, *[c_float] * 3, c_int64, *[c_void_p] * 2]
_C.em_rail.restype = None
_C.em_average.argtypes = [c_void_p, c_int64, c_int64, c_void_p]
_C.em_average.restype = None


@dataclass(frozen=True, slots=True)
class Sweep:
    """Sum of squares, highest and lowest of each channel; how many samples are broken."""

    squares: npt.NDArray[np.float64]
    high: Float32
    low: Float32
    broken: int


@dataclass(frozen=True, slots=True)
class Top:
    """What lies at the top of a channel.

    ``at_top`` samples have its value, ``in_runs`` of them in runs that are long enough, the last
    ``tail`` samples without a break; ``at_below`` have the highest value ``below`` it.
    """

    at_top: int
    in_runs: int
    tail: int
    below: float
    at_below: int


def sweep(frames: Float32, absurd: float) -> Sweep:
    """Look at frames of shape (n, channels) once; beyond ``absurd`` or no number is broken."""
    count, channels = frames.shape
    width = channels * max(1, _WIDE // channels)
    squares = np.empty(width, np.float64)
    high, low = np.empty(width, np.float32), np.empty(width, np.float32)
    broken = _C.em_sweep(
        pointer(frames, np.float32),
        count,
        channels,
        width,
        absurd,
        pointer(squares, np.float64),
        pointer(high, np.float32),
        pointer(low, np.float32),
    )
    return Sweep(squares[:channels], high[:channels], low[:channels], broken)


def top_of(
    frames: Float32, channel: int, sign: int, top: float, floor: float, shortest: int, tail: int
) -> Top:
    """Return what lies at the top of a channel, or of its negative.

    Parameters
    ----------
    frames
        Shape (n, channels), C-contiguous.
    sign
        1, or -1 for the negative.
    top
        A float32 value that none exceeds.
    floor
        What is below it does not count.
    shortest
        A run has at least as many samples.
    tail
        So many samples at the top came just before; they were counted then.
    """
    count = np.array([0, 0, tail, 0], np.int64)
    below = np.empty(1, np.float32)
    _C.em_rail(
        c_void_p((pointer(frames, np.float32).value or 0) + channel * frames.itemsize),
        len(frames),
        frames.shape[1],
        sign,
        top,
        floor,
        shortest,
        pointer(below, np.float32),
        pointer(count, np.int64),
    )
    at_top, in_runs, tail, at_below = count.tolist()
    return Top(at_top, in_runs, tail, float(below[0]), at_below)


def average(frames: Float32) -> Float32:
    """Return the mean of the channels of every frame, a new array."""
    count, channels = frames.shape
    out = np.empty(count, np.float32)
    _C.em_average(pointer(frames, np.float32), count, channels, pointer(out, np.float32))
    return out
