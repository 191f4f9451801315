"""What Shoutcast and Icecast do to http: a status line of their own, titles between the sound."""

from __future__ import annotations

import http.client
import io
import socket
from collections.abc import Callable

_OLD = b"ICY "
_NEW = b"HTTP/1.0 "


class IcyResponse(http.client.HTTPResponse):
    """Takes ``ICY 200 OK``, the answer of old Shoutcast servers, for HTTP/1.0."""

    def __init__(
        self,
        sock: socket.socket,
        debuglevel: int = 0,
        method: str | None = None,
        url: str | None = None,
    ) -> None:
        super().__init__(sock, debuglevel, method, url)
        self.fp.close()
        self.fp = io.BufferedReader(_StatusLine(sock.makefile("rb", buffering=0)))


class _StatusLine(io.RawIOBase):
    """A connection whose first bytes are put right."""

    def __init__(self, raw: socket.SocketIO) -> None:
        super().__init__()
        self._raw = raw
        self._first: bytes | None = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int | None:  # type: ignore[override]
        if self._first is None:
            return self._raw.readinto(buffer)
        while len(self._first) < len(_OLD) and (more := self._raw.read(len(_OLD))):
            self._first += more
        first, self._first = self._first, None
        first = first.replace(_OLD, _NEW, 1) if first.startswith(_OLD) else first
        buffer[: len(first)] = first
        return len(first)

    def close(self) -> None:
        self._raw.close()
        super().close()


class Titles:
    """Takes the titles out that a server puts between the sound every ``interval`` bytes.

    They are not asked for, but some servers send them to everyone.

    Parameters
    ----------
    read
        Returns at most so many bytes, none at the end.
    interval
        The server's ``icy-metaint``.
    """

    def __init__(self, read: Callable[[int], bytes], interval: int) -> None:
        self._read = read
        self._interval = interval
        self._left = interval

    def read(self, size: int) -> bytes:
        """Return at most ``size`` bytes of sound, none at the end."""
        if self._left == 0:
            length = self._exactly(1)
            if not length or len(self._exactly(16 * length[0])) < 16 * length[0]:
                return b""
            self._left = self._interval
        sound = self._read(min(size, self._left))
        self._left -= len(sound)
        return sound

    def _exactly(self, count: int) -> bytes:
        parts = b""
        while len(parts) < count and (more := self._read(count - len(parts))):
            parts += more
        return parts
