"""The connection of a download or a stream, which can be cut from outside."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from types import TracebackType


class Line:
    """Cuts what it holds when asked, or after ``total_s`` where given; use it in a ``with`` block.

    A socket's own timeout begins anew with every byte: a server that sends its head at a byte a
    time would hold whoever reads it for weeks.
    """

    def __init__(self, total_s: float | None) -> None:
        self.over = False
        self._lock = threading.Lock()
        self._held: socket.socket | None = None
        self._timer = None if total_s is None else threading.Timer(total_s, self.cut)
        if self._timer is not None:
            self._timer.daemon = True

    def hold(self, line: socket.socket) -> None:
        """Take the connection that is used from now on, before or after TLS is laid over it."""
        with self._lock:
            if self._held is not None:
                self._held.close()
            # A double of its own: TLS takes the descriptor away from the one that is given.
            self._held = socket.socket(fileno=os.dup(line.fileno()))
        if self.over:
            self.cut()

    def cut(self) -> None:
        """End the connection: whoever reads it finds its end."""
        with self._lock:
            self.over = True
            if self._held is not None:
                with suppress(OSError):
                    self._held.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Line:
        if self._timer is not None:
            self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            if self._held is not None:
                self._held.close()
                self._held = None
