"""A small file between processes: workers write how far they are, and read whether to stop."""

from __future__ import annotations

import os
import struct
import tempfile
from pathlib import Path

_SLOT = struct.Struct("<ddd")


class Board:
    """One flag, and one slot a source; the file is gone after `close`.

    Written in place by several processes, each its own slot: what is read is at most one block
    late, and nothing rests on it but a bar and a stop.
    """

    def __init__(self, path: str | None = None) -> None:
        self._own = path is None
        if path is None:
            descriptor, path = tempfile.mkstemp(prefix="earmark-scan-")
            os.write(descriptor, b"\0" * _SLOT.size)
            os.close(descriptor)
        self.path = path
        self._file = os.open(path, os.O_RDWR)

    def stop(self) -> None:
        """Ask every process to stop."""
        os.pwrite(self._file, b"\1", 0)

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called, here or elsewhere."""
        return os.pread(self._file, 1, 0) == b"\1"

    def tell(self, slot: int, heard_s: float, duration_s: float, found: int) -> None:
        """Write how far one source is; a duration of 0 is not known."""
        data = _SLOT.pack(heard_s, duration_s, float(found))
        os.pwrite(self._file, data, (slot + 1) * _SLOT.size)

    def read(self, slot: int) -> tuple[float, float, int]:
        """Return what was told of one source last: heard, duration, found."""
        data = os.pread(self._file, _SLOT.size, (slot + 1) * _SLOT.size)
        heard_s, duration_s, found = _SLOT.unpack(data.ljust(_SLOT.size, b"\0"))
        return heard_s, duration_s, int(found)

    def close(self) -> None:
        """Let go of the file; whoever made it deletes it."""
        os.close(self._file)
        if self._own:
            Path(self.path).unlink(missing_ok=True)
