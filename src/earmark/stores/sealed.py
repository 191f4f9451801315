"""Segment files of every kind: written once under a new name, mapped, cut, checked."""

from __future__ import annotations

import hashlib
import mmap
import uuid
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from earmark.ports import Numbers, Payload
from earmark.stores.durable import write_file
from earmark.stores.faults import damaged_index
from earmark.stores.manifest import SegmentEntry

SUFFIX = ".segment"
_ALIGNED = 8


class Mapped:
    """Each track's bytes where they lie in the file, checked the first time they are read."""

    def __init__(
        self,
        path: Path,
        data: npt.NDArray[np.uint8],
        ends: npt.NDArray[np.integer[Any]],
        sums: npt.NDArray[np.uint32],
        what: str,
    ) -> None:
        self._path = path
        self._data = data
        self._ends = ends
        self._sums = sums
        self._what = what
        self._checked = np.zeros(len(ends), np.bool_)

    def __getitem__(self, index: int, /) -> Payload:
        """Return the bytes of the ``index``-th track; raises `DamagedIndexError`."""
        start = int(self._ends[index - 1]) if index else 0
        piece = self._data[start : int(self._ends[index])]
        if not self._checked[index]:
            if zlib.crc32(piece.data) != self._sums[index]:
                message = f"{self._what} {index} does not match its checksum"
                raise damaged_index(self._path, message)
            self._checked[index] = True
        return piece


def write_sealed(
    folder: Path, numbers: Numbers, items: int, pieces: Iterable[memoryview]
) -> SegmentEntry:
    """Write a segment under a name never used before; durable on return."""
    name = uuid.uuid4().hex + SUFFIX
    digest = hashlib.sha256()
    size = 0

    def summed() -> Iterator[memoryview]:
        nonlocal size
        for piece in pieces:
            digest.update(piece)
            size += len(piece)
            yield piece

    write_file(folder / name, summed())
    first, last = int(numbers.min()), int(numbers.max())
    return SegmentEntry(name, first, last, len(numbers), items, size, digest.hexdigest())


def mapped(path: Path, entry: SegmentEntry, header_bytes: int) -> npt.NDArray[np.uint8]:
    """Return a segment's bytes as they lie in the file.

    Raises
    ------
    DamagedIndexError
        It has another size than the manifest says.
    FileNotFoundError
        The file is gone: another process may have merged it away.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size != entry.bytes or size < header_bytes:
            raise damaged_index(path, f"{size} bytes instead of {entry.bytes}")
        return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)


def cut(
    data: npt.NDArray[np.uint8], at: int, lengths: Sequence[int], dtypes: Sequence[str]
) -> tuple[list[npt.NDArray[Any]], int]:
    """Return the sections that begin at ``at``, and where the last one's padding ends.

    A section that reaches beyond the data is cut short: the caller compares the end with the size.
    """
    sections: list[npt.NDArray[Any]] = []
    for count, dtype in zip(lengths, dtypes, strict=True):
        size = count * np.dtype(dtype).itemsize
        sections.append(data[at : at + size])
        at += padded(size)
    whole = at <= len(data)
    return [s.view(d) if whole else s for s, d in zip(sections, dtypes, strict=True)], at


def padded(size: int) -> int:
    """Return the bytes that a section of ``size`` bytes takes."""
    return -(-size // _ALIGNED) * _ALIGNED


def bytes_of(section: npt.NDArray[Any], dtype: str) -> npt.NDArray[np.uint8]:
    """Return a section as the bytes of the file, padding included."""
    piece = np.ascontiguousarray(section, dtype).view(np.uint8)
    return np.pad(piece, (0, padded(len(piece)) - len(piece)))


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
