"""Rows of the track table in Redis and the records they stand for.

A row is a MessagePack array of strings, because scripts take it apart with ``cmsgpack`` and put it
together again without losing a byte: file names that are no text, or more digits than a double has.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import IntEnum

from earmark.errors import DamagedIndexError
from earmark.ports import NewTrack, SourceState, TrackChanges
from earmark.stores.redis_address import RedisAddress
from earmark.stores.rows import plain, source_bytes
from earmark.types import Track

DIGEST_BYTES = 14
"""Of a SHA-1: with one byte before and one behind it, it fills 16 bytes of Redis' memory."""
TAG_BYTES = 8
_HEX = frozenset("0123456789abcdef")


class Field(IntEnum):
    """Where a row has what; Lua counts from one."""

    ID = 0
    NUMBER = 1
    SOURCE = 2
    CONTENT = 3
    SIZE = 4
    MODIFIED = 5
    TITLE = 6
    ARTIST = 7
    ALBUM = 8
    TAGS = 9
    EXTRA = 10
    ADDED = 11
    DURATION = 12
    COVER = 13


FIELDS = len(Field)


def packed(fields: Sequence[bytes]) -> bytes:
    """Return strings as a MessagePack array.

    >>> packed([b"a", b""]).hex()
    '92a161a0'
    """
    count = len(fields)
    head = bytes([0x90 | count]) if count < 16 else b"\xdc" + count.to_bytes(2, "big")
    if count > 0xFFFF:
        head = b"\xdd" + count.to_bytes(4, "big")
    parts = [head]
    for data in fields:
        size = len(data)
        if size < 32:
            parts.append(bytes([0xA0 | size]))
        elif size <= 0xFF:
            parts.append(bytes([0xD9, size]))
        elif size <= 0xFFFF:
            parts.append(b"\xda" + size.to_bytes(2, "big"))
        else:
            parts.append(b"\xdb" + size.to_bytes(4, "big"))
        parts.append(data)
    return b"".join(parts)


def unpacked(data: bytes) -> list[bytes]:
    """Return the strings of a MessagePack array; raises `ValueError` where it is none.

    >>> unpacked(packed([b"a" * 40, b""])) == [b"a" * 40, b""]
    True
    """
    try:
        count, at = _head(data)
        found = []
        for _ in range(count):
            first = data[at]
            if 0xA0 <= first <= 0xBF:
                size, at = first & 0x1F, at + 1
            else:
                width = {0xD9: 1, 0xDA: 2, 0xDB: 4}[first]
                size, at = int.from_bytes(data[at + 1 : at + 1 + width], "big"), at + 1 + width
            found.append(data[at : at + size])
            at += size
    except (IndexError, KeyError) as error:
        raise ValueError("it is no array of strings") from error
    if at != len(data):
        raise ValueError("it is cut short or has too much")
    return found


def _head(data: bytes) -> tuple[int, int]:
    if 0x90 <= data[0] <= 0x9F:
        return data[0] & 0x0F, 1
    width = {0xDC: 2, 0xDD: 4}[data[0]]
    return int.from_bytes(data[1 : 1 + width], "big"), 1 + width


def digest(data: bytes, size: int = DIGEST_BYTES) -> bytes:
    """Return what a secondary lookup calls something; the scripts make the same."""
    return hashlib.sha1(data).digest()[:size]  # noqa: S324 - what a script can make too


def id_bytes(track_id: str) -> bytes:
    """Return a track's id as it is stored."""
    return plain(track_id).encode()


def content_bytes(content_id: str) -> bytes:
    """Return a content id as it is stored: half as long where it is hexadecimal.

    >>> len(content_bytes("ab" * 32)), content_bytes("no hex")
    (33, b'-no hex')
    """
    if content_id and len(content_id) % 2 == 0 and _HEX.issuperset(content_id):
        return b"x" + bytes.fromhex(content_id)
    return b"-" + content_id.encode("utf-8", "surrogatepass")


def _content(data: bytes) -> str:
    return data[1:].hex() if data[:1] == b"x" else data[1:].decode("utf-8", "surrogatepass")


def tags_bytes(tags: Sequence[str]) -> bytes:
    """Return tags as they are stored."""
    return packed([tag.encode("utf-8", "surrogatepass") for tag in tags]) if tags else b""


def _extra_bytes(extra: Mapping[str, str]) -> bytes:
    return json.dumps(dict(extra)).encode() if extra else b""


def new_fields(new: NewTrack, number: int) -> list[bytes]:
    """Return the row of a new track as far as it is known before it is published."""
    row = [b""] * FIELDS
    row[Field.ID] = id_bytes(new.track_id) if new.track_id else b""
    row[Field.NUMBER] = b"%d" % number
    row[Field.SOURCE] = source_bytes(new.source)
    row[Field.CONTENT] = content_bytes(new.content_id)
    row[Field.SIZE] = b"%d" % new.size_bytes
    row[Field.MODIFIED] = b"%d" % new.modified_ns
    row[Field.TITLE] = plain(new.title).encode()
    row[Field.ARTIST] = plain(new.artist).encode()
    row[Field.ALBUM] = plain(new.album).encode()
    row[Field.TAGS] = tags_bytes(new.tags)
    row[Field.EXTRA] = _extra_bytes(new.extra)
    row[Field.ADDED] = plain(new.added_at or "").encode()
    row[Field.DURATION] = repr(float(new.duration_s)).encode()
    row[Field.COVER] = b"" if new.cover is None else b"1"
    return row


def changed_fields(changes: TrackChanges) -> dict[Field, bytes]:
    """Return the fields to overwrite."""
    row: dict[Field, bytes] = {}
    texts = {
        Field.TITLE: changes.title,
        Field.ARTIST: changes.artist,
        Field.ALBUM: changes.album,
    }
    row.update({at: plain(text).encode() for at, text in texts.items() if text is not None})
    if changes.tags is not None:
        row[Field.TAGS] = tags_bytes(changes.tags)
    if changes.extra is not None:
        row[Field.EXTRA] = _extra_bytes(changes.extra)
    if changes.source is not None:
        row[Field.SOURCE] = source_bytes(changes.source)
    figures = {Field.SIZE: changes.size_bytes, Field.MODIFIED: changes.modified_ns}
    row.update({at: b"%d" % value for at, value in figures.items() if value is not None})
    return row


class TrackRows:
    """Reads rows of one library; a row that makes no sense is damage of that library."""

    def __init__(self, address: RedisAddress) -> None:
        self._address = address

    def fields(self, data: bytes) -> list[bytes]:
        """Return a row's fields; raises `DamagedIndexError`."""
        try:
            row = unpacked(data)
            if len(row) != FIELDS:
                message = f"it has {len(row)} fields, not {FIELDS}"
                raise ValueError(message)
        except ValueError as error:
            raise self._damaged(data[:20], error) from error
        return row

    def track(self, data: bytes) -> Track:
        """Return the track of a row; raises `DamagedIndexError`."""
        row = self.fields(data)
        try:
            return Track(
                id=row[Field.ID].decode(),
                source=row[Field.SOURCE].decode("utf-8", "surrogatepass"),
                content_id=_content(row[Field.CONTENT]),
                duration_s=float(row[Field.DURATION]),
                number=int(row[Field.NUMBER]),
                title=row[Field.TITLE].decode(),
                artist=row[Field.ARTIST].decode(),
                album=row[Field.ALBUM].decode(),
                tags=_tags(row[Field.TAGS]),
                extra=dict(json.loads(row[Field.EXTRA])) if row[Field.EXTRA] else {},
                added_at=_day(row[Field.ADDED]),
            )
        except (ValueError, TypeError, AttributeError, OverflowError, OSError) as error:
            raise self._damaged(row[Field.ID], error) from error

    def state(self, data: bytes) -> SourceState:
        """Return what a row remembers of its source; raises `DamagedIndexError`."""
        row = self.fields(data)
        try:
            return SourceState(
                row[Field.ID].decode(),
                row[Field.SOURCE].decode("utf-8", "surrogatepass"),
                _content(row[Field.CONTENT]),
                int(row[Field.SIZE]),
                int(row[Field.MODIFIED]),
            )
        except ValueError as error:
            raise self._damaged(row[Field.ID], error) from error

    def _damaged(self, what: bytes, error: Exception) -> DamagedIndexError:
        name = what.decode("utf-8", "replace")
        return DamagedIndexError(
            f"the library {self._address} is damaged at track {name!r} ({error}); restore Redis "
            "from a backup, or import an archive"
        )


def _tags(data: bytes) -> tuple[str, ...]:
    if not data:
        return ()
    return tuple(tag.decode("utf-8", "surrogatepass") for tag in unpacked(data))


def _day(data: bytes) -> str:
    """Return when a track was added: Redis' own seconds, or what a copy has brought along."""
    text = data.decode()
    return datetime.fromtimestamp(int(text), UTC).isoformat() if text.isdigit() else text
