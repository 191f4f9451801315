"""The bytes of a live source as they come: an http answer, a file that grows, a pipe."""

from __future__ import annotations

import http.client
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from earmark.audio._guard import Guard
from earmark.audio._icy import Titles
from earmark.audio._line import Line
from earmark.audio.fetch import PAGE, FetchLimits, answered, of_page, shown
from earmark.errors import FetchError

_HEAD_BYTES = 2048
_LOOK_S = 0.2


class Tap(Protocol):
    """Bytes as they come; `cut` may be called from another thread."""

    live: bool
    """Whether it was meant to go on when it ended."""

    def read(self, size: int, /) -> bytes:
        """Return 1 to ``size`` bytes as soon as there are any; none at the end."""

    def cut(self) -> None:
        """End it: who reads finds its end soon."""

    def close(self) -> None:
        """Release what is open."""


class HttpTap:
    """An http(s) answer; one without a length is live.

    Parameters
    ----------
    url, limits, guard
        As for `fetch.answered`; ``limits.stall_s`` bounds the silence between any two reads.
    headers
        Asked with, besides the usual ones.

    Attributes
    ----------
    url : str
        Where the answer came from, after redirects.
    kind : str
        The media type that it says it has.
    head : bytes
        Its first bytes, which `read` will return too.

    Raises
    ------
    FetchError
        No answer, an error status, or a web page.
    """

    def __init__(
        self,
        url: str,
        limits: FetchLimits,
        guard: Guard | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.closed = False
        self._name = shown(url)
        self._stall_s = limits.stall_s
        self._line = Line(None)
        try:
            self._answer = answered(url, limits, guard, self._line, headers or {})
            said = self._answer.headers
            interval = said.get("icy-metaint", "")
            every = int(interval) if re.fullmatch(r"[0-9]{1,9}", interval) else 0
            self._next = Titles(self._from_line, every).read if every else self._from_line
            self.url = self._answer.geturl()
            self.kind = said.get_content_type()
            self.live = self._answer.length is None or "icy-name" in said or "icy-br" in said
            self.head = b""
            self.head = self._peeked()
            if self.kind in {"text/html", "application/xhtml+xml"} or PAGE.match(self.head):
                raise FetchError(of_page(url))
        except BaseException:
            self.close()
            raise

    def read(self, size: int, /) -> bytes:
        """Return what has come, at most ``size`` bytes."""
        if self.head:
            sound, self.head = self.head[:size], self.head[size:]
            return sound
        return self._next(size)

    def cut(self) -> None:
        """Cut the connection."""
        self._line.cut()

    def close(self) -> None:
        """Close the connection."""
        self.closed = True
        if hasattr(self, "_answer"):
            self._answer.close()
        self._line.__exit__(None, None, None)

    def _from_line(self, size: int) -> bytes:
        try:
            sound = self._answer.read1(size)
        except TimeoutError as error:
            message = f"{self._name} sent nothing for {self._stall_s:g} s"
            raise FetchError(message) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            if self._line.over:
                return b""
            raise FetchError(f"{self._name} broke off") from error
        if not sound and self._answer.length and not self._line.over:
            raise FetchError(f"{self._name} broke off {self._answer.length} bytes before its end")
        return sound

    def _peeked(self) -> bytes:
        """Return the first bytes: enough of them to tell a page or a playlist."""
        head = b""
        while len(head) < 16 and (more := self._next(_HEAD_BYTES - len(head))):
            head += more
        return head


class FileTap:
    """A file; with ``follow_s`` its end is where nothing has been added for so long."""

    def __init__(self, path: str | Path, follow_s: float) -> None:
        self.live = False
        self._file = cast(BinaryIO, Path(path).open("rb", buffering=0))  # noqa: SIM115
        self._follow_s = follow_s
        self._cut = threading.Event()

    def read(self, size: int, /) -> bytes:
        """Return what is there, or what is added soon enough."""
        until = time.monotonic() + self._follow_s
        while not self._cut.is_set():
            if sound := self._file.read(size):
                return sound
            if time.monotonic() >= until:
                break
            self._cut.wait(_LOOK_S)
        return b""

    def cut(self) -> None:
        """Let it end here."""
        self._cut.set()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class PipeTap:
    """Whatever `read` returns; it cannot be cut, only left alone."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self.live = False
        self._read = read

    def read(self, size: int, /) -> bytes:
        """Return what comes next."""
        return self._read(size)

    def cut(self) -> None:
        """Do nothing: what waits in the system for bytes cannot be called back."""

    def close(self) -> None:
        """Do nothing: it belongs to who opened it."""


def standard_input(size: int) -> bytes:
    """Return what has come on standard input: buffers of Python would keep it and wait."""
    return os.read(0, size)
