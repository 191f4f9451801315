"""Wrapper of ``vectors.c``: int8 vectors, and the exact k nearest of each query among them."""

from __future__ import annotations

from ctypes import c_int32, c_int64, c_void_p

import numpy as np
import numpy.typing as npt

from earmark.kernels import library, pointer

Float32 = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int8]
Scales = npt.NDArray[np.uint16]
UInt32 = npt.NDArray[np.uint32]
Int64 = npt.NDArray[np.int64]

STEP = 2.0**-22
"""Scales are whole multiples of it: 16 bits reach 1/64, and a unit vector needs 1/127 at most."""
MAX_DIMENSION = 8192
AUTO, PORTABLE, AVX2, AVX512 = range(4)
_ALIGNED = 16
_GROUP = 4
_NEAR = np.dtype(
    [
        ("similarity", "f4"),
        ("start", "u4"),
        ("number", "i8"),
        ("length", "u4"),
        ("window", "u4"),
    ]
)

_C = library()
_C.em_nearest_runs.argtypes = [c_int32]
_C.em_nearest_runs.restype = c_int32
_C.em_nearest.argtypes = [
    c_void_p,
    c_int64,
    *[c_void_p] * 6,
    c_int64,
    *[c_void_p] * 2,
    *[c_int64] * 2,
    *[c_void_p] * 2,
    c_int32,
]
_C.em_nearest.restype = c_int32
_C.em_nearest_order.argtypes = [*[c_void_p] * 2, *[c_int64] * 2]
_C.em_nearest_order.restype = None


def runs(path: int) -> bool:
    """Whether this machine runs a path of the kernel; all paths give the same bits."""
    return bool(_C.em_nearest_runs(path))


def row_bytes(dimension: int) -> int:
    """Return the bytes of one stored vector: its dimension, padded with zeros to 16."""
    return -(-dimension // _ALIGNED) * _ALIGNED


def quantised(vectors: Float32) -> tuple[Rows, Scales]:
    """Return ``rows`` (n, row bytes) and ``scale`` (n,): vector = rows * scale * `STEP`.

    Each vector spends all of 8 bits on its own largest component. The scale is rounded up before
    the components are divided by it, so its 16 bits cost no accuracy.

    Raises
    ------
    ValueError
        A component exceeds 1.98, the most that a scale can tell.
    """
    n, dimension = vectors.shape
    peak = np.abs(vectors).max(axis=1, initial=0.0).astype(np.float64)
    scale = np.maximum(1, np.ceil(peak / (127 * STEP)))
    if not (scale <= np.iinfo(np.uint16).max).all():
        message = f"a vector's component is {peak.max():g}, at most 1.98 can be stored"
        raise ValueError(message)
    rows = np.zeros((n, row_bytes(dimension)), np.int8)
    rows[:, :dimension] = np.rint(vectors / (scale * STEP)[:, None])
    return rows, scale.astype(np.uint16)


def restored(rows: Rows, scale: Scales, dimension: int) -> Float32:
    """Return the vectors (n, dimension) that quantised rows stand for."""
    return rows[:, :dimension] * (scale * np.float32(STEP))[:, None]


class Nearest:
    """The k best windows of each query so far; memory is 24 bytes * queries * k.

    Parameters
    ----------
    queries
        float32 (q, dimension), finite, of any length. They are kept to 15 bits (fewer beyond 512
        dimensions, so that 32-bit sums cannot overflow).
    k
        How many to keep for each query.
    path
        Which instruction set; for tests.

    Raises
    ------
    ValueError
        A query is not finite, or of too many dimensions.
    """

    def __init__(self, queries: Float32, k: int, path: int = AUTO) -> None:
        asked, dimension = queries.shape
        if not 1 <= dimension <= MAX_DIMENSION or not np.isfinite(queries).all() or not runs(path):
            message = f"queries must be finite and of 1 to {MAX_DIMENSION} dimensions"
            raise ValueError(message)
        width = row_bytes(dimension)
        most = min(32767, (2**31 - 1) // (128 * width))
        peak = np.abs(queries).max(axis=1, initial=0.0).astype(np.float64)
        step = np.where(peak > 0, peak / most, 1.0)
        padded = -(-asked // _GROUP) * _GROUP
        self._queries = np.zeros((padded, width), np.int16)
        self._queries[:asked, :dimension] = np.rint(queries / step[:, None])
        self._factors = np.zeros(padded, np.float32)
        self._factors[:asked] = step * STEP
        self._asked, self._k, self._path = asked, k, path
        self._heaps = np.zeros((asked, k), _NEAR)
        self._held = np.zeros(asked, np.int64)

    def offer(
        self,
        rows: Rows,
        scale: Scales,
        start: UInt32,
        length: UInt32,
        begin: Int64,
        end: Int64,
        number: Int64,
    ) -> None:
        """Look at ``rows[begin[i]:end[i]]`` for every i; they belong to ``number[i]``.

        Raises
        ------
        ValueError
            The arrays do not fit one another, or a stretch lies outside the rows.
        """
        n, width = rows.shape
        if width != self._queries.shape[1] or not len(scale) == len(start) == len(length) == n:
            message = f"{rows.shape} rows with {len(scale)}, {len(start)}, {len(length)} of them"
            raise ValueError(message)
        if not len(begin) == len(end) == len(number):
            message = f"{len(begin)} stretches, {len(end)} ends, {len(number)} numbers"
            raise ValueError(message)
        if len(begin) and (begin.min() < 0 or end.max() > n):
            message = f"a stretch lies outside of {n} rows"
            raise ValueError(message)
        status = _C.em_nearest(
            pointer(rows, np.int8),
            width,
            pointer(scale, np.uint16),
            pointer(start, np.uint32),
            pointer(length, np.uint32),
            pointer(begin, np.int64),
            pointer(end, np.int64),
            pointer(number, np.int64),
            len(begin),
            pointer(self._queries, np.int16),
            pointer(self._factors, np.float32),
            self._asked,
            self._k,
            pointer(self._heaps, _NEAR),
            pointer(self._held, np.int64),
            self._path,
        )
        if status < 0:
            raise MemoryError

    def best(self) -> tuple[npt.NDArray[np.void], Int64]:
        """Return records (q, k), best first, and how many of each row count; ends the search.

        Fields: ``similarity``, ``number``, ``start``, ``length``, ``window`` (its place in the
        stretch). Ties go to the lower number, then to the earlier start, then the earlier window.
        """
        _C.em_nearest_order(
            pointer(self._heaps, _NEAR), pointer(self._held, np.int64), self._asked, self._k
        )
        return self._heaps, self._held
