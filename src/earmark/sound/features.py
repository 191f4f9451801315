"""What the truth holds of a track's sound: a vector, a timbre and the labels of each window."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.errors import DamagedIndexError
from earmark.sound.model import Float32

LABELS = 3
"""The likeliest labels of a window that are kept."""
STEP = 0.3
"""Vectors are kept to this share of their own root mean square: cosines change by about 0.005."""

_VERSION = 1
_HEAD = struct.Struct("<BHHI")  # version, dimension, timbre dimension, windows
_NO_LABEL = 0xFFFF
_TIMBRE_STEP = np.float32(0.15)
_LARGEST = 1 << 31


@dataclass(frozen=True, slots=True, eq=False)
class SoundFeatures:
    """The n windows of one track, in order.

    ``start_s``, ``length_s`` (n,) float32 say which part each stands for; ``vectors`` (n, d) and
    ``timbres`` (n, t) float32 as network and cepstra gave them; ``labels`` (n, 3) int32 are the
    likeliest labels' indices, -1 for none, and ``likely`` (n, 3) float32 their probabilities.
    """

    start_s: Float32
    length_s: Float32
    vectors: Float32
    timbres: Float32
    labels: npt.NDArray[np.int32]
    likely: Float32


def features_of(
    spans_s: list[tuple[float, float]],
    vectors: list[Float32],
    timbres: list[Float32],
    labels: list[Float32 | None],
    dimension: int,
    timbre_dimension: int,
) -> SoundFeatures:
    """Return the features of windows given as (start, length), vectors, timbres, label odds."""
    count = len(spans_s)
    spans = np.array(spans_s, np.float32).reshape(count, 2)
    best = np.full((count, LABELS), -1, np.int32)
    likely = np.zeros((count, LABELS), np.float32)
    for row, odds in enumerate(labels):
        if odds is not None and len(odds):
            top = np.argsort(-odds, kind="stable")[:LABELS]
            best[row, : len(top)], likely[row, : len(top)] = top, odds[top]
    return SoundFeatures(
        spans[:, 0],
        spans[:, 1],
        np.array(vectors, np.float32).reshape(count, dimension),
        np.array(timbres, np.float32).reshape(count, timbre_dimension),
        best,
        likely,
    )


def pack(features: SoundFeatures) -> bytes:
    """Return the bytes for the track store; equal features give equal bytes."""
    count, dimension = features.vectors.shape
    head = _HEAD.pack(_VERSION, dimension, features.timbres.shape[1], count)
    steps = _steps(features.vectors)
    quantised = _whole_bytes(features.vectors / steps[:, None])
    timbres = _whole_bytes(features.timbres / _TIMBRE_STEP)
    columns = (
        np.round(features.start_s * 100.0).astype("<u4"),
        np.round(features.length_s * 100.0).astype("<u2"),
        steps.astype("<f4"),
        np.where(features.labels < 0, _NO_LABEL, features.labels).astype("<u2"),
        np.round(features.likely * 255.0).astype(np.uint8),
        quantised,
        timbres,
    )
    # Small whole numbers about zero: Huffman codes alone take them to their entropy.
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_HUFFMAN_ONLY)
    body = packer.compress(b"".join(column.tobytes() for column in columns)) + packer.flush()
    return head + body


def unpack(data: bytes) -> SoundFeatures:
    """Return what `pack` wrote, as exactly as it was kept; raises `DamagedIndexError`."""
    try:
        version, dimension, timbre_dimension, count = _HEAD.unpack_from(data)
        size = count * (4 + 2 + 4 + 3 * LABELS + dimension + timbre_dimension)
        if version != _VERSION or size > _LARGEST:
            raise ValueError(version)
        unpacker = zlib.decompressobj(-15)
        body = unpacker.decompress(data[_HEAD.size :], size + 1)
        if len(body) != size or not unpacker.eof or unpacker.unused_data:
            raise ValueError(len(body))
    except (struct.error, ValueError, zlib.error) as error:
        message = "a stored sound is damaged; run `earmark rebuild`"
        raise DamagedIndexError(message) from error
    at = 0

    def column(kind: str, width: int) -> npt.NDArray[np.generic]:
        nonlocal at
        part = np.frombuffer(body, kind, count * width, at)
        at += part.nbytes
        return part.reshape(count, width)

    start_s = column("<u4", 1)[:, 0].astype(np.float32) / np.float32(100.0)
    length_s = column("<u2", 1)[:, 0].astype(np.float32) / np.float32(100.0)
    steps = column("<f4", 1).astype(np.float32)
    labels = column("<u2", LABELS).astype(np.int32)
    likely = column("u1", LABELS).astype(np.float32) / np.float32(255.0)
    vectors = column("i1", dimension).astype(np.float32) * steps
    timbres = column("i1", timbre_dimension).astype(np.float32) * _TIMBRE_STEP
    labels[labels == _NO_LABEL] = -1
    return SoundFeatures(start_s, length_s, vectors, timbres, labels, likely)


def _steps(vectors: Float32) -> Float32:
    """Return (n,) the size of one step of each vector; 0-vectors have steps of 1."""
    rms = np.sqrt(np.mean(np.square(vectors, dtype=np.float64), axis=1))
    # A component beyond 127 steps would be cut off: such a vector takes larger ones.
    largest = np.abs(vectors).max(axis=1, initial=0.0) / 127.0
    steps = np.maximum(STEP * rms, largest).astype(np.float32)
    return np.where(steps > 0.0, steps, np.float32(1.0))


def _whole_bytes(values: Float32) -> npt.NDArray[np.int8]:
    return np.clip(np.rint(values), -127, 127).astype(np.int8)
