"""Rows of the track table and the records they stand for."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earmark.ports import NewTrack, SourceState, TrackChanges
from earmark.stores.faults import damaged_tracks
from earmark.types import Track

TRACK_COLUMNS = (
    "id, source, content_id, duration_s, number, title, artist, album, tags, extra, added_at"
)
STATE_COLUMNS = "id, source, content_id, size_bytes, modified_ns"


@dataclass(frozen=True, slots=True)
class Decoder:
    """Reads rows of one database; a row that makes no sense is damage of that file."""

    path: Path

    def track(self, row: tuple[Any, ...]) -> Track:
        """Return the track of a row of `TRACK_COLUMNS`."""
        track_id, source, content_id, duration_s, number, title, artist, album, tags, extra, at = (
            row
        )
        try:
            return Track(
                id=track_id,
                source=_source(source),
                content_id=content_id,
                duration_s=float(duration_s),
                number=int(number),
                title=title,
                artist=artist,
                album=album,
                tags=tuple(json.loads(tags)),
                extra=dict(json.loads(extra)),
                added_at=at,
            )
        except (ValueError, TypeError, AttributeError) as error:
            raise damaged_tracks(self.path, f"track {track_id!r}: {error}") from error

    def state(self, row: tuple[Any, ...]) -> SourceState:
        """Return the state of a row of `STATE_COLUMNS`."""
        track_id, source, content_id, size_bytes, modified_ns = row
        try:
            return SourceState(track_id, _source(source), content_id, size_bytes, modified_ns)
        except (ValueError, TypeError, AttributeError) as error:
            raise damaged_tracks(self.path, f"track {track_id!r}: {error}") from error


def new_row(new: NewTrack) -> dict[str, object]:
    """Return the columns that a new track fills by itself."""
    return {
        "source": source_bytes(new.source),
        "content_id": new.content_id,
        "size_bytes": new.size_bytes,
        "modified_ns": new.modified_ns,
        "title": plain(new.title),
        "artist": plain(new.artist),
        "album": plain(new.album),
        "tags": json.dumps(new.tags),
        "extra": json.dumps(dict(new.extra)),
        "search": search_text(new.title, new.artist, new.album, new.tags, new.source),
    }


def changed_row(changes: TrackChanges, old: Track) -> dict[str, object]:
    """Return the columns to overwrite."""
    row: dict[str, object] = {}
    for name in ("title", "artist", "album"):
        value = getattr(changes, name)
        if value is not None:
            row[name] = plain(value)
    if changes.tags is not None:
        row["tags"] = json.dumps(changes.tags)
    if changes.extra is not None:
        row["extra"] = json.dumps(dict(changes.extra))
    if changes.source is not None:
        row["source"] = source_bytes(changes.source)
    for name in ("size_bytes", "modified_ns"):
        if getattr(changes, name) is not None:
            row[name] = getattr(changes, name)
    row["search"] = search_text(
        old.title if changes.title is None else changes.title,
        old.artist if changes.artist is None else changes.artist,
        old.album if changes.album is None else changes.album,
        old.tags if changes.tags is None else changes.tags,
        old.source if changes.source is None else changes.source,
    )
    return row


def search_text(title: str, artist: str, album: str, tags: Iterable[str], source: str) -> str:
    """Return what a search looks through: SQLite itself knows the case of ASCII only."""
    return plain("\n".join((title, artist, album, *tags, source)).casefold())


def plain(text: str) -> str:
    """Return text that can be written as UTF-8; lone surrogates become question marks."""
    return text.encode("utf-8", "replace").decode()


def source_bytes(source: str) -> bytes:
    """Return a source as it is stored: also names whose bytes are no text survive."""
    return source.encode("utf-8", "surrogatepass")


def _source(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")
