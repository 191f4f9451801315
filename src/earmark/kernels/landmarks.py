"""Wrappers of ``landmarks.c``: pairs of peaks as hashes, the vote over alignments."""

from __future__ import annotations

from ctypes import c_float, c_int64, c_void_p

import numpy as np
import numpy.typing as npt

from earmark.kernels import library, pointer

UInt32 = npt.NDArray[np.uint32]
Int64 = npt.NDArray[np.int64]
Float32 = npt.NDArray[np.float32]

_C = library()
_C.em_pairs.argtypes = [c_void_p, c_void_p, c_int64, c_int64, c_void_p, c_void_p]
_C.em_pairs.restype = c_int64
_C.em_query_pairs.argtypes = [*[c_void_p] * 3, c_int64, c_int64, c_float, c_int64, *[c_void_p] * 3]
_C.em_query_pairs.restype = c_int64
_C.em_vote.argtypes = [
    c_void_p,
    c_void_p,
    c_int64,
    *[c_void_p] * 2,
    c_int64,
    c_int64,
    *[c_void_p] * 2,
]
_C.em_vote.restype = c_int64


def pairs(frames: UInt32, bins: UInt32, fan_out: int) -> tuple[UInt32, UInt32]:
    """Return (hash, anchor frame) of every peak with its ``fan_out`` nearest later peaks.

    Peaks come in time order, bins below 512; the zone is 2..63 frames on and +-63 bins.
    """
    room = len(frames) * fan_out + 1
    hashes, anchors = np.empty(room, np.uint32), np.empty(room, np.uint32)
    count = _C.em_pairs(
        pointer(frames, np.uint32),
        pointer(bins, np.uint32),
        len(frames),
        fan_out,
        pointer(hashes, np.uint32),
        pointer(anchors, np.uint32),
    )
    return hashes[:count], anchors[:count]


def query_pairs(
    frames: UInt32, bins: UInt32, salience: Float32, fan_out: int, off_weight: float
) -> tuple[UInt32, UInt32, Float32]:
    """Return (hash, anchor frame, weight) of the query's pairs, each also one frame off.

    A weight is the product of the two saliences, times ``off_weight`` for a guess one frame off.
    """
    room = 3 * len(frames) * fan_out + 1
    hashes, anchors = np.empty(room, np.uint32), np.empty(room, np.uint32)
    weights = np.empty(room, np.float32)
    count = _C.em_query_pairs(
        pointer(frames, np.uint32),
        pointer(bins, np.uint32),
        pointer(salience, np.float32),
        len(frames),
        fan_out,
        off_weight,
        room,
        pointer(hashes, np.uint32),
        pointer(anchors, np.uint32),
        pointer(weights, np.float32),
    )
    return hashes[:count], anchors[:count], weights[:count]


def vote(
    query_index: UInt32,
    position: Int64,
    frame_of: UInt32,
    weight_of: Float32,
    base: int,
    top: int,
) -> tuple[Int64, Float32]:
    """Return (offset, weight) of the ``top`` alignments, heaviest first.

    An alignment is ``position - frame_of[query_index]``; its weight sums ``weight_of`` over the
    hits within one frame of it. ``base`` exceeds every query frame.
    """
    offsets, weights = np.empty(top, np.int64), np.empty(top, np.float32)
    count = _C.em_vote(
        pointer(query_index, np.uint32),
        pointer(position, np.int64),
        len(query_index),
        pointer(frame_of, np.uint32),
        pointer(weight_of, np.float32),
        base,
        top,
        pointer(offsets, np.int64),
        pointer(weights, np.float32),
    )
    if count < 0:
        raise MemoryError
    return offsets[:count], weights[:count]
