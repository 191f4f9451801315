"""Landmark postings packed into about three bytes each; see ``postings.c`` for the code's shape."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from earmark.kernels import library, pointer

TRACK_FRAMES = 4096
"""No two tracks meet in an aligned stretch of that many frames (TRACK_BITS of the C file)."""
DEAD_MOVE = int(np.iinfo(np.int64).min)
"""A move that drops the stretch."""
MAX_SOURCES = 64
MAX_BITS = 2**32 - 1
_BLOCK = 64
_MAX_WIDTH = 56


class DamageError(Exception):
    """The packed bits contradict themselves; stores turn this into their own error."""


class _CBlock(ctypes.Structure):
    _fields_ = (
        ("postings", ctypes.c_uint64),
        ("buckets", ctypes.c_uint64),
        ("frames", ctypes.c_uint32),
        ("hash_bits", ctypes.c_uint32),
        ("group_bits", ctypes.c_uint32),
        ("low_bits", ctypes.c_uint32),
        ("splits", ctypes.c_uint32),
        ("width", ctypes.c_uint32),
        ("directory", ctypes.c_void_p),
        ("high", ctypes.c_void_p),
        ("low", ctypes.c_void_p),
    )


@dataclass(frozen=True, slots=True)
class Shape:
    """The numbers that fix a block's layout; positions are below ``frames``."""

    postings: int
    frames: int
    hash_bits: int
    group_bits: int
    low_bits: int

    @property
    def splits(self) -> int:
        """Buckets per hash where hashes are not grouped."""
        return max(1, -(-self.frames >> self.low_bits)) if self.frames else 1

    @property
    def buckets(self) -> int:
        """Buckets in all."""
        return (1 << (self.hash_bits - self.group_bits)) * self.splits

    @property
    def width(self) -> int:
        """Low bits stored with each posting."""
        return self.group_bits + self.low_bits

    @property
    def lengths(self) -> tuple[int, int, int]:
        """Items of the directory (uint32), the high part (uint64) and the low part (uint8)."""
        return (
            -(-self.buckets // _BLOCK) + 1,
            -(-(self.postings + self.buckets) // 64),
            -(-(self.postings * self.width) // 8) + 8,
        )

    @property
    def sound(self) -> bool:
        """Whether a block of this shape can exist (a header may claim anything)."""
        return (
            0 <= self.group_bits <= self.hash_bits <= 32
            and 0 <= self.low_bits <= 32
            and self.width <= _MAX_WIDTH
            and 0 <= self.frames < 2**32
            and (self.splits == 1 or self.group_bits == 0)
            and self.postings >= 0
            and self.postings + self.buckets <= MAX_BITS
        )


def plan(postings: int, frames: int, hash_bits: int) -> Shape:
    """Return a small and quick shape for so many postings below ``frames``.

    Raises
    ------
    ValueError
        No block can hold that much.
    """
    full = max(0, frames - 1).bit_length()
    grouped = [Shape(postings, frames, hash_bits, group, full) for group in range(hash_bits + 1)]
    split = [Shape(postings, frames, hash_bits, 0, low) for low in range(max(0, full - 8), full)]
    sound = [shape for shape in grouped + split if shape.sound]
    if not sound:
        message = f"{postings} postings below frame {frames} do not fit one block"
        raise ValueError(message)
    # Fewer hashes in a group are faster to look up: that is worth a few per cent of space.
    enough = 1.04 * min(_bits(shape) for shape in sound)
    return min((shape for shape in sound if _bits(shape) <= enough), key=_effort)


def _effort(shape: Shape) -> tuple[int, int, int]:
    return shape.group_bits, shape.splits, _bits(shape)


def _bits(shape: Shape) -> int:
    directory, high, low = shape.lengths
    return 32 * directory + 64 * high + 8 * low


@dataclass(frozen=True, slots=True)
class Block:
    """A packed block: its shape and three arrays, in memory or mapped from a file."""

    shape: Shape
    directory: npt.NDArray[np.uint32]
    high: npt.NDArray[np.uint64]
    low: npt.NDArray[np.uint8]

    def __post_init__(self) -> None:
        if (len(self.directory), len(self.high), len(self.low)) != self.shape.lengths:
            message = "arrays do not have the lengths of the shape"
            raise ValueError(message)

    @classmethod
    def empty(cls, shape: Shape) -> Block:
        """Return a block of zeros, to be written once."""
        directory, high, low = shape.lengths
        return cls(
            shape,
            np.zeros(directory, np.uint32),
            np.zeros(high, np.uint64),
            np.zeros(low, np.uint8),
        )

    def check(self) -> None:
        """Raise `DamageError` unless the directory rises as it must; cheap, reads nothing else."""
        steps = np.diff(self.directory.astype(np.int64))
        least = np.full(len(steps), _BLOCK)
        if len(steps):
            least[-1] = self.shape.buckets - _BLOCK * (len(steps) - 1)
        total = self.shape.postings + self.shape.buckets
        if self.directory[0] != 0 or self.directory[-1] != total or np.any(steps < least):
            message = "the directory of a segment does not rise"
            raise DamageError(message)

    def counts(self, hashes: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
        """Return how many postings each hash has."""
        return self._ranges(hashes)[1]

    def lookup(
        self,
        hashes: npt.NDArray[np.uint32],
        base: int = 0,
        alive: npt.NDArray[np.uint8] | None = None,
    ) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
        """Return (query index, base + position) of every posting of every hash.

        Parameters
        ----------
        hashes
            Any order, repeats allowed; values beyond ``hash_bits`` have no postings.
        base
            Added to every position.
        alive
            One byte for each `TRACK_FRAMES` frames; postings where it is 0 are left out.
        """
        first, count, total = self._ranges(hashes)
        query = np.empty(total, np.uint32)
        position = np.empty(total, np.int64)
        if alive is not None and len(alive) <= self.shape.frames // TRACK_FRAMES:
            message = f"alive has {len(alive)} items for {self.shape.frames} frames"
            raise ValueError(message)
        written = _checked(
            _function("em_fill")(
                ctypes.byref(self._c()),
                pointer(hashes, np.uint32),
                ctypes.c_size_t(len(hashes)),
                pointer(first, np.uint32),
                pointer(count, np.uint32),
                None if alive is None else pointer(alive, np.uint8),
                ctypes.c_int64(base),
                pointer(query, np.uint32),
                pointer(position, np.int64),
            )
        )
        return query[:written], position[:written]

    def _ranges(
        self, hashes: npt.NDArray[np.uint32]
    ) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32], int]:
        first = np.empty(len(hashes), np.uint32)
        count = np.empty(len(hashes), np.uint32)
        total = _checked(
            _function("em_ranges")(
                ctypes.byref(self._c()),
                pointer(hashes, np.uint32),
                ctypes.c_size_t(len(hashes)),
                pointer(first, np.uint32),
                pointer(count, np.uint32),
            )
        )
        return first, count, total

    def _c(self) -> _CBlock:
        shape = self.shape
        return _CBlock(
            shape.postings,
            shape.buckets,
            shape.frames,
            shape.hash_bits,
            shape.group_bits,
            shape.low_bits,
            shape.splits,
            shape.width,
            pointer(self.directory, np.uint32),
            pointer(self.high, np.uint64),
            pointer(self.low, np.uint8),
        )


def encode(
    hashes: npt.NDArray[np.uint32],
    positions: npt.NDArray[np.uint32],
    frames: int,
    hash_bits: int,
) -> Block:
    """Return the block of pairs in any order.

    Hashes must be below ``2**hash_bits`` and positions below ``frames``.
    """
    keys = (hashes.astype(np.uint64) << np.uint64(32)) | positions
    spare = np.empty_like(keys)  # named: a bare address would not keep it alive
    library().em_sort(
        pointer(keys, np.uint64),
        pointer(spare, np.uint64),
        ctypes.c_size_t(len(keys)),
        ctypes.c_uint32(32 + hash_bits),
    )
    block = Block.empty(plan(len(keys), frames, hash_bits))
    _checked(_function("em_encode")(pointer(keys, np.uint64), ctypes.byref(block._c())))
    return block


def merge(
    blocks: Sequence[Block], moves: Sequence[npt.NDArray[np.int64]], postings: int, frames: int
) -> Block:
    """Return one block of the live postings of several.

    Parameters
    ----------
    blocks
        At most `MAX_SOURCES`, of the same ``hash_bits``, in the order of the new time line.
    moves
        For each block, what is added to the positions of each `TRACK_FRAMES` frames, or
        `DEAD_MOVE` where they are dropped; a rising map.
    postings, frames
        What is left, exactly, and the length of the new time line.
    """
    for block, move in zip(blocks, moves, strict=True):
        if len(move) <= block.shape.frames // TRACK_FRAMES:
            message = f"{len(move)} moves for {block.shape.frames} frames"
            raise ValueError(message)
    structures = [block._c() for block in blocks]
    sources = (ctypes.c_void_p * len(blocks))(*[ctypes.addressof(s) for s in structures])
    shifts = (ctypes.c_void_p * len(blocks))(*[pointer(m, np.int64).value for m in moves])
    merged = Block.empty(plan(postings, frames, blocks[0].shape.hash_bits))
    count = ctypes.c_size_t(len(blocks))
    _checked(_function("em_merge")(sources, shifts, count, ctypes.byref(merged._c())))
    return merged


def _function(name: str) -> Any:  # noqa: ANN401 - a ctypes function
    function = getattr(library(), name)
    function.restype = ctypes.c_int64
    return function


def _checked(result: int) -> int:
    if result < 0:
        message = "the postings of a segment contradict themselves"
        raise DamageError(message)
    return int(result)
