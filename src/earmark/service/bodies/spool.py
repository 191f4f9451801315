"""Where the bytes of one upload go while they arrive: memory if it is small, else a file."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import anyio.to_thread

from earmark.errors import EmptyAudioError
from earmark.service.bodies.faults import store_faults
from earmark.service.bodies.media import MediaRoom, safe_name
from earmark.service.bodies.sniff import HEAD_BYTES, ending_of, require_audio

_FLUSH_BYTES = 1 << 20
MOST_MEMORY_BYTES = 256_000_000
"""What all bodies together may hold in memory; beyond it even small ones go to the disk."""


class Spool:
    """One file that arrives; `close` it whatever happens: nothing of it is left then.

    Parameters
    ----------
    name
        As its sender calls it.
    memory_bytes
        Up to here it stays in memory; 0 always makes a file.
    """

    def __init__(
        self, room: MediaRoom, name: str, *, memory_bytes: int = 0, sniffed: bool = True
    ) -> None:
        self.name = safe_name(name)
        self.size_bytes = 0
        self.path: Path | None = None
        self._room = room
        self._memory_bytes = memory_bytes
        self._sniffed = sniffed
        self._buffer = bytearray()
        self._booked_bytes = 0
        self._descriptor = -1
        self._head = b""

    @property
    def source(self) -> Path | bytes:
        """What to read it from, once it is `finished`."""
        return self.path if self.path is not None else bytes(self._buffer)

    async def write(self, data: bytes) -> None:
        """Take more bytes; raises `MediaTypeError` as soon as they are clearly no audio."""
        self.size_bytes += len(data)
        if len(self._head) < HEAD_BYTES:
            self._head += data[: HEAD_BYTES - len(self._head)]
            if self._sniffed and len(self._head) >= HEAD_BYTES:
                require_audio(self._head, self.name)
        self._buffer += data
        if self.path is None and self._fits(len(data)):
            return
        if len(self._buffer) >= _FLUSH_BYTES:
            await self._flush()

    async def finish(self) -> None:
        """Settle what it is; raises `EmptyAudioError` or `MediaTypeError`."""
        if not self.size_bytes:
            message = f"{self.name!r} is empty (0 bytes); copy or record it again"
            raise EmptyAudioError(message)
        if self._sniffed:
            require_audio(self._head, self.name)
        if "." not in self.name:
            self.name += ending_of(self._head)
        if self.path is not None or self.size_bytes > self._booked_bytes:
            await self._flush()
            self._shut()  # a form may hold a thousand files

    def close(self) -> None:
        """Give everything back; what was moved away meanwhile stays where it is."""
        self._unbook()
        self._buffer = bytearray()
        self._shut()
        if self.path is not None:
            with store_faults("an upload cannot be deleted"):
                self.path.unlink(missing_ok=True)

    def _shut(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _fits(self, count: int) -> bool:
        """Return whether it may stay in memory, and book the room for it."""
        room = self._room
        if (
            self.size_bytes > self._memory_bytes
            or room.memory_bytes + count > MOST_MEMORY_BYTES
            or self._booked_bytes + count < self.size_bytes
        ):
            self._unbook()
            return False
        room.memory_bytes += count
        self._booked_bytes += count
        return True

    def _unbook(self) -> None:
        self._room.memory_bytes -= self._booked_bytes
        self._booked_bytes = 0

    async def _flush(self) -> None:
        if self.path is None:
            self._descriptor, self.path = self._room.incoming()
        data, self._buffer = self._buffer, bytearray()
        if not data:
            return
        writing = asyncio.ensure_future(
            anyio.to_thread.run_sync(_write_all, self._descriptor, data)
        )
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait({writing})  # the descriptor must not be another file's by then
            raise


def _write_all(descriptor: int, data: bytearray) -> None:
    view = memoryview(data)
    with store_faults("an upload cannot be taken"):
        while view:
            view = view[os.write(descriptor, view) :]
