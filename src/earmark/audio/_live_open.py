"""A live source by its address: which way it is opened, and what its end means."""

from __future__ import annotations

import re
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Protocol

from earmark.audio._decoder import decoding
from earmark.audio._errors import mapped, not_audio, vendor_errors
from earmark.audio._guard import Guard
from earmark.audio._libav import LibavReader
from earmark.audio._live_bytes import FileTap, HttpTap, PipeTap, Tap, standard_input
from earmark.audio._live_containers import (
    SCHEMES,
    Rewinding,
    open_bytes,
    open_elsewhere,
    open_hls,
)
from earmark.audio._live_hls import HlsOpener, text_of
from earmark.audio._reader import Raw
from earmark.audio.fetch import FetchLimits, is_url
from earmark.errors import FetchError, NotAudioError

_MOST_LISTS = 3
_LISTED = re.compile(r"(?:File\d+=)?(https?://\S+)", re.IGNORECASE)
_TARGET = re.compile(r"#EXT-X-TARGETDURATION:(\d+)")
_TARGET_S = 10.0


class Cuttable(Protocol):
    """What a stop ends."""

    def cut(self) -> None:
        """End it; may be called from another thread."""


class Connection:
    """One live source, from opening to its end.

    Attributes
    ----------
    live : bool
        Whether the source was meant to go on when `raws` ended.
    patience_s : float
        How long it may say nothing.
    """

    def __init__(
        self, url: str, name: str, limits: FetchLimits, guard: Guard | None, follow_s: float
    ) -> None:
        self.live = True
        self.patience_s = limits.stall_s
        self._url = url
        self._name = name
        self._limits = limits
        self._guard = guard
        self._follow_s = follow_s
        self._held: Cuttable | None = None
        self._over = threading.Event()

    @property
    def clocked(self) -> bool:
        """Whether it comes as time goes by; known from the first block on."""
        return self.live or self._follow_s > 0.0 or self._url == "-"

    def raws(self) -> Iterator[Raw]:
        """Open the source and yield what it sends.

        Raises
        ------
        InputError
            It cannot be opened, breaks off, or sends what is no sound.
        """
        if self._url == "-":
            self.live = False
            return self._sound(PipeTap(standard_input))
        path = file_of(self._url)
        if path is not None:
            self.live = False
            if self._follow_s == 0.0:
                return self._file(path)
            self.patience_s = max(self.patience_s, self._follow_s + 2.0)
            with mapped(self._name):
                return self._sound(FileTap(path, self._follow_s))
        scheme = self._url.partition("://")[0].lower()
        if scheme in SCHEMES:
            return self._elsewhere()
        return self._http()

    def cut(self) -> None:
        """End it soon; may be called from another thread."""
        self._over.set()
        if self._held is not None:
            self._held.cut()

    def _file(self, path: str) -> Iterator[Raw]:
        with decoding(path, self._name, self._limits, live=False) as decoder:
            yield from decoder.raws(decoder.start(0.0))

    def _http(self) -> Iterator[Raw]:
        url = self._url
        for _ in range(_MOST_LISTS):
            tap = HttpTap(url, self._limits, self._guard)
            self._hold(tap)
            if not _is_list(tap):
                self.live = tap.live
                yield from self._sound(tap)
                return
            text = text_of(tap)
            tap.close()
            if "#EXT-X-" in text:
                yield from self._hls(tap.url, text)
                return
            listed = _LISTED.search(text)
            if listed is None:
                break
            url = listed[1]
        raise NotAudioError(f"{self._name} is a playlist that names no stream")

    def _sound(self, tap: Tap) -> Iterator[Raw]:
        """Yield what a tap sends; FFmpeg gets a new start wherever it loses its way."""
        self._hold(tap)
        source, ever = Rewinding(tap), False
        try:
            while not (source.ended or self._over.is_set()):
                heard = False
                for raw in self._container(source):
                    heard = True
                    yield raw
                if not heard and (tap.live or not ever):
                    break
                ever = heard or ever
                source.lost()
            else:
                return
        finally:
            tap.close()
        if not self._over.is_set():
            raise not_audio(self._name)

    def _container(self, source: Rewinding) -> Iterator[Raw]:
        try:
            reader = open_bytes(source, self._name)
        except NotAudioError:
            return
        except vendor_errors():
            return
        yield from self._read(reader)

    def _hls(self, url: str, text: str) -> Iterator[Raw]:
        target = _TARGET.search(text)
        target_s = float(target[1]) if target else _TARGET_S
        self.patience_s = max(self.patience_s, 3.0 * target_s)
        self.live = "#EXT-X-ENDLIST" not in text
        opener = HlsOpener(self._limits, self._guard)
        self._hold(opener)
        try:
            yield from self._read(
                self._opened(lambda: open_hls(url, opener, self._name, self.patience_s))
            )
        finally:
            self.live = not opener.ended
            if opener.error is not None:
                raise opener.error

    def _elsewhere(self) -> Iterator[Raw]:
        return self._read(
            self._opened(lambda: open_elsewhere(self._url, self._name, self.patience_s))
        )

    def _opened(self, opening: Callable[[], LibavReader]) -> LibavReader:
        since = time.monotonic()
        try:
            return opening()
        except vendor_errors() as error:
            if time.monotonic() - since >= self.patience_s:
                why = f"no answer within {self.patience_s:g} s"
            else:
                why = getattr(error, "strerror", None) or type(error).__name__
            raise FetchError(f"{self._name} cannot be opened as a stream ({why})") from error

    def _read(self, reader: LibavReader) -> Iterator[Raw]:
        try:
            with mapped(self._name):
                while not self._over.is_set() and (raw := reader.read()) is not None:
                    yield raw
        finally:
            reader.close()

    def _hold(self, held: Cuttable) -> None:
        self._held = held
        if self._over.is_set():
            held.cut()


def file_of(address: str) -> str | None:
    """Return the path that an address names, or None where it is a URL or a pipe.

    >>> file_of("file:///a/b.wav"), file_of("b.wav"), file_of("http://host/b.wav")
    ('/a/b.wav', 'b.wav', None)
    """
    if address.lower().startswith("file:"):
        return urllib.parse.unquote(urllib.parse.urlsplit(address).path)
    return None if address == "-" or is_url(address) else address


def _is_list(tap: HttpTap) -> bool:
    """Return whether an answer is a playlist: of HLS, or one that names a stream."""
    head = tap.head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    named = any(kind in tap.kind for kind in ("mpegurl", "scpls"))
    return head.startswith((b"#extm3u", b"[playlist]")) or (named and _is_text(head))


def _is_text(head: bytes) -> bool:
    return all(byte >= 32 or byte in b"\t\r\n" for byte in head)
