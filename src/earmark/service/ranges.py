"""A file as an answer, whole or a range of its bytes (RFC 9110, section 14).

Not starlette's: its ``FileResponse`` answers an ill-formed or unknown range with 400 in plain
text, where the standard says to ignore it, and 416 without a problem document.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from earmark.errors import NoMediaError, RangeError
from earmark.service.answering.problems import problem
from earmark.service.answers import CHECKED, not_modified, unchanged

_CHUNK_BYTES = 1 << 18
_RANGE = re.compile(r"bytes\s*=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A regular file that is open, and what tells its versions apart."""

    file: BinaryIO
    size_bytes: int
    modified_s: float
    etag: str


def open_file(path: Path) -> OpenFile:
    """Open a regular file; raises `NoMediaError` where there is none that may be read."""
    try:
        # Not blocking: the name may have become that of a pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        message = "the track's file is not there any more, or may not be read"
        raise NoMediaError(message) from error
    state = os.fstat(descriptor)
    if not S_ISREG(state.st_mode):
        os.close(descriptor)
        message = "the track's source is not a file any more"
        raise NoMediaError(message)
    etag = f'"{state.st_ino:x}-{state.st_size:x}-{state.st_mtime_ns:x}"'
    return OpenFile(os.fdopen(descriptor, "rb", 0), state.st_size, state.st_mtime, etag)


def byte_range(header: str | None, size_bytes: int) -> tuple[int, int] | None:
    """Return the first byte of a range and the one behind its last; None: the whole file.

    What is ill-formed, in other units, or several ranges at once is ignored, as it may be.

    Raises
    ------
    RangeError
        It begins behind the file's end.

    >>> byte_range("bytes=0-99", 50), byte_range("bytes=-10", 50), byte_range("bytes=9-1", 50)
    ((0, 50), (40, 50), None)
    """
    found = _RANGE.fullmatch(header) if header else None
    if found is None or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:
        start, end = max(0, size_bytes - int(last)), size_bytes
    else:
        start, end = int(first), min(size_bytes, int(last) + 1 if last else size_bytes)
        if last and int(last) < start:
            return None
    if start >= size_bytes:
        message = f"the file has {size_bytes} bytes; the range {header!r:.60} is not in it"
        raise RangeError(message)
    return start, end


def file_answer(
    request: Request, opened: OpenFile, media_type: str, headers: Mapping[str, str]
) -> Response:
    """Return an open file as its request asks for it; it is closed when it has been sent."""
    modified = formatdate(opened.modified_s, usegmt=True)
    more = {
        **headers,
        "Accept-Ranges": "bytes",
        "ETag": opened.etag,
        "Last-Modified": modified,
        "Cache-Control": CHECKED,
        "Content-Type": media_type,
    }
    if unchanged(request, opened.etag):
        opened.file.close()
        return not_modified(opened.etag)
    condition = request.headers.get("if-range")
    asked = request.headers.get("range") if request.method == "GET" else None
    if condition is not None and condition not in (opened.etag, modified):
        asked = None
    try:
        wanted = byte_range(asked, opened.size_bytes)
    except RangeError as error:
        opened.file.close()
        return problem(request, error, headers={"Content-Range": f"bytes */{opened.size_bytes}"})
    start, end = wanted or (0, opened.size_bytes)
    more["Content-Length"] = str(end - start)
    if wanted:
        more["Content-Range"] = f"bytes {start}-{end - 1}/{opened.size_bytes}"
    if request.method == "HEAD":
        opened.file.close()
        return Response(status_code=200, headers=more)
    return _FileResponse(opened.file, start, end, 206 if wanted else 200, more)


class _FileResponse(StreamingResponse):
    def __init__(
        self, file: BinaryIO, start: int, end: int, status: int, headers: Mapping[str, str]
    ) -> None:
        super().__init__(_chunks(file, start, end), status, headers)
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file and close it, also when the client leaves."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()


async def _chunks(file: BinaryIO, start: int, end: int) -> AsyncIterator[bytes]:
    while start < end:
        count = min(_CHUNK_BYTES, end - start)
        chunk = await anyio.to_thread.run_sync(os.pread, file.fileno(), count, start)
        if not chunk:
            return  # it was cut short meanwhile
        start += len(chunk)
        yield chunk
