"""Bodies of requests as values: JSON, or a form whose files are read from disk piece by piece."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import stat
import uuid
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from earmark.audio._errors import mapped
from earmark.audio._source import name_of
from earmark.audio.fetch import is_url
from earmark.errors import SourceUnreadableError, UsageError

Source: TypeAlias = str | os.PathLike[str] | bytes | BinaryIO
"""A path, the URL of something that the service fetches, the bytes, or a binary file object."""

BLOCK_BYTES = 1 << 18
_UNFIT = re.compile(r'["\\\x00-\x1f\x7f]')


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to send: where its bytes are, what the service calls it, how long it is if known."""

    source: Path | bytes | BinaryIO
    name: str
    size_bytes: int | None

    @property
    def again(self) -> bool:
        """Whether it can be read a second time (a pipe cannot)."""
        return self.size_bytes is not None

    def blocks(self) -> Iterator[bytes]:
        """Yield the bytes from the beginning.

        Raises
        ------
        SourceNotFoundError, SourceUnreadableError
            The file is gone, may not be read, or has become shorter.
        """
        with ExitStack() as stack, mapped(self.name):
            file = self._opened(stack)
            left = self.size_bytes
            while left is None or left > 0:
                block = file.read(BLOCK_BYTES if left is None else min(BLOCK_BYTES, left))
                if not isinstance(block, bytes):
                    message = f"{self.name} is read as text; open it in binary mode"
                    raise UsageError(message)
                if not block:
                    break
                left = None if left is None else left - len(block)
                yield block
            if left:
                message = f"{self.name} became shorter while it was sent; send it again"
                raise SourceUnreadableError(message)

    def _opened(self, stack: ExitStack) -> BinaryIO:
        if isinstance(self.source, bytes):
            return io.BytesIO(self.source)
        if isinstance(self.source, Path):
            return stack.enter_context(self.source.open("rb"))
        if self.again:
            self.source.seek(0)
        return self.source


@dataclass(frozen=True, slots=True)
class Body:
    """What a request carries: pieces that follow one another."""

    content_type: str
    pieces: tuple[bytes | Upload, ...]

    @property
    def size_bytes(self) -> int | None:
        """The length of it all, or None where a piece is a pipe."""
        sizes = [len(p) if isinstance(p, bytes) else p.size_bytes for p in self.pieces]
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None

    @property
    def again(self) -> bool:
        """Whether it can be sent a second time."""
        return self.size_bytes is not None

    def blocks(self) -> Generator[bytes, None, None]:
        """Yield the bytes; of a file no more than a block is in memory at once."""
        for piece in self.pieces:
            if isinstance(piece, bytes):
                yield piece
            else:
                yield from piece.blocks()


def url_of(source: Source) -> str | None:
    """Return the address when the service shall fetch the source itself, else None."""
    return source if isinstance(source, str) and is_url(source) else None


def upload_of(source: Source, name: str | None = None) -> Upload:
    """Return a file to send.

    Parameters
    ----------
    source
        A path, bytes, or a binary file object, which is sent from its beginning.
    name
        What the service calls it; None is the file's own name.

    Raises
    ------
    SourceNotFoundError, SourceUnreadableError
        There is no such file, or it is a folder.
    UsageError
        It is none of those.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        data = bytes(source)
        return Upload(data, name or name_of(data), len(data))
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        with mapped(str(path)):
            facts = path.stat()
            if stat.S_ISDIR(facts.st_mode):
                raise IsADirectoryError
        size_bytes = facts.st_size if stat.S_ISREG(facts.st_mode) else None
        return Upload(path, name or path.name, size_bytes)
    if not hasattr(source, "read"):
        message = f"a source is a path, a URL, bytes or a binary file, got {type(source).__name__}"
        raise UsageError(message)
    called = name or Path(name_of(source)).name
    with mapped(called):
        size_bytes = source.seek(0, os.SEEK_END) if source.seekable() else None
    return Upload(source, called, size_bytes)


def json_body(shape: Any) -> Body:  # noqa: ANN401 - whatever JSON can hold
    """Return a value as JSON; raises `UsageError` for what JSON cannot hold."""
    try:
        text = json.dumps(shape, ensure_ascii=False, allow_nan=False)
        return Body("application/json", (text.encode(),))
    except (TypeError, ValueError, RecursionError) as error:
        message = f"this cannot be sent as JSON ({error}); send texts, numbers, lists and mappings"
        raise UsageError(message) from error


def form_body(
    files: Iterable[tuple[str, Upload]],
    fields: Iterable[tuple[str, str]] = (),
    seed: str | None = None,
) -> Body:
    """Return a multipart form: fields first, so that a service knows them before the files end.

    Equal forms of equal ``seed`` are equal to the byte; without one no two are.
    """
    mark = hashlib.sha256((seed or uuid.uuid4().hex).encode("utf-8", "replace")).hexdigest()[:32]
    boundary = f"earmark-{mark}"
    pieces: list[bytes | Upload] = []
    for field, text in fields:
        pieces.append(_head(boundary, field) + _utf8(text) + b"\r\n")
    for field, file in files:
        pieces += [_head(boundary, field, file.name), file, b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode())
    return Body(f"multipart/form-data; boundary={boundary}", tuple(pieces))


def raw_body(file: Upload, content_type: str) -> Body:
    """Return a body that is one file and nothing else."""
    return Body(content_type, (file,))


def _head(boundary: str, field: str, file_name: str | None = None) -> bytes:
    """Return what stands before one part; names are written as browsers write them."""
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"'
    if file_name is not None:
        name = _UNFIT.sub(lambda found: f"%{ord(found[0]):02X}", file_name)
        head += f'; filename="{name}"\r\nContent-Type: application/octet-stream'
    return _utf8(f"{head}\r\n\r\n")


def _utf8(text: str) -> bytes:
    """Return a text's bytes; those of a file's name that are no text become question marks."""
    return text.encode("utf-8", "replace")
