"""What a file says of itself: title, artist, and its cover picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from earmark.audio._errors import vendor_errors
from earmark.audio._source import Source, name_of, opened
from earmark.audio.fetch import DEFAULT_LIMITS
from earmark.errors import EmptyAudioError, NotAudioError
from earmark.types import Tags

if TYPE_CHECKING:
    import av

LARGEST_COVER_BYTES = 16_000_000

_KEYS = {
    "title": ("title",),
    "artist": ("artist", "author", "album_artist", "performer"),
    "album": ("album",),
    "date": ("date", "year", "originaldate"),
    "genre": ("genre",),
    "isrc": ("isrc", "tsrc"),
}
_PICTURES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
)


@dataclass(frozen=True, slots=True)
class TagsAndCover:
    """The tags, and the front cover's bytes with their mime type where there is one."""

    tags: Tags = field(default_factory=Tags)
    cover: bytes | None = None
    cover_mime: str | None = None


def read_tags(source: Source) -> TagsAndCover:
    """Return the tags and the cover of a file; broken or missing ones are empty.

    Parameters
    ----------
    source
        A path, bytes, or a seekable binary file object, which is left at an unknown position.

    Raises
    ------
    SourceNotFoundError
        Nothing is there.
    SourceUnreadableError
        A folder, or it may not be read.
    """
    import av

    try:
        with opened(source, name_of(source), DEFAULT_LIMITS) as opened_source:
            options = {"protocol_whitelist": "none"}
            with av.open(
                opened_source.file, mode="r", options=options, metadata_errors="replace"
            ) as container:
                return _read(container)
    except (EmptyAudioError, NotAudioError):
        return TagsAndCover()
    except vendor_errors():
        return TagsAndCover()


def _read(container: av.container.InputContainer) -> TagsAndCover:
    found: dict[str, str] = {}
    for metadata in (container.metadata, *(s.metadata for s in container.streams.audio)):
        for key, value in metadata.items():
            found.setdefault(key.lower(), value)
    tags = Tags(**{name: _first(found, keys) for name, keys in _KEYS.items()})
    for cover in _pictures(container):
        mime = _mime(cover)
        if mime is not None and len(cover) <= LARGEST_COVER_BYTES:
            return TagsAndCover(tags, cover, mime)
    return TagsAndCover(tags)


def _first(found: Mapping[str, str], keys: tuple[str, ...]) -> str | None:
    for key in keys:
        value = found.get(key, "").replace("\x00", " ").replace("\ufffd", "").strip()
        if value:
            return value
    return None


def _pictures(container: av.container.InputContainer) -> Iterator[bytes]:
    from av.stream import Disposition

    for stream in container.streams.video:
        if not Disposition.attached_pic & stream.disposition:
            continue
        try:
            for packet in container.demux(stream):
                if packet.size:
                    yield bytes(packet)
                break
        except vendor_errors():
            continue


def _mime(picture: bytes) -> str | None:
    if picture[:4] == b"RIFF" and picture[8:12] == b"WEBP":
        return "image/webp"
    return next((mime for magic, mime in _PICTURES if picture.startswith(magic)), None)
