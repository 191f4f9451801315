"""An http(s) URL into a temporary file, within limits of bytes, time and redirects."""

from __future__ import annotations

import http.client
import re
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from typing import IO, BinaryIO, cast

from earmark.audio._guard import Guard
from earmark.audio._line import Line
from earmark.audio._opening import opener
from earmark.errors import FetchError

_CHUNK = 1 << 16
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_PLAYLISTS = ("mpegurl", "scpls", "dash+xml", "xspf")
PAGE = re.compile(rb"\s*<(!doctype html|html|head|body)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """What a download may take: bytes, seconds without an answer, seconds in all, redirects.

    With ``public_only`` hosts of private networks, this machine among them, are refused, also
    behind redirects, and proxies of the environment are not asked.
    """

    max_bytes: int = 2_000_000_000
    stall_s: float = 30.0
    total_s: float = 900.0
    redirects: int = 5
    public_only: bool = False


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
def fetched(
    url: str,
    limits: FetchLimits = DEFAULT_LIMITS,
    guard: Guard | None = None,
    go_on: Callable[[], None] | None = None,
) -> Iterator[BinaryIO]:
    """Download a URL and yield the open, rewound temporary file; it is gone afterwards.

    Parameters
    ----------
    url
        http or https, also after every redirect.
    limits
        What it may take.
    guard
        What connects where only public addresses may be; None is `Guard` as it is.
    go_on
        Called with every piece that comes; what it raises ends the download.

    Raises
    ------
    FetchError
        An address that is not public where it has to be, no answer, an error status, a web page
        or playlist instead of media, or past a limit.
    """
    require_http(url)
    with tempfile.TemporaryFile(buffering=0) as raw:
        file = cast(BinaryIO, raw)
        with Line(limits.total_s) as line:
            with _plainly(url, limits, line), _answer(url, limits, guard, line, {}) as answer:
                _download(answer, file, url, limits, go_on or (lambda: None))
            if line.over:  # what was cut looks as if it had ended
                raise FetchError(_of_time(url, limits))
        file.seek(0)
        yield file


def answered(
    url: str, limits: FetchLimits, guard: Guard | None, line: Line, headers: Mapping[str, str]
) -> http.client.HTTPResponse:
    """Open a URL and return the answer, of which only the head has been read.

    Parameters
    ----------
    url, limits, guard
        As for `fetched`; neither bytes nor the time in all are bounded.
    line
        Holds the connection and may cut it.
    headers
        Asked with, besides the usual ones.

    Raises
    ------
    FetchError
        An address that is not public where it has to be, no answer, an error status.
    """
    require_http(url)
    with _plainly(url, limits, line):
        return _answer(url, limits, guard, line, headers)


@contextmanager
def _plainly(url: str, limits: FetchLimits, line: Line) -> Iterator[None]:
    """Turn what goes wrong on the network into `FetchError`."""
    try:
        yield
    except urllib.error.HTTPError as error:
        error.close()
        raise FetchError(_of_status(url, error.code)) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        why = _of_time(url, limits) if line.over else _of_failure(url, error, limits)
        raise FetchError(why) from error


def _answer(
    url: str, limits: FetchLimits, guard: Guard | None, line: Line, headers: Mapping[str, str]
) -> http.client.HTTPResponse:
    ascii_url = urllib.parse.quote(shown(url), safe="%/:=&?~#+!$,;'@()*[]")
    asked = urllib.request.Request(  # noqa: S310 - http or https by now
        ascii_url, headers={"User-Agent": "earmark", **headers}
    )
    if said := re.match(r"[^/]*//([^/@]*)@", url):  # not for those whom a redirect names
        plain = urllib.parse.unquote_to_bytes(said[1])
        asked.add_unredirected_header("Authorization", f"Basic {b64encode(plain).decode()}")
    opening = opener(_Redirects(limits.redirects), limits.public_only, guard, line)
    return cast(http.client.HTTPResponse, opening.open(asked, timeout=limits.stall_s))


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
    answer: http.client.HTTPResponse,
    file: BinaryIO,
    url: str,
    limits: FetchLimits,
    go_on: Callable[[], None],
) -> None:
    _require_media(answer.headers, url)
    promised = int(answer.headers.get("Content-Length") or 0)
    until = time.monotonic() + limits.total_s
    received = 0
    go_on()
    while chunk := answer.read1(_CHUNK):
        go_on()
        if received == 0 and PAGE.match(chunk):
            raise FetchError(of_page(url))
        received += len(chunk)
        if max(received, promised) > limits.max_bytes:
            raise FetchError(
                f"{shown(url)} holds more than {limits.max_bytes} bytes; "
                "raise EARMARK_FETCH_LIMIT_BYTES"
            )
        if time.monotonic() > until:
            raise FetchError(_of_time(url, limits))
        file.write(chunk)
    if received < promised:
        raise FetchError(f"{shown(url)} broke off after {received} of {promised} bytes; try again")


def _require_media(headers: Message, url: str) -> None:
    kind = headers.get_content_type()
    if kind in {"text/html", "application/xhtml+xml"}:
        raise FetchError(of_page(url))
    if any(name in kind for name in _PLAYLISTS) or "icy-br" in headers or "icy-name" in headers:
        raise FetchError(f"{shown(url)} is a live stream or a playlist; use earmark watch for it")


def _of_time(url: str, limits: FetchLimits) -> str:
    return (
        f"{shown(url)} was not done after {limits.total_s:g} s; "
        "download it first, or watch it if it is a live stream"
    )


def of_page(url: str) -> str:
    """Return the sentence on a web page in place of media."""
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
