"""Wrapper of ``fourier.c``: samples to the log magnitudes of windows, in one go."""

from __future__ import annotations

import math
from ctypes import c_float, c_int64, c_void_p
from functools import cache

import numpy as np
import numpy.typing as npt

from earmark.kernels import library, pointer

Float32 = npt.NDArray[np.float32]
_LANES = 8
_ALIGNED_BYTES = 64

_C = library()
_C.em_fourier.argtypes = [
    c_void_p,
    *[c_int64] * 3,
    *[c_void_p] * 2,
    *[c_int64] * 2,
    c_float,
    *[c_void_p] * 2,
]
_C.em_fourier.restype = None


def fits(length: int) -> bool:
    """Return whether windows of a length can be transformed here: powers of 4 from 16 on.

    >>> fits(1024), fits(2048), fits(4)
    (True, False, False)
    """
    return length >= 16 and length & (length - 1) == 0 and length.bit_length() % 2 == 1


def log_magnitudes(
    samples: Float32, window: Float32, hop: int, first_bin: int, bins: int, floor_power: float
) -> Float32:
    """Return ``0.5 ln(|X|^2 + floor_power)`` of every whole window, shape (frames, bins).

    X is ``bins`` bins from ``first_bin`` on, neither the lowest nor the highest among them.
    """
    length = len(window)
    if not fits(length) or first_bin < 1 or first_bin + bins > length // 2:
        message = f"no bins {first_bin} to {first_bin + bins} of windows of {length} samples"
        raise ValueError(message)
    frames = max(0, (len(samples) - length) // hop + 1)
    out = np.empty((frames, bins), np.float32)
    size = (2 * length + bins) * _LANES * 8
    work = np.empty(size + _ALIGNED_BYTES, np.uint8)
    _C.em_fourier(
        pointer(samples, np.float32),
        frames,
        hop,
        length,
        pointer(window, np.float32),
        pointer(_turns(length), np.float64),
        first_bin,
        bins,
        floor_power,
        c_void_p(work.ctypes.data + -work.ctypes.data % _ALIGNED_BYTES),
        pointer(out, np.float32),
    )
    return out


@cache
def _turns(length: int) -> npt.NDArray[np.float64]:
    """Return cosines and sines of the passes, first pass first, as `em_fourier` reads them."""
    circle = _circle(length)
    turns: list[float] = []
    inner = 1
    while inner < length:
        for quarter in range(1, 4):
            line = [0.0] * (inner - 1)
            for i in range(1, (inner - 1) // 2 + 1):
                turn = circle[quarter * length // (4 * inner) * i]
                line[2 * i - 2], line[2 * i - 1] = turn.real, turn.imag
            turns += line
        inner *= 4
    return np.array(turns)


def _circle(length: int) -> list[complex]:
    """Return the ``length`` points of the unit circle, rounded as pocketfft rounds them.

    That makes each from two of about 2 sqrt(length) that it has from sine and cosine.
    """
    shift = 1
    while 1 << 2 * shift < (length + 2) // 2:
        shift += 1
    near = [_point(i, length) for i in range(1 << shift)]
    far = [_point(i << shift, length) for i in range(((length + 2) // 2 >> shift) + 1)]

    def at(index: int) -> complex:
        a, b = near[index & (1 << shift) - 1], far[index >> shift]
        return complex(a.real * b.real - a.imag * b.imag, a.real * b.imag + a.imag * b.real)

    half = [at(index) for index in range(length // 2 + 1)]
    return half + [half[length - i].conjugate() for i in range(length // 2 + 1, length)]


def _point(index: int, length: int) -> complex:
    """Return a point of the circle from an angle of at most an eighth of it."""
    eighths, unit = 8 * index, 0.25 * math.pi / length
    octant, rest = divmod(eighths, length)
    angle = unit * (rest if octant % 2 == 0 else length - rest)
    near, far = math.cos(angle), math.sin(angle)
    if octant % 4 in {1, 2}:
        near, far = far, near
    return complex(near if octant in {0, 1, 6, 7} else -near, far if octant < 4 else -far)
