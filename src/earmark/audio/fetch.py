"""An http(s) URL into a temporary file, within limits of bytes, time and redirects."""

from __future__ import annotations

import http.client
import re
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from typing import IO, BinaryIO, cast

from earmark.errors import FetchError

_CHUNK = 1 << 16
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_PLAYLISTS = ("mpegurl", "scpls", "dash+xml", "xspf")
_PAGE = re.compile(rb"\s*<(!doctype html|html|head|body)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """What a download may take: bytes, seconds without an answer, seconds in all, redirects."""

    max_bytes: int = 2_000_000_000
    stall_s: float = 30.0
    total_s: float = 900.0
    redirects: int = 5


DEFAULT_LIMITS = FetchLimits()


def is_url(source: object) -> bool:
    """Return whether a source is written as a URL of any scheme.

    >>> is_url("https://example.org/a.mp3"), is_url("C:/a.mp3"), is_url("a.mp3")
    (True, False, False)
    """
    return isinstance(source, str) and _URL.match(source) is not None


def shown(url: str) -> str:
    """Return a URL fit for messages: without user name and password.

    >>> shown("http://me:secret@host/a.mp3")
    'http://host/a.mp3'
    """
    return re.sub(r"://[^/@]*@", "://", url, count=1)


def require_http(url: str) -> None:
    """Raise `FetchError` unless the URL's scheme is http or https."""
    if url.partition("://")[0].lower() not in {"http", "https"}:
        raise FetchError(f"{shown(url)} is not an http or https address; use one, or a file's path")


@contextmanager
def fetched(url: str, limits: FetchLimits = DEFAULT_LIMITS) -> Iterator[BinaryIO]:
    """Download a URL and yield the open, rewound temporary file; it is gone afterwards.

    Parameters
    ----------
    url
        http or https, also after every redirect.
    limits
        What it may take.

    Raises
    ------
    FetchError
        No answer, an error status, a web page or playlist instead of media, or past a limit.
    """
    require_http(url)
    with tempfile.TemporaryFile(buffering=0) as raw:
        file = cast(BinaryIO, raw)
        try:
            with _opener(limits).open(_request(url), timeout=limits.stall_s) as answer:
                _download(answer, file, url, limits)
        except urllib.error.HTTPError as error:
            error.close()
            raise FetchError(_of_status(url, error.code)) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise FetchError(_of_failure(url, error, limits)) from error
        file.seek(0)
        yield file


def _request(url: str) -> urllib.request.Request:
    ascii_url = urllib.parse.quote(url, safe="%/:=&?~#+!$,;'@()*[]")
    return urllib.request.Request(ascii_url, headers={"User-Agent": "earmark"})  # noqa: S310


def _opener(limits: FetchLimits) -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_Redirects(limits.redirects))


class _Redirects(urllib.request.HTTPRedirectHandler):
    def __init__(self, most: int) -> None:
        self._most, self._seen = most, 0

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        self._seen += 1
        try:
            require_http(newurl)
            if self._seen > self._most:
                raise FetchError(f"{shown(newurl)} is redirect {self._seen}; check the address")
        except FetchError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _download(
    answer: http.client.HTTPResponse, file: BinaryIO, url: str, limits: FetchLimits
) -> None:
    _require_media(answer.headers, url)
    promised = int(answer.headers.get("Content-Length") or 0)
    until = time.monotonic() + limits.total_s
    received = 0
    while chunk := answer.read1(_CHUNK):
        if received == 0 and _PAGE.match(chunk):
            raise FetchError(_of_page(url))
        received += len(chunk)
        if max(received, promised) > limits.max_bytes:
            raise FetchError(
                f"{shown(url)} holds more than {limits.max_bytes} bytes; "
                "raise EARMARK_FETCH_LIMIT_BYTES"
            )
        if time.monotonic() > until:
            raise FetchError(
                f"{shown(url)} was not done after {limits.total_s:g} s; "
                "download it first, or watch it if it is a live stream"
            )
        file.write(chunk)
    if received < promised:
        raise FetchError(f"{shown(url)} broke off after {received} of {promised} bytes; try again")


def _require_media(headers: Message, url: str) -> None:
    kind = headers.get_content_type()
    if kind in {"text/html", "application/xhtml+xml"}:
        raise FetchError(_of_page(url))
    if any(name in kind for name in _PLAYLISTS) or "icy-br" in headers or "icy-name" in headers:
        raise FetchError(f"{shown(url)} is a live stream or a playlist; use earmark watch for it")


def _of_page(url: str) -> str:
    return f"{shown(url)} is a web page, not a media file; use the address of the file itself"


def _of_status(url: str, status: int) -> str:
    if status // 100 == 3:
        return f"{shown(url)} redirects to an address that is not http or https; use another"
    reason = http.client.responses.get(status, "an unknown status")
    return f"{shown(url)} answered {status} {reason}; check the address"


def _of_failure(url: str, error: Exception, limits: FetchLimits) -> str:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return f"{shown(url)} did not answer within {limits.stall_s:g} s; try again later"
    why = (cause.strerror if isinstance(cause, OSError) else None) or str(cause)
    why = " ".join(why.split()) or type(cause).__name__
    return f"{shown(url)} cannot be reached ({why}); check the address and the network"
