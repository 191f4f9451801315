"""The peaks of a recording, and the two byte shapes they are kept in.

A peak takes two bytes: its frame within a page of 64 (6 bits) and its bin (9 bits). The truth
keeps a page's count in one byte; the payload beside the postings keeps a directory instead, so
that the peaks of any moment are found without reading what comes before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earmark.errors import DamagedIndexError
from earmark.recording.params import PAGE_FRAMES

UInt32 = npt.NDArray[np.uint32]
_BIN_BITS = 9
_FRAME_BITS = 6


@dataclass(frozen=True, slots=True)
class Constellation:
    """Peaks in time order: parallel ``frames`` and ``bins``, over ``span_frames`` of audio."""

    frames: UInt32
    bins: UInt32
    span_frames: int

    @property
    def pages(self) -> int:
        """How many pages the span takes."""
        return -(-self.span_frames // PAGE_FRAMES)


def _codes(constellation: Constellation) -> npt.NDArray[np.uint16]:
    within = constellation.frames % PAGE_FRAMES
    return (within << _BIN_BITS | constellation.bins).astype("<u2")


def _counts(constellation: Constellation) -> npt.NDArray[np.int64]:
    return np.bincount(constellation.frames // PAGE_FRAMES, minlength=constellation.pages)


def _decode(
    codes: npt.NDArray[np.uint16], counts: npt.NDArray[np.integer]
) -> tuple[UInt32, UInt32]:
    page = np.repeat(np.arange(len(counts), dtype=np.uint32), counts)
    frames = page * PAGE_FRAMES + (codes >> _BIN_BITS)
    return frames.astype(np.uint32), (codes & ((1 << _BIN_BITS) - 1)).astype(np.uint32)


def pack(constellation: Constellation) -> bytes:
    """Return the bytes the truth keeps: span (u32), a count a page (u8), a code a peak (u16).

    >>> import numpy as np
    >>> c = Constellation(np.array([3, 70], np.uint32), np.array([5, 317], np.uint32), 100)
    >>> len(pack(c)), unpack(pack(c)).frames.tolist()
    (10, [3, 70])
    """
    counts = _counts(constellation).astype(np.uint8)
    span = np.array([constellation.span_frames], "<u4")
    return span.tobytes() + counts.tobytes() + _codes(constellation).tobytes()


def unpack(data: bytes) -> Constellation:
    """Return what `pack` wrote.

    Raises
    ------
    DamagedIndexError
        The lengths do not fit together, or a peak lies outside its page.
    """
    span = int(np.frombuffer(data, "<u4", 1)[0]) if len(data) >= 4 else -1
    pages = -(-span // PAGE_FRAMES)
    counts = np.frombuffer(data, np.uint8, pages, 4) if 0 <= pages <= len(data) - 4 else None
    if counts is None or len(data) != 4 + pages + 2 * int(counts.sum()):
        message = "a stored constellation is damaged; run `earmark doctor`"
        raise DamagedIndexError(message)
    codes = np.frombuffer(data, "<u2", offset=4 + pages)
    if (codes >> (_BIN_BITS + _FRAME_BITS)).any():
        message = "a stored constellation holds a peak outside its page; run `earmark doctor`"
        raise DamagedIndexError(message)
    frames, bins = _decode(codes, counts)
    return Constellation(frames, bins, span)


def payload(constellation: Constellation) -> npt.NDArray[np.uint8]:
    """Return the bytes kept beside the postings: pages (u32), directory (u32 each), codes (u16).

    The length is a multiple of four, so that payloads laid end to end stay aligned.
    """
    directory = np.zeros(constellation.pages + 2, "<u4")
    directory[0] = constellation.pages
    np.cumsum(_counts(constellation), out=directory[2:])
    codes = _codes(constellation).tobytes()
    return np.frombuffer(directory.tobytes() + codes + bytes(len(codes) % 4), np.uint8)


def between(data: npt.NDArray[np.uint8], start: float, stop: float) -> tuple[UInt32, UInt32]:
    """Return (frames, bins) of a payload's peaks with ``start <= frame < stop``."""
    pages = int(data[:4].view("<u4")[0])
    first = min(pages, max(0, int(start // PAGE_FRAMES)))
    last = min(pages, max(first, int(stop // PAGE_FRAMES) + 1))
    directory = data[4 : 4 * (pages + 2)].view("<u4").astype(np.int64)
    start_byte = 4 * (pages + 2)
    codes = data[start_byte : start_byte + 2 * int(directory[-1])].view("<u2")
    codes = codes[directory[first] : directory[last]]
    frames, bins = _decode(codes, np.diff(directory[first : last + 1]))
    frames += np.uint32(first * PAGE_FRAMES)
    keep = (frames >= start) & (frames < stop)
    return frames[keep], bins[keep]
