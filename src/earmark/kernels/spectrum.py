"""Wrappers of ``spectrum.c``: log spectrum, whitening, peaks, evidence map."""

from __future__ import annotations

import ctypes
from ctypes import c_float, c_int64, c_void_p

import numpy as np
import numpy.typing as npt

from earmark.kernels import library, pointer

Float32 = npt.NDArray[np.float32]
PeakArrays = tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32], Float32]

_C = library()
_C.em_log_magnitude.argtypes = [c_void_p, c_int64, c_int64, c_int64, c_int64, c_float, c_void_p]
_C.em_log_magnitude.restype = None
_C.em_whiten.argtypes = [c_void_p, c_int64, c_int64, c_int64, c_int64]
_C.em_peaks.argtypes = [c_void_p, *[c_int64] * 6, c_float, c_int64, c_int64, *[c_void_p] * 3]
_C.em_peaks.restype = c_int64
_C.em_evidence.argtypes = [c_void_p, *[c_int64] * 6, *[c_float] * 4, c_void_p]


def log_magnitude(
    spectrum: npt.NDArray[np.complex64], first_bin: int, out: Float32, floor_power: float
) -> None:
    """Write ``0.5 ln(|X|^2 + floor_power)`` of ``out.shape[1]`` bins from ``first_bin`` on.

    ``spectrum`` has shape (frames, fft bins), ``out`` (frames, bins).
    """
    frames, bins = out.shape
    if spectrum.shape[0] != frames or first_bin + bins > spectrum.shape[1]:
        message = f"spectrum {spectrum.shape} does not hold {bins} bins from {first_bin} on"
        raise ValueError(message)
    _C.em_log_magnitude(
        pointer(spectrum, np.complex64),
        frames,
        spectrum.shape[1],
        first_bin,
        bins,
        floor_power,
        pointer(out, np.float32),
    )


def whiten(log_spectrum: Float32, reach_frames: int, reach_bins: int) -> None:
    """Subtract, in place, the mean of the ``2 reach + 1`` frames and bins around each cell."""
    frames, bins = log_spectrum.shape
    code = _C.em_whiten(pointer(log_spectrum, np.float32), frames, bins, reach_frames, reach_bins)
    _require_memory(code)


def peaks(
    salience: Float32,
    begin: int,
    end: int,
    reach_frames: int,
    reach_bins: int,
    least: float,
    page_frames: int,
    per_page: int,
) -> PeakArrays:
    """Return (frame relative to ``begin``, bin, salience) of the peaks of frames [begin, end).

    A peak is the highest cell of its box; every page of ``page_frames`` keeps its ``per_page``
    most salient. In time order.
    """
    frames, bins = salience.shape
    if not 0 <= begin <= end <= frames:
        message = f"frames [{begin}, {end}) lie outside the {frames} given"
        raise ValueError(message)
    room = per_page * (-(-(end - begin) // page_frames) + 1)
    t, f = np.empty(room, np.uint32), np.empty(room, np.uint32)
    s = np.empty(room, np.float32)
    count = _C.em_peaks(
        pointer(salience, np.float32),
        frames,
        bins,
        begin,
        end,
        reach_frames,
        reach_bins,
        least,
        page_frames,
        per_page,
        ctypes.c_void_p(t.ctypes.data),
        ctypes.c_void_p(f.ctypes.data),
        ctypes.c_void_p(s.ctypes.data),
    )
    _require_memory(count)
    return t[:count].copy(), f[:count].copy(), s[:count].copy()


def evidence(
    salience: Float32,
    reach: int,
    time_reach: int,
    time_variance: float,
    share: float,
    limit: float,
    scale: float,
    begin: int = 0,
    end: int | None = None,
) -> npt.NDArray[np.int8]:
    """Return the evidence that a reference peak lies at each cell, in units of ``1 / scale``.

    ``share`` weighs the z-score of the cell (or a neighbour bin) within its own bin over
    ``+-time_reach`` frames, the rest its z-score within the square of ``+-reach`` cells; both are
    clipped to ``+-limit``. Frames outside [begin, end) serve as context only.
    """
    frames, bins = salience.shape
    end = frames if end is None else end
    if not 0 <= begin <= end <= frames:
        message = f"frames [{begin}, {end}) lie outside the {frames} given"
        raise ValueError(message)
    out = np.empty((end - begin, bins), np.int8)
    code = _C.em_evidence(
        pointer(salience, np.float32),
        frames,
        bins,
        begin,
        end,
        reach,
        time_reach,
        time_variance,
        share,
        limit,
        scale,
        pointer(out, np.int8),
    )
    _require_memory(code)
    return out


def _require_memory(code: int) -> None:
    if code < 0:
        raise MemoryError
