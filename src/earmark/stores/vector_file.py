"""One segment of vectors on disk: a header, a track table, a window table, vectors and payloads.

Little-endian, sections aligned to 8 bytes, in this order::

    header       64 bytes, see _HEADER; its crc32 covers the header and the tables
    numbers      int64   x tracks
    ends         int64   x tracks        where each track's windows end
    payload_ends int64   x tracks        where each payload ends in the payload section
    row_sums     uint32  x tracks        crc32 of each track's vectors
    payload_sums uint32  x tracks        crc32 of each payload
    scales       uint16  x windows       see kernels/vectors.py
    starts       uint32  x windows       ticks of 10 ms
    lengths      uint32  x windows
    vectors      int8    x windows x row bytes
    payloads     uint8

The tables are verified at open: 10 bytes a window. A search reads vectors without summing them,
because that would take longer than the search; `embedded`, a merge and `verify` do sum them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from earmark.kernels.vectors import row_bytes
from earmark.stores.faults import damaged_index
from earmark.stores.manifest import Layout, SegmentEntry
from earmark.stores.sealed import Mapped, bytes_of, cut, mapped, write_sealed
from earmark.stores.vector_runs import LiveVectors, VectorRun, Windows

_MAGIC = b"earmarkv"
# magic, crc32, dimension, tracks, windows, payload bytes
_HEADER = struct.Struct("<8sIIQQQ")
_HEADER_BYTES = 64
_AFTER_CRC = 12
_TRACK_DTYPES = ("<i8", "<i8", "<i8", "<u4", "<u4")
_WINDOW_DTYPES = ("<u2", "<u4", "<u4")
_DTYPES = (*_TRACK_DTYPES, *_WINDOW_DTYPES)


@dataclass(frozen=True, slots=True)
class VectorSegments:
    """The `Kind` of segment that holds vectors of ``dimension`` components."""

    dimension: int

    @property
    def layout(self) -> Layout:
        """What the manifest says of them."""
        return Layout("dimension", self.dimension, "vectors")

    def write(self, folder: Path, group: Sequence[LiveVectors]) -> SegmentEntry:
        """Write the group's live tracks as one segment; durable on return.

        Raises
        ------
        DamagedIndexError
            What was to be merged does not match its checksums.
        """
        numbers = np.concatenate([live.numbers for live in group])
        size = sum(live.size for live in group)
        return write_sealed(folder, numbers, size, _pieces(group, self.dimension))

    def open(self, folder: Path, entry: SegmentEntry) -> VectorRun:
        """Map a segment.

        Raises
        ------
        DamagedIndexError
            The file has another size, or its header or tables do not hold.
        FileNotFoundError
            The file is gone: another process may have merged it away.
        """
        path = folder / entry.name
        data = mapped(path, entry, _HEADER_BYTES)
        fields = _HEADER.unpack(data[: _HEADER.size].tobytes())
        magic, crc, dimension, tracks, windows, payload_bytes = fields
        known = (tracks, windows, dimension) == (entry.tracks, entry.items, self.dimension)
        if magic != _MAGIC or not known:
            raise damaged_index(path, "its header makes no sense")
        lengths = [*[tracks] * len(_TRACK_DTYPES), *[windows] * len(_WINDOW_DTYPES)]
        tables, at = cut(data, _HEADER_BYTES, lengths, _DTYPES)
        width = row_bytes(dimension)
        if at + windows * width + payload_bytes != len(data):
            raise damaged_index(path, "its sections do not add up")
        if zlib.crc32(data[_AFTER_CRC:at].data) != crc:
            raise damaged_index(path, "the checksum of its tables does not hold")
        numbers, ends, payload_ends, row_sums, payload_sums, scales, starts, spans = tables
        rows, payloads = data[at : at + windows * width], data[at + windows * width :]
        return VectorRun(
            numbers,
            ends,
            Windows(rows.view(np.int8).reshape(-1, width), scales, starts, spans),
            Mapped(path, rows, ends * width, row_sums, "track's vectors"),
            Mapped(path, payloads, payload_ends, payload_sums, "payload"),
        )


def _pieces(group: Sequence[LiveVectors], dimension: int) -> Iterator[memoryview]:
    sums = np.array(
        [
            (zlib.crc32(rows.data), zlib.crc32(payload.data), len(payload))
            for live in group
            for rows, payload in live.live_tracks()
        ],
        np.int64,
    )
    tracks = (
        np.concatenate([live.numbers for live in group]),
        np.cumsum(np.concatenate([live.counts() for live in group])),
        np.cumsum(sums[:, 2]),
        sums[:, 0],
        sums[:, 1],
    )
    parts = [(live.run.windows, live.kept()) for live in group]
    windows = (
        np.concatenate([part.scales[keep] for part, keep in parts]),
        np.concatenate([part.starts[keep] for part, keep in parts]),
        np.concatenate([part.lengths[keep] for part, keep in parts]),
    )
    tables = [
        bytes_of(table, dtype) for table, dtype in zip((*tracks, *windows), _DTYPES, strict=True)
    ]
    head = bytearray(_HEADER_BYTES)
    counts = (dimension, len(sums), len(windows[0]), int(sums[:, 2].sum()))
    _HEADER.pack_into(head, 0, _MAGIC, 0, *counts)
    crc = zlib.crc32(memoryview(head)[_AFTER_CRC:])
    for table in tables:
        crc = zlib.crc32(table.data, crc)
    struct.pack_into("<I", head, len(_MAGIC), crc)
    yield memoryview(head)
    yield from (table.data for table in tables)
    # Track by track, never all at once: a merge takes little memory however large the index is.
    yield from (rows.data for live in group for rows, _ in live.live_tracks())
    yield from (payload.data for live in group for _, payload in live.live_tracks())
