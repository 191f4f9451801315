"""A multipart form as it arrives: files into spools, small fields into memory, all bounded."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from earmark.errors import BodyTooLargeError, InvalidRequestError
from earmark.service.bodies.spool import Spool

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

FILE = "file"
LARGEST_FIELD_BYTES = 65_536
LARGEST_FIELDS_BYTES = 262_144
MOST_FIELDS = 256


class Form:
    """A parser that is fed chunks; `files` and `fields` hold what has come so far.

    Parameters
    ----------
    content_type
        The request's, with its boundary.
    fields
        Names of fields to take besides ``file``; others are refused.
    most_files
        How many ``file`` parts may come.
    opened
        Makes the spool of a file by its name.
    digest
        Gets each part's name and content, but not the boundary: a client that repeats its request
        chooses another one.
    """

    def __init__(
        self,
        content_type: str,
        fields: frozenset[str],
        most_files: int,
        opened: Callable[[str], Spool],
        digest: Hash | None = None,
    ) -> None:
        self.files: list[Spool] = []
        self.fields: dict[str, list[str]] = {}
        self._known = fields
        self._most_files = most_files
        self._opened = opened
        self._digest = digest
        self._part_digest: Hash | None = None
        self._kept_bytes = 0
        self._parts = 0
        self._ended = False
        self._header, self._value, self._disposition = b"", b"", b""
        self._name = ""
        self._text: bytearray | None = None
        self._arrived: list[tuple[Spool, bytes | None]] = []
        boundary = parse_options_header(content_type)[1].get(b"boundary")
        if not boundary:
            message = (
                "the multipart body has no boundary in its Content-Type; let the client set it"
            )
            raise InvalidRequestError(message)
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_part,
                    "on_header_field": self._on_header_field,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers,
                    "on_part_data": self._on_data,
                    "on_part_end": self._on_part_end,
                    "on_end": self._on_end,
                },
            )
        except FormParserError as error:
            raise InvalidRequestError(_damaged(error)) from error

    async def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body; raises what is wrong with them."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise InvalidRequestError(_damaged(error)) from error
        arrived, self._arrived = self._arrived, []
        for spool, data in arrived:
            await (spool.finish() if data is None else spool.write(data))

    def end(self) -> None:
        """Raise `InvalidRequestError` where the body ended before the form did."""
        if not self._ended:
            message = "the multipart body ends before its last boundary; send it again"
            raise InvalidRequestError(message)

    # --- what the parser calls ------------------------------------------------------------

    def _on_part(self) -> None:
        self._parts += 1
        if self._parts > self._most_files + MOST_FIELDS:
            message = f"the form has more than {self._most_files + MOST_FIELDS} parts"
            raise InvalidRequestError(message)
        self._disposition = b""

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header, self._value = b"", b""

    def _on_headers(self) -> None:
        options = parse_options_header(self._disposition)[1]
        name = options.get(b"name")
        if name is None:
            message = "a part of the form has no name; send it as Content-Disposition: form-data"
            raise InvalidRequestError(message)
        self._name = _text(name)
        if self._digest is not None:
            self._digest.update(f"{self._disposition!r}".encode())
            self._part_digest = sha256()
        if self._name == FILE:
            if len(self.files) >= self._most_files:
                few = "one file" if self._most_files == 1 else f"{self._most_files} files"
                message = (
                    f"the form holds more than {few}; send the others in requests of their own"
                )
                raise InvalidRequestError(message)
            self.files.append(self._opened(_file_name(options.get(b"filename", b""))))
            self._text = None
            return
        if self._name not in self._known:
            known = ", ".join((FILE, *sorted(self._known)))
            message = f"the form has an unknown field {self._name!r:.100}; known: {known}"
            raise InvalidRequestError(message)
        if b"filename" in options:
            message = f"the field {self._name!r} is a file; only {FILE!r} may be one"
            raise InvalidRequestError(message)
        self._text = bytearray()

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._part_digest is not None:
            self._part_digest.update(memoryview(data)[start:end])
        if self._text is None:
            self._arrived.append((self.files[-1], data[start:end]))
            return
        self._text += data[start:end]
        self._kept_bytes += end - start
        if len(self._text) > LARGEST_FIELD_BYTES or self._kept_bytes > LARGEST_FIELDS_BYTES:
            message = f"the field {self._name!r} holds more than {LARGEST_FIELD_BYTES} bytes"
            raise BodyTooLargeError(message)

    def _on_part_end(self) -> None:
        if self._digest is not None and self._part_digest is not None:
            self._digest.update(self._part_digest.digest())
        if self._text is None:
            self._arrived.append((self.files[-1], None))
            return
        try:
            value = self._text.decode()
        except UnicodeDecodeError as error:
            message = f"the field {self._name!r} is not UTF-8"
            raise InvalidRequestError(message) from error
        self.fields.setdefault(self._name, []).append(value)

    def _on_end(self) -> None:
        self._ended = True


def _file_name(data: bytes) -> str:
    """Return a file's name; browsers write three characters, and only these, as per cent."""
    name = _text(data)
    for code, character in (("%22", '"'), ("%0D", "\r"), ("%0A", "\n")):
        name = name.replace(code, character)
    return name


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _damaged(error: Exception) -> str:
    return f"the multipart body is damaged ({error}); send it again"
