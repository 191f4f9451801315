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

import hashlib
import mmap
import struct
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from earmark.kernels.postings import Block, DamageError, Shape
from earmark.ports import Payload
from earmark.stores.durable import write_file
from earmark.stores.faults import damaged_index
from earmark.stores.manifest import SegmentEntry
from earmark.stores.runs import Run, Table

SUFFIX = ".segment"
_MAGIC = b"earmark1"
# magic, crc32, hash_bits, group_bits, low_bits, tracks, postings, frames, payload bytes
_HEADER = struct.Struct("<8sIIIIQQQQ")
_HEADER_BYTES = 128
_AFTER_CRC = 12


class MappedPayloads:
    """Payloads where they lie in the file; each is checked the first time it is read."""

    def __init__(
        self,
        path: Path,
        data: npt.NDArray[np.uint8],
        ends: npt.NDArray[np.uint64],
        sums: npt.NDArray[np.uint32],
    ) -> None:
        self._path = path
        self._data = data
        self._ends = ends
        self._sums = sums
        self._checked = np.zeros(len(ends), np.bool_)

    def __getitem__(self, index: int, /) -> Payload:
        start = int(self._ends[index - 1]) if index else 0
        payload = self._data[start : int(self._ends[index])]
        if not self._checked[index]:
            if zlib.crc32(payload.data) != self._sums[index]:
                raise damaged_index(self._path, f"payload {index} does not match its checksum")
            self._checked[index] = True
        return payload


def write_segment(folder: Path, run: Run) -> SegmentEntry:
    """Write a run under a name never used before; durable on return."""
    name = uuid.uuid4().hex + SUFFIX
    digest = hashlib.sha256()
    size = 0

    def pieces() -> Iterator[memoryview]:
        nonlocal size
        for piece in _pieces(run):
            digest.update(piece)
            size += len(piece)
            yield piece

    write_file(folder / name, pieces())
    numbers = run.table.numbers
    first, last = int(numbers.min()), int(numbers.max())
    postings = run.block.shape.postings
    return SegmentEntry(name, first, last, len(numbers), postings, size, digest.hexdigest())


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
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size != entry.bytes or size < _HEADER_BYTES:
            raise damaged_index(path, f"{size} bytes instead of {entry.bytes}")
        data = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
    fields = _HEADER.unpack(data[: _HEADER.size].tobytes())
    magic, crc, bits, group_bits, low_bits, tracks, postings, frames, payload_bytes = fields
    shape = Shape(postings, frames, bits, group_bits, low_bits)
    known = (tracks, postings, bits) == (entry.tracks, entry.postings, hash_bits)
    if magic != _MAGIC or not known or not shape.sound:
        raise damaged_index(path, "its header makes no sense")
    at, cuts = _HEADER_BYTES, []
    for count, width in zip(_lengths(shape, tracks), _WIDTHS, strict=True):
        cuts.append(data[at : at + count * width])
        at += _padded(count * width)
    tables_end = at - sum(_padded(piece.nbytes) for piece in cuts[-2:])
    if at + payload_bytes != size:
        raise damaged_index(path, "its sections do not add up")
    if zlib.crc32(data[_AFTER_CRC:tables_end].data) != crc:
        raise damaged_index(path, "the checksum of its tables does not hold")
    numbers, ends, starts, spans, counts, sums, directory, high, low = (
        piece.view(dtype) for piece, dtype in zip(cuts, _DTYPES, strict=True)
    )
    table = Table(numbers, *(column.astype(np.int64) for column in (starts, spans, counts)))
    block = Block(shape, directory, high, low)
    try:
        block.check()
    except DamageError as error:
        raise damaged_index(path, error) from error
    return Run(table, block, MappedPayloads(path, data[at:], ends, sums))


def verify_segment(folder: Path, entry: SegmentEntry) -> str | None:
    """Read the whole file; return a sentence where it is not what was written."""
    path = folder / entry.name
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return f"{path} is missing; run `earmark rebuild`"
    if digest != entry.sha256:
        return f"{path} does not match its checksum; run `earmark rebuild`"
    return None


_DTYPES = ("<i8", "<u8", "<u4", "<u4", "<u4", "<u4", "<u4", "<u8", "u1")
_WIDTHS = tuple(np.dtype(dtype).itemsize for dtype in _DTYPES)


def _lengths(shape: Shape, tracks: int) -> tuple[int, ...]:
    return (*[tracks] * 6, *shape.lengths)


def _padded(size: int) -> int:
    return -(-size // 8) * 8


def _pieces(run: Run) -> Iterator[memoryview]:
    table, block, shape = run.table, run.block, run.block.shape
    tracks = range(len(table.numbers))
    lengths = np.array([len(run.payloads[i]) for i in tracks], np.int64)
    sums = np.array([zlib.crc32(run.payloads[i].data) for i in tracks], np.int64)
    ends = np.cumsum(lengths)
    sections = (
        *(table.numbers, ends, table.starts, table.spans, table.counts, sums),
        *(block.directory, block.high, block.low),
    )
    packed = [
        _padding(np.ascontiguousarray(section, dtype).view(np.uint8))
        for section, dtype in zip(sections, _DTYPES, strict=True)
    ]
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


def _padding(piece: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.pad(piece, (0, _padded(len(piece)) - len(piece)))
