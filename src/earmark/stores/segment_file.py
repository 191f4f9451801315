"""One segment on disk: a header, a track table, packed postings and payloads, all mapped.

Little-endian, sections aligned to 8 bytes, in this order::

    header       128 bytes, see _HEADER; its crc32 covers the header and the tables
    numbers      int64   x tracks
    ends         uint64  x tracks        where each payload ends in the payload section
    starts       uint32  x tracks        first frame on the segment's time line
    spans        uint32  x tracks
    counts       uint32  x tracks        postings
    sums         uint32  x tracks        crc32 of each payload, checked when it is first read
    directory    uint32  (see kernels/postings.c)
    high         uint64
    low          uint8
    payloads     uint8

What a query needs at once is verified at open; ``high`` and ``low`` by `verify_segment` only,
because reading them all would make opening as slow as the disk. The kernel bounds-checks them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from earmark.kernels.postings import Block, DamageError, Shape
from earmark.stores.faults import damaged_index
from earmark.stores.manifest import Layout, SegmentEntry
from earmark.stores.runs import LiveRun, Run, Table, merged
from earmark.stores.sealed import Mapped, bytes_of, cut, mapped, padded, write_sealed

_MAGIC = b"earmark1"
# magic, crc32, hash_bits, group_bits, low_bits, tracks, postings, frames, payload bytes
_HEADER = struct.Struct("<8sIIIIQQQQ")
_HEADER_BYTES = 128
_AFTER_CRC = 12


@dataclass(frozen=True, slots=True)
class PostingSegments:
    """The `Kind` of segment that holds postings of hashes of ``hash_bits`` bits."""

    hash_bits: int

    @property
    def layout(self) -> Layout:
        """What the manifest says of them."""
        return Layout("hash_bits", self.hash_bits, "postings")

    def write(self, folder: Path, group: Sequence[LiveRun]) -> SegmentEntry:
        """Write the group's live tracks as one segment; durable on return."""
        run = merged(group)
        return write_sealed(folder, run.numbers, run.block.shape.postings, _pieces(run))

    def open(self, folder: Path, entry: SegmentEntry) -> Run:
        """Map a segment; raises what `open_segment` raises."""
        return open_segment(folder, entry, self.hash_bits)


def open_segment(folder: Path, entry: SegmentEntry, hash_bits: int) -> Run:
    """Map a segment.

    Raises
    ------
    DamagedIndexError
        The file is missing, has another size, or its header or tables do not hold.
    FileNotFoundError
        The file is gone: another process may have merged it away.
    """
    path = folder / entry.name
    data = mapped(path, entry, _HEADER_BYTES)
    fields = _HEADER.unpack(data[: _HEADER.size].tobytes())
    magic, crc, bits, group_bits, low_bits, tracks, postings, frames, payload_bytes = fields
    shape = Shape(postings, frames, bits, group_bits, low_bits)
    known = (tracks, postings, bits) == (entry.tracks, entry.items, hash_bits)
    if magic != _MAGIC or not known or not shape.sound:
        raise damaged_index(path, "its header makes no sense")
    cuts, at = cut(data, _HEADER_BYTES, _lengths(shape, tracks), _DTYPES)
    tables_end = at - sum(padded(piece.nbytes) for piece in cuts[-2:])
    if at + payload_bytes != len(data):
        raise damaged_index(path, "its sections do not add up")
    if zlib.crc32(data[_AFTER_CRC:tables_end].data) != crc:
        raise damaged_index(path, "the checksum of its tables does not hold")
    numbers, ends, starts, spans, counts, sums, directory, high, low = cuts
    table = Table(numbers, *(column.astype(np.int64) for column in (starts, spans, counts)))
    block = Block(shape, directory, high, low)
    try:
        block.check()
    except DamageError as error:
        raise damaged_index(path, error) from error
    return Run(table, block, Mapped(path, data[at:], ends, sums, "payload"))


_DTYPES = ("<i8", "<u8", "<u4", "<u4", "<u4", "<u4", "<u4", "<u8", "u1")


def _lengths(shape: Shape, tracks: int) -> tuple[int, ...]:
    return (*[tracks] * 6, *shape.lengths)


def _pieces(run: Run) -> Iterator[memoryview]:
    table, block, shape = run.table, run.block, run.block.shape
    tracks = range(len(table.numbers))
    lengths = np.array([len(run.payloads[i]) for i in tracks], np.int64)
    sums = np.array([zlib.crc32(run.payloads[i].data) for i in tracks], np.int64)
    ends = np.cumsum(lengths)
    sections: tuple[npt.NDArray[Any], ...] = (
        *(table.numbers, ends, table.starts, table.spans, table.counts, sums),
        *(block.directory, block.high, block.low),
    )
    packed = [bytes_of(section, dtype) for section, dtype in zip(sections, _DTYPES, strict=True)]
    head = bytearray(_HEADER_BYTES)
    fields = (shape.hash_bits, shape.group_bits, shape.low_bits, len(tracks), shape.postings)
    _HEADER.pack_into(head, 0, _MAGIC, 0, *fields, shape.frames, int(lengths.sum()))
    crc = zlib.crc32(memoryview(head)[_AFTER_CRC:])
    for piece in packed[:-2]:
        crc = zlib.crc32(piece.data, crc)
    struct.pack_into("<I", head, len(_MAGIC), crc)
    yield memoryview(head)
    yield from (piece.data for piece in packed)
    yield from (run.payloads[i].data for i in tracks)
