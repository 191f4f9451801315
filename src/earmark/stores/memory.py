"""A track store in plain dictionaries: nothing durable, nothing fast, obviously right."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from earmark.errors import TrackNotFoundError
from earmark.ports import (
    NewTrack,
    Numbers,
    SourceState,
    StoredFeatures,
    TrackChanges,
)
from earmark.stores.identity import track_ids
from earmark.stores.memory_postings import MemoryPostingStore
from earmark.types import Track

__all__ = ["MemoryPostingStore", "MemoryTrackStore"]


@dataclass
class _Audio:
    audio_id: str
    duration_s: float
    features: dict[str, StoredFeatures]


@dataclass
class _Entry:
    track: Track
    state: SourceState
    cover: bytes | None


class MemoryTrackStore:
    """A `TrackStore` that ends with the process."""

    def __init__(self) -> None:
        self._audios: dict[int, _Audio] = {}
        self._entries: dict[str, _Entry] = {}
        self._next = 1
        self._revision = 0
        self._lock = threading.RLock()

    def writing(self) -> AbstractContextManager[None]:
        """Return a context that holds nothing: no other process can see this store."""
        return nullcontext()

    def put(self, tracks: Sequence[NewTrack]) -> list[Track]:
        """Insert or replace."""
        with self._lock:
            ids = [self._put(new) for new in tracks]
            self._drop_orphans()
            self._revision += 1
            return [self._entries[track_id].track for track_id in ids]

    def update(self, track_id: str, changes: TrackChanges) -> Track:
        """Overwrite metadata of one track."""
        with self._lock:
            entry = self._entry(track_id)
            for name in ("title", "artist", "album", "tags", "extra", "source"):
                value = getattr(changes, name)
                if value is not None:
                    entry.track = replace(entry.track, **{name: value})
            for name in ("source", "size_bytes", "modified_ns"):
                value = getattr(changes, name)
                if value is not None:
                    entry.state = replace(entry.state, **{name: value})
            self._revision += 1
            return entry.track

    def delete(self, track_ids: Sequence[str]) -> None:
        """Delete all or none."""
        with self._lock:
            for track_id in track_ids:
                self._entry(track_id)
            for track_id in set(track_ids):
                del self._entries[track_id]
            self._drop_orphans()
            self._revision += 1

    def get(self, track_id: str) -> Track:
        """Return one track."""
        return self._entry(track_id).track

    def by_number(self, numbers: Sequence[int]) -> dict[int, list[Track]]:
        """Return the tracks of each number, first added first."""
        found: dict[int, list[Track]] = {}
        for entry in self._entries.values():
            if entry.track.number in set(numbers):
                found.setdefault(entry.track.number, []).append(entry.track)
        return found

    def source_state(self, source: str) -> SourceState | None:
        """Return what is remembered of a source; of several tracks, the one added last."""
        states = [e.state for e in self._entries.values() if e.state.source == source]
        return states[-1] if states else None

    def by_content(self, content_id: str) -> list[SourceState]:
        """Return every track of a content id, first added first."""
        return [e.state for e in self._entries.values() if e.state.content_id == content_id]

    def page(self, after: str | None, limit: int, text: str | None = None) -> list[Track]:
        """Return tracks in the order they were added."""
        ids = list(self._entries)
        if after is not None:
            self._entry(after)
            ids = ids[ids.index(after) + 1 :]
        tracks = [self._entries[track_id].track for track_id in ids]
        return [track for track in tracks if not text or _holds(track, text)][: max(0, limit)]

    def cover(self, track_id: str) -> bytes | None:
        """Return the cover picture's bytes, or None."""
        return self._entry(track_id).cover

    def count(self) -> int:
        """Return the number of tracks."""
        return len(self._entries)

    def numbers(self, engine: str) -> Numbers:
        """Return the sorted numbers that hold features of ``engine``."""
        held = [number for number, audio in self._audios.items() if engine in audio.features]
        return np.array(sorted(held), np.int64)

    def features(self, engine: str, numbers: Sequence[int]) -> Iterator[tuple[int, StoredFeatures]]:
        """Yield the features of those numbers that have them, ascending."""
        for number in sorted({int(number) for number in numbers}):
            audio = self._audios.get(number)
            if audio is not None and engine in audio.features:
                yield number, audio.features[engine]

    def replace_features(self, engine: str, items: Mapping[int, StoredFeatures]) -> None:
        """Overwrite one engine's features of existing numbers; others are passed over."""
        with self._lock:
            for number, features in items.items():
                if number in self._audios:
                    self._audios[number].features[engine] = features
            self._revision += 1

    def revision(self) -> int:
        """Return a value that changes with every change."""
        return self._revision

    def totals(self) -> Mapping[str, float]:
        """Return ``tracks``, ``audios``, ``audio_s`` and ``bytes``."""
        return {
            "tracks": len(self._entries),
            "audios": len(self._audios),
            "audio_s": sum(audio.duration_s for audio in self._audios.values()),
            "bytes": 0,
        }

    def check(self) -> list[str]:
        """Return no fault: memory does not rot."""
        return []

    def close(self) -> None:
        """Do nothing: there is nothing to release."""

    def _entry(self, track_id: str) -> _Entry:
        if track_id not in self._entries:
            message = f"no track has the id {track_id!r}"
            raise TrackNotFoundError(message)
        return self._entries[track_id]

    def _put(self, new: NewTrack) -> str:
        track_id = new.track_id or self._free_id(new)
        old = self._entries.get(track_id)
        number = self._number(new)
        kept = old.track.added_at if old else datetime.now(UTC).isoformat(timespec="seconds")
        audio = self._audios[number]
        for engine, features in new.features.items():
            audio.features.setdefault(engine, features)
        track = Track(
            track_id,
            new.source,
            new.content_id,
            audio.duration_s,
            number,
            new.title,
            new.artist,
            new.album,
            new.tags,
            dict(new.extra),
            new.added_at or kept,
        )
        state = SourceState(track_id, new.source, new.content_id, new.size_bytes, new.modified_ns)
        self._entries[track_id] = _Entry(track, state, new.cover)
        return track_id

    def _free_id(self, new: NewTrack) -> str:
        for candidate in track_ids(new.source, new.content_id):
            held = self._entries.get(candidate)
            same = (new.source, new.content_id)
            if held is None or (held.state.source, held.state.content_id) == same:
                return candidate
        raise AssertionError

    def _number(self, new: NewTrack) -> int:
        for number, audio in self._audios.items():
            if audio.audio_id == new.audio_id:
                return number
        self._audios[self._next] = _Audio(new.audio_id, new.duration_s, {})
        self._next += 1
        return self._next - 1

    def _drop_orphans(self) -> None:
        used = {entry.track.number for entry in self._entries.values()}
        self._audios = {number: a for number, a in self._audios.items() if number in used}


def _holds(track: Track, text: str) -> bool:
    fields = (track.title, track.artist, track.album, *track.tags, track.source)
    return any(text.casefold() in field.casefold() for field in fields)
