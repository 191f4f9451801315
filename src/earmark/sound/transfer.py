"""One request for a file of weights: what is missing of it, appended; troubles sorted."""

from __future__ import annotations

import errno
import http.client
import re
import socket
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from earmark.errors import DiskFullError, ModelUnavailableError, StoreError, UsageError
from earmark.sound.model import ModelInfo
from earmark.sound.weights import remedy

_CHUNK = 1 << 16
_PASSING = {408, 425, 429, 500, 502, 503, 504}
_OFFLINE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN}
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True, slots=True)
class FetchProgress:
    """How far a download is, in bytes; ``total`` is 0 while nobody knows."""

    received: int
    total: int


FetchCallback = Callable[[FetchProgress], None]


class PassingError(Exception):
    """A trouble that may pass; the message says which."""


class SpoiltPartError(PassingError):
    """What has been received cannot be continued."""


def address(info: ModelInfo, mirror: str) -> str:
    """Return where a model's weights are asked for: upstream, or their place below a mirror.

    Raises
    ------
    UsageError
        The model has no file, or the mirror is no http or https address.
    ModelUnavailableError
        No address is known.
    """
    if not info.file_name:
        raise UsageError(f"{info.name} needs no file of weights: there is nothing to fetch")
    if mirror and not mirror.lower().startswith(("http://", "https://")):
        raise UsageError(f"EARMARK_MODELS_MIRROR is no http or https address: {mirror!r}")
    if mirror:
        return f"{mirror.rstrip('/')}/{urllib.parse.quote(info.file_name)}"
    if not info.source:
        message = f"no address is known that gives the weights of {info.name}; {remedy(info)}"
        raise ModelUnavailableError(message)
    return info.source


def receive(
    info: ModelInfo, url: str, part: Path, progress: FetchCallback | None, stall_s: float
) -> None:
    """Append to ``part`` what is still missing of it."""
    with on_disk(part), part.open("ab") as file:
        have = file.tell()
    if info.size_bytes and have >= info.size_bytes:
        return
    headers = {"User-Agent": "earmark"} | ({"Range": f"bytes={have}-"} if have else {})
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - checked: http(s)
    with (
        _on_network(info, url, stall_s),
        _OPENER.open(request, timeout=stall_s) as answer,
        on_disk(part),
        part.open("r+b") as file,
    ):
        if answer.status != http.client.PARTIAL_CONTENT:
            have = 0
            file.truncate(0)
        elif not (answer.headers.get("Content-Range") or "").startswith(f"bytes {have}-"):
            raise SpoiltPartError("the server continued at another place than was asked for")
        file.seek(have)
        _copy(answer, file, have, info, progress)


def _copy(
    answer: http.client.HTTPResponse,
    file: BinaryIO,
    have: int,
    info: ModelInfo,
    progress: FetchCallback | None,
) -> None:
    promised = answer.headers.get("Content-Length")
    total = have + int(promised) if promised else info.size_bytes
    while chunk := _read(answer):
        file.write(chunk)
        have += len(chunk)
        if info.size_bytes and have > info.size_bytes:
            return  # not the file: its checksum will say so
        if progress is not None:
            progress(FetchProgress(have, total))
    if have < total:
        raise PassingError(f"the connection broke off after {have} of {total} bytes")


def _read(answer: http.client.HTTPResponse) -> bytes:
    """Return the next bytes; what the network does wrong never looks like a fault of the disk."""
    try:
        return answer.read1(_CHUNK)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise PassingError(_why(error)) from error


@contextmanager
def on_disk(place: Path) -> Iterator[None]:
    """Turn what the file system refuses into errors of the house; the network's pass through."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            message = f"no room left on the device of {place}; free some space and try again"
            raise DiskFullError(message) from error
        message = f"{place} cannot be written ({error.strerror or error})"
        raise StoreError(f"{message}; name another cache with XDG_CACHE_HOME") from error


@contextmanager
def _on_network(info: ModelInfo, url: str, stall_s: float) -> Iterator[None]:
    """Sort the network's troubles: those that may pass, and those that will not."""
    try:
        yield
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise SpoiltPartError("the server has less than was received") from error
        reason = f"{error.code} {http.client.responses.get(error.code, '')}".strip()
        if error.code in _PASSING:
            raise PassingError(f"the server answered {reason}") from error
        message = f"{shown(url)} answered {reason}"
        raise ModelUnavailableError(f"{message}; {elsewhere(info)}") from error
    except TimeoutError as error:
        raise PassingError(f"nothing was heard for {stall_s:g} s") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(cause, socket.gaierror) or getattr(cause, "errno", 0) in _OFFLINE:
            message = f"{shown(url)} cannot be reached ({_why(cause)})"
            raise ModelUnavailableError(f"{message}; {elsewhere(info)}") from error
        raise PassingError(_why(cause)) from error


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Redirects to http and https only."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if not newurl.lower().startswith(("http://", "https://")):
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_OPENER = urllib.request.build_opener(_Redirects())


def _why(error: object) -> str:
    why = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return " ".join(why.split()) or type(error).__name__


def elsewhere(info: ModelInfo) -> str:
    """Return what helps where a download does not."""
    return (
        f"try again, or fetch that file elsewhere and put it as {info.file_name} into the folder "
        "that EARMARK_MODELS names, or use the model builtin"
    )


def shown(url: str) -> str:
    """Return a URL without user name and password."""
    return re.sub(r"://[^/@]*@", "://", url, count=1)
