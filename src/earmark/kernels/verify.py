"""Wrapper of ``verify.c``: how well constellations explain a query, many alignments at once."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from ctypes import c_double, c_int64, c_void_p
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from earmark.kernels import address, library, pointer

PAGE_FRAMES = 64
MAX_BINS = 512
MAX_REACH = 8

Float64 = npt.NDArray[np.float64]
Int32 = npt.NDArray[np.int32]
Payload = npt.NDArray[np.uint8]

_C = library()
_C.em_verify.argtypes = [
    c_void_p,
    *[c_int64] * 3,
    *[c_void_p] * 6,
    c_int64,
    c_int64,
    c_double,
    *[c_void_p] * 5,
]
_C.em_verify.restype = None


class Verified(NamedTuple):
    """One row an alignment: score, evidence sum, peaks counted, jitter in frames, scores around.

    ``around`` has shape (n, 3): the scores one jitter before, at and one after the best.
    """

    score: Float64
    total: Int32
    counted: Int32
    jitter: Int32
    around: Float64


def _shape(payload: Payload, where: int) -> tuple[int, int]:
    """Return (pages, room for peaks); C reads nothing beyond them, whatever the directory says."""
    if len(payload) < 8 or where % 4:
        message = "a packed constellation is cut short or misaligned"
        raise ValueError(message)
    pages = int.from_bytes(payload[:4].tobytes(), sys.byteorder)
    room = (len(payload) - 4 * (pages + 2)) // 2
    if room < 0:
        message = f"a packed constellation claims {pages} pages in {len(payload)} bytes"
        raise ValueError(message)
    return pages, room


def verify(
    evidence: npt.NDArray[np.int8],
    first_bin: int,
    payloads: Sequence[Payload],
    which: npt.NDArray[np.int64],
    offset: Float64,
    time: Float64,
    pitch: Float64,
    reach: int,
    least: float,
) -> Verified:
    """Score alignments of packed constellations with a query's evidence map.

    Alignment i puts ``payloads[which[i]]`` so that query frame = (frame - offset) / time and query
    bin = (bin + first_bin) * pitch - first_bin, and tries ``reach`` frames to both sides.
    """
    frames, bins = evidence.shape
    if bins > MAX_BINS or reach > MAX_REACH:
        message = f"at most {MAX_BINS} bins and a reach of {MAX_REACH}, got {bins} and {reach}"
        raise ValueError(message)
    where = [address(payload) for payload in payloads]
    found = [_shape(payload, at) for payload, at in zip(payloads, where, strict=True)]
    shapes = np.array(found, np.int64).reshape(-1, 2)
    n = len(which)
    starts = (np.array(where, np.uint64) + np.uint64(4))[which]
    pages, rooms = shapes[which, 0], shapes[which, 1]
    score, around = np.empty(n), np.empty((n, 3))
    total, count, jitter = np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.int32)
    _C.em_verify(
        pointer(evidence, np.int8),
        frames,
        bins,
        first_bin,
        pointer(starts, np.uint64),
        pointer(pages, np.int64),
        pointer(rooms, np.int64),
        pointer(offset, np.float64),
        pointer(time, np.float64),
        pointer(pitch, np.float64),
        n,
        reach,
        least,
        pointer(score, np.float64),
        pointer(total, np.int32),
        pointer(count, np.int32),
        pointer(jitter, np.int32),
        pointer(around, np.float64),
    )
    return Verified(score, total, count, jitter, around)
