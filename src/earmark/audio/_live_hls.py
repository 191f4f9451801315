"""What FFmpeg asks for while it follows an HLS playlist, fetched here and nowhere else.

FFmpeg would open whatever a playlist names, and go wherever a redirect leads. Here only http(s)
addresses are opened, through the guard where only public ones may be.
"""

from __future__ import annotations

import re
import threading
import urllib.parse
from collections.abc import Mapping
from io import BytesIO

from earmark.audio._guard import Guard
from earmark.audio._live_bytes import HttpTap
from earmark.audio.fetch import FetchLimits, shown
from earmark.errors import FetchError

PLAYLIST_BYTES = 4_000_000
_MOST_MISSED = 3
_MOST_LISTS = 3
"""Playlists of playlists that one stream may be behind; FFmpeg follows one that names itself for
ever, and asks for it forty times a second."""
_AGAIN_S = 1.0
_NAMED = re.compile(r'URI="([^"]+)"')

OPTIONS = {
    # A line that is kept open can only be one of FFmpeg's own.
    "http_persistent": "0",
    "http_multiple": "0",
    "live_start_index": "-3",
}


class HlsOpener:
    """The function that opens playlists and segments for FFmpeg.

    It never raises: PyAV would print what is raised twice. What went wrong is kept, and FFmpeg is
    given nothing more, so that it comes to an end.

    Attributes
    ----------
    ended : bool
        Whether the newest playlist says that nothing follows.
    error : FetchError or None
        Why it gave up.
    """

    def __init__(self, limits: FetchLimits, guard: Guard | None = None) -> None:
        self.ended = False
        self.error: FetchError | None = None
        self._limits = limits
        self._guard = guard
        self._missed = 0
        self._lists = 0
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._open: set[HttpTap] = set()

    def __call__(
        self,
        url: str,
        flags: int,  # noqa: ARG002 - PyAV's shape
        options: Mapping[str, str],
    ) -> _Segment | BytesIO:
        """Return a file for FFmpeg to read.

        A segment that is not there is an empty one: the next may be. A playlist is tried again.
        """
        if not _is_http(url):
            message = f"{shown(url)} is not an http or https address, or encrypted"
            self._give_up(FetchError(message))
        tap = self._tap(url, _range(options))
        if tap is None:
            return BytesIO()
        if not tap.head.removeprefix(b"\xef\xbb\xbf").startswith(b"#EXTM3U"):
            return _Segment(tap, self)
        try:
            text = text_of(tap)
        except FetchError as error:
            self.miss(error)
            return BytesIO()
        finally:
            tap.close()
        if "#EXT-X-STREAM-INF" not in text:
            self.ended = "#EXT-X-ENDLIST" in text
        elif self._too_many_lists(url):
            return BytesIO()
        return BytesIO((text if tap.url == url else absolute(text, tap.url)).encode())

    def _too_many_lists(self, url: str) -> bool:
        """Count playlists of playlists; give up where one follows another without end."""
        self._lists += 1
        if self._lists > _MOST_LISTS:
            message = f"{shown(url)} is a playlist that names playlists and never a segment"
            self._give_up(FetchError(message))
        return self._lists > _MOST_LISTS

    def cut(self) -> None:
        """End what is being read; nothing is opened any more."""
        self._over.set()
        with self._lock:
            for tap in self._open:
                tap.cut()

    def miss(self, error: FetchError) -> None:
        """Count what was not there; too much of it ends the stream."""
        self._missed += 1
        if self._missed >= _MOST_MISSED:
            self._give_up(error)

    def _give_up(self, error: FetchError) -> None:
        self.error = self.error or error
        self._over.set()

    def _tap(self, url: str, headers: Mapping[str, str]) -> HttpTap | None:
        while not self._over.is_set():
            try:
                tap = HttpTap(url, self._limits, self._guard, headers)
            except FetchError as error:
                self.miss(error)
                if not _is_playlist(url):
                    break
                self._over.wait(_AGAIN_S)
                continue
            self._missed = 0
            with self._lock:
                self._open = {held for held in self._open if not held.closed} | {tap}
            if self._over.is_set():
                tap.cut()
            return tap
        return None


class _Segment:
    """A segment that ends where it breaks off."""

    def __init__(self, tap: HttpTap, opener: HlsOpener) -> None:
        self._tap = tap
        self._opener = opener

    def read(self, size: int, /) -> bytes:
        try:
            return self._tap.read(size)
        except FetchError as error:
            self._opener.miss(error)
            return b""

    def close(self) -> None:
        self._tap.close()


def text_of(tap: HttpTap) -> str:
    """Return the text of a playlist.

    Raises
    ------
    FetchError
        It is larger than any playlist.
    """
    parts = bytearray()
    while more := tap.read(1 << 16):
        parts += more
        if len(parts) > PLAYLIST_BYTES:
            message = f"{shown(tap.url)} is a playlist of more than {PLAYLIST_BYTES} bytes"
            raise FetchError(message)
    return parts.decode("utf-8-sig", "replace")


def absolute(text: str, base: str) -> str:
    r"""Return a playlist whose addresses are whole: it came from ``base`` after a redirect.

    >>> absolute('#EXTM3U\nseg 1.ts', "http://host/live/list.m3u8")
    '#EXTM3U\nhttp://host/live/seg 1.ts'
    """

    def whole(line: str) -> str:
        if line.startswith("#"):
            return _NAMED.sub(lambda said: f'URI="{urllib.parse.urljoin(base, said[1])}"', line)
        return urllib.parse.urljoin(base, line.strip()) if line.strip() else line

    return "\n".join(map(whole, text.split("\n")))


def _range(options: Mapping[str, str]) -> dict[str, str]:
    first, beyond = int(options.get("offset", "0")), int(options.get("end_offset", "0"))
    return {"Range": f"bytes={first}-{beyond - 1}"} if beyond > first else {}


def _is_http(url: str) -> bool:
    return url.lower().startswith(("http://", "https://"))


def _is_playlist(url: str) -> bool:
    return urllib.parse.urlsplit(url).path.lower().endswith((".m3u8", ".m3u"))
