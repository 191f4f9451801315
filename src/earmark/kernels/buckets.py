"""Postings of neighbouring hashes as one value to append to; see ``buckets.c`` for the code."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from earmark.kernels import library, pointer
from earmark.kernels.postings import DamageError

UInt8 = npt.NDArray[np.uint8]
UInt32 = npt.NDArray[np.uint32]
UInt64 = npt.NDArray[np.uint64]
Int64 = npt.NDArray[np.int64]
GROUP_MOST = 6
"""A bucket has at most 2**6 hashes."""
FRAME_BITS = 24
"""A position is ``(number << 24) + 4096 + frame``."""
_SPARE = bytes(8)
_MOST = 1 << 26
_DAMAGED, _NO_ROOM = -1, -2


@dataclass(frozen=True, slots=True)
class Values:
    """Values end to end, with bytes to spare; value i lies before ``ends[i]``."""

    data: UInt8
    ends: UInt64

    @classmethod
    def of(cls, values: Sequence[bytes | None]) -> Values:
        """Join what a store keeps; None is an empty value."""
        held = [value or b"" for value in values]
        ends = np.cumsum(np.fromiter(map(len, held), np.uint64, len(held)), dtype=np.uint64)
        return cls(np.frombuffer(b"".join([*held, _SPARE]), np.uint8), ends)

    def __len__(self) -> int:
        return len(self.ends)

    def counts(self) -> UInt64:
        """Return how many postings each value says it has; decodes none.

        Raises
        ------
        DamageError
            The bytes are no value.
        """
        counts = np.empty(len(self), np.uint64)
        _checked(
            _function("em_buckets_counts")(
                pointer(self.data, np.uint8),
                pointer(self.ends, np.uint64),
                ctypes.c_size_t(len(self)),
                pointer(counts, np.uint64),
            )
        )
        return counts


@dataclass(frozen=True, slots=True)
class Decoded:
    """Postings as parallel arrays: of which value, and the low bits of their hash."""

    value: UInt32
    low: UInt8
    number: UInt32
    frame: UInt32


def pack(
    bucket: UInt32, hashes: UInt32, numbers: UInt32, frames: UInt32, group: int
) -> tuple[UInt32, list[bytes]]:
    """Return buckets, rising, and a chunk for each.

    Parameters
    ----------
    bucket
        Of each posting; chunks are made of those that share one.
    numbers
        Rising, below ``2**31``; frames are below ``2**24``.
    group
        So many low bits of a hash are written.
    """
    count = len(hashes)
    keys = np.arange(count, dtype=np.uint64) << np.uint64(33) | bucket
    spare = np.empty_like(keys)  # named: a bare address would not keep it alive
    bits = int(bucket.max()).bit_length() if count else 0
    library().em_sort(
        pointer(keys, np.uint64),
        pointer(spare, np.uint64),
        ctypes.c_size_t(count),
        ctypes.c_uint32(bits),
    )
    # Codes are chosen by their cost, and cost at most what every field in full would.
    room = 64 + 32 * count
    out = np.empty(room, np.uint8)
    buckets, ends = np.empty(count, np.uint32), np.empty(count, np.uint64)
    chunks = _checked(
        _function("em_buckets_pack")(
            pointer(keys, np.uint64),
            ctypes.c_size_t(count),
            pointer(hashes, np.uint32),
            pointer(numbers, np.uint32),
            pointer(frames, np.uint32),
            ctypes.c_uint32(group),
            pointer(out, np.uint8),
            ctypes.c_uint64(room),
            pointer(buckets, np.uint32),
            pointer(ends, np.uint64),
        )
    )
    return buckets[:chunks], pieces(out, np.diff(ends[:chunks], prepend=np.uint64(0)))


def pieces(data: UInt8, sizes: npt.NDArray[np.unsignedinteger]) -> list[bytes]:
    """Return data cut into pieces of so many bytes each."""
    ends = np.cumsum(sizes, dtype=np.int64).tolist()
    whole = data[: ends[-1]].tobytes() if ends else b""
    return [whole[start:end] for start, end in zip([0, *ends], ends, strict=False)]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Rising hashes, each once; ``hashes[w]`` is asked by ``order[first[w]]`` and so on.

    ``many`` tells how many questions ask for each.
    """

    hashes: UInt32
    first: Int64
    many: Int64
    order: Int64

    @classmethod
    def of(cls, asked: UInt32, which: Int64 | None = None) -> Wanted:
        """Sort what is asked; question i is ``which[i]``, or i."""
        order = np.argsort(asked, kind="stable")
        ranked = asked[order]
        first = np.flatnonzero(np.diff(ranked, prepend=~ranked[:1]))
        many = np.diff(first, append=len(order))
        return cls(ranked[first], first, many, order if which is None else which[order])


def find(
    values: Values, base: UInt32, group: UInt8, wanted: Wanted, known: bytes
) -> tuple[UInt32, Int64]:
    """Return (question, position) of every posting of a known number.

    Parameters
    ----------
    base, group
        Value i has the hashes from ``base[i]`` on, ``2**group[i]`` of them.
    known
        A bitmap as Redis lays it out: number 0 is the highest bit of the first byte.
    """
    held = _checked_total(values)
    room = held + 1
    while True:
        question, position = np.empty(room, np.uint32), np.empty(room, np.int64)
        found = _function("em_buckets_find")(
            pointer(values.data, np.uint8),
            pointer(values.ends, np.uint64),
            pointer(base, np.uint32),
            pointer(group, np.uint8),
            ctypes.c_size_t(len(values)),
            pointer(wanted.hashes, np.uint32),
            ctypes.c_size_t(len(wanted.hashes)),
            pointer(wanted.first, np.int64),
            pointer(wanted.many, np.int64),
            pointer(wanted.order, np.int64),
            ctypes.c_char_p(known),
            ctypes.c_uint64(len(known)),
            pointer(question, np.uint32),
            pointer(position, np.int64),
            ctypes.c_uint64(room),
        )
        if found != _NO_ROOM:  # which is only where hashes are asked for more than once
            break
        room *= 4
    _checked(found)
    return question[:found], position[:found]


def decode(values: Values, group: UInt8) -> Decoded:
    """Return every posting of every value; checks each chunk's sum.

    Raises
    ------
    DamageError
        A value is no such code; its message tells which, counted from 0.
    """
    room = _checked_total(values)
    value, number, frame = (np.empty(room, np.uint32) for _ in range(3))
    low, bad = np.empty(room, np.uint8), ctypes.c_uint64(0)
    found = _function("em_buckets_decode")(
        pointer(values.data, np.uint8),
        pointer(values.ends, np.uint64),
        pointer(group, np.uint8),
        ctypes.c_size_t(len(values)),
        pointer(value, np.uint32),
        pointer(low, np.uint8),
        pointer(number, np.uint32),
        pointer(frame, np.uint32),
        ctypes.c_uint64(room),
        ctypes.byref(bad),
    )
    if found < 0:
        message = f"value {bad.value} contradicts itself"
        raise DamageError(message)
    return Decoded(value[:found], low[:found], number[:found], frame[:found])


@dataclass(frozen=True, slots=True)
class Merged:
    """Values of units, ``parts`` a unit (empty ones too), and postings for which was no room."""

    values: list[bytes]
    parts: int
    left_out: int


def merge(
    values: Values,
    unit: UInt32,
    part: UInt8,
    group: UInt8,
    units: int,
    whole: int,
    finer: int,
    dead: bytes,
    cap_bytes: int,
) -> Merged:
    """Return one chunk for each bucket of ``2**finer`` hashes, of all that units hold.

    Parameters
    ----------
    unit, part, group
        Value i belongs to this unit (rising), which has ``2**whole`` hashes; it is the
        ``part[i]``-th bucket of ``2**group[i]`` of them.
    dead
        A bitmap of numbers to drop.
    cap_bytes
        A value is no longer; the postings of the highest numbers are left out.
    """
    counts = values.counts()
    held = np.bincount(unit, weights=counts, minlength=units) if len(unit) else np.zeros(1)
    most, parts = int(held.max()), 1 << (whole - finer)
    if most > min(_MOST, 8 * max(1, len(values.data))):
        raise DamageError(_MESSAGE)
    # What lay in few chunks may need as many as there are parts, each with a header.
    room = 2 * len(values.data) + 24 * int(min(counts.sum(), units * parts)) + 64
    sizes, left = np.zeros(units * parts, np.uint32), ctypes.c_int64(0)
    while True:
        out = np.empty(room, np.uint8)
        done = _function("em_buckets_merge")(
            pointer(values.data, np.uint8),
            pointer(values.ends, np.uint64),
            pointer(unit, np.uint32),
            pointer(part, np.uint8),
            pointer(group, np.uint8),
            ctypes.c_size_t(len(values)),
            ctypes.c_uint32(units),
            ctypes.c_uint32(whole),
            ctypes.c_uint32(finer),
            ctypes.c_char_p(dead),
            ctypes.c_uint64(len(dead)),
            ctypes.c_uint64(cap_bytes),
            ctypes.c_uint64(most),
            pointer(out, np.uint8),
            ctypes.c_uint64(room),
            pointer(sizes, np.uint32),
            ctypes.byref(left),
        )
        if done != _NO_ROOM or room > 64 * int(counts.sum()) + 4096:
            break
        room *= 2
    _checked(done)
    return Merged(pieces(out, sizes), parts, left.value)


def _checked_total(values: Values) -> int:
    """Return how many postings values say they have, if they can."""
    total = int(values.counts().sum())
    if total > 8 * max(1, len(values.data)):
        raise DamageError(_MESSAGE)
    return total


_MESSAGE = "packed postings contradict themselves"


def _function(name: str) -> Any:  # noqa: ANN401 - a ctypes function
    function = getattr(library(), name)
    function.restype = ctypes.c_int64
    return function


def _checked(result: int) -> int:
    if result == _DAMAGED:
        raise DamageError(_MESSAGE)
    if result < 0:
        raise MemoryError
    return int(result)
