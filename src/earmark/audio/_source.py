"""Whatever holds the bytes becomes one seekable binary file with a name to show."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias, cast

from earmark.audio._errors import mapped
from earmark.audio.fetch import FetchLimits, fetched, is_url, shown
from earmark.errors import AudioTooLongError, EmptyAudioError, NotAudioError

Source: TypeAlias = str | Path | bytes | BinaryIO
"""A path, an http(s) URL, the bytes themselves, or a binary file object (a pipe too)."""

HEAD_BYTES = 512
_CHUNK = 1 << 18
_PLAYLISTS = (b"#EXTM3U", b"[playlist]", b"ffconcat", b"<MPD")


@dataclass(frozen=True, slots=True)
class OpenSource:
    """A seekable file, rewound; ``name`` for messages; ``head`` its first bytes."""

    name: str
    file: BinaryIO
    head: bytes


def name_of(source: Source) -> str:
    """Return what to call a source in messages and results.

    >>> name_of(b"RIFF"), name_of("http://me:secret@host/a.mp3")
    ('<bytes>', 'http://host/a.mp3')
    """
    if isinstance(source, bytes):
        return "<bytes>"
    if isinstance(source, str | os.PathLike):
        return shown(str(source))
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "<stream>"


@contextmanager
def opened(source: Source, name: str, limits: FetchLimits) -> Iterator[OpenSource]:
    """Yield the source as a seekable file; URLs and pipes are spooled to a temporary file.

    A file object that was handed in stays open.

    Raises
    ------
    InputError
        Missing, unreadable, empty, a playlist, or past the limits.
    """
    with ExitStack() as stack:
        with mapped(name):
            file = _file(source, name, limits, stack)
            head = file.read(HEAD_BYTES)
            file.seek(0)
        if not head:
            raise EmptyAudioError(f"{name} is empty (0 bytes); copy or record it again")
        if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(_PLAYLISTS):
            raise NotAudioError(f"{name} is a playlist, not audio; name the files in it")
        yield OpenSource(name, file, head)


def _file(source: Source, name: str, limits: FetchLimits, stack: ExitStack) -> BinaryIO:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    if isinstance(source, str) and is_url(source):
        return stack.enter_context(fetched(source, limits))
    if isinstance(source, str | os.PathLike):
        # Unbuffered: libsndfile reads the descriptor itself, and no stale buffer lies in between.
        raw = stack.enter_context(Path(source).open("rb", buffering=0))  # noqa: SIM115
        file = cast(BinaryIO, raw)
    else:
        file = source
    if file.seekable():
        file.seek(0)
        return file
    spool = cast(BinaryIO, stack.enter_context(tempfile.TemporaryFile(buffering=0)))  # noqa: SIM115
    received = 0
    while chunk := file.read(_CHUNK):
        received += len(chunk)
        if received > limits.max_bytes:
            raise AudioTooLongError(
                f"{name} sent more than {limits.max_bytes} bytes; "
                "watch it as a live stream, or raise EARMARK_FETCH_LIMIT_BYTES"
            )
        spool.write(chunk)
    spool.seek(0)
    return spool
