"""Was the file cut off? What RIFF, AIFF and Ogg headers promise against what is there."""

from __future__ import annotations

import os
from typing import BinaryIO

_UNKNOWN = {0, 0x7FFFFFFF, 0xFFFFFFFF}
_LAST_PAGE_WITHIN = 65536 + 512
_END_OF_STREAM = 4


def is_cut_off(file: BinaryIO) -> bool:
    """Return whether the container says that bytes are missing at the end.

    Writers to a pipe leave sizes unknown; that is not a cut. Decoders judge the other formats.

    Parameters
    ----------
    file
        Seekable; its position is changed.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(8)
    magic = head[:4]
    if magic in {b"RIFF", b"FORM"}:
        promised = int.from_bytes(head[4:8], "little" if magic == b"RIFF" else "big")
        return promised not in _UNKNOWN and promised + 8 > size + 1
    if magic == b"OggS":
        file.seek(max(0, size - _LAST_PAGE_WITHIN))
        end = file.read(_LAST_PAGE_WITHIN)
        page = end.rfind(b"OggS")
        return page < 0 or len(end) <= page + 5 or not end[page + 5] & _END_OF_STREAM
    return False
