"""The truth: tracks, their metadata and every engine's features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from earmark.ports.arrays import Numbers
from earmark.types import Track


@dataclass(frozen=True, slots=True)
class StoredFeatures:
    """One engine's packed features and the parameters they were made with."""

    digest: str
    data: bytes


@dataclass(frozen=True, slots=True)
class NewTrack:
    """All that is written for one track, in one transaction.

    ``audio_id`` identifies the audio by its features: tracks with the same ``audio_id`` share one
    number and are indexed once. ``size_bytes`` and ``modified_ns`` let a later run skip a file
    that has not changed. ``track_id`` replaces that track, or creates it under the caller's id.
    """

    source: str
    content_id: str
    audio_id: str
    duration_s: float
    features: Mapping[str, StoredFeatures]
    size_bytes: int = -1
    modified_ns: int = -1
    title: str = ""
    artist: str = ""
    album: str = ""
    tags: tuple[str, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)
    cover: bytes | None = None
    track_id: str | None = None


@dataclass(frozen=True, slots=True)
class SourceState:
    """What the store remembers of a file, to tell whether it changed."""

    track_id: str
    source: str
    content_id: str
    size_bytes: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class TrackChanges:
    """Fields to overwrite; None leaves a field as it is."""

    title: str | None = None
    artist: str | None = None
    album: str | None = None
    tags: tuple[str, ...] | None = None
    extra: Mapping[str, str] | None = None
    source: str | None = None
    size_bytes: int | None = None
    modified_ns: int | None = None


class TrackStore(Protocol):
    """The one truth: tracks, their metadata and every engine's features."""

    def writing(self) -> AbstractContextManager[None]:
        """Hold the library's single writer's lock (re-entrant within a thread).

        Raises
        ------
        LibraryLockedError
            Another process kept it longer than the configured wait.
        """

    def put(self, tracks: Sequence[NewTrack]) -> list[Track]:
        """Insert or replace, all in one durable transaction; on return nothing can be lost."""

    def update(self, track_id: str, changes: TrackChanges) -> Track:
        """Overwrite metadata of one track; raises `TrackNotFoundError`."""

    def delete(self, track_ids: Sequence[str]) -> None:
        """Delete all or none in one durable transaction; raises `TrackNotFoundError`.

        Audio that no track refers to any more goes with the last of them.
        """

    def get(self, track_id: str) -> Track:
        """Return one track; raises `TrackNotFoundError`."""

    def by_number(self, numbers: Sequence[int]) -> dict[int, list[Track]]:
        """Return the tracks of each number, first added first; unknown numbers are absent."""

    def source_state(self, source: str) -> SourceState | None:
        """Return what is remembered of a source, or None."""

    def by_content(self, content_id: str) -> list[SourceState]:
        """Return every track of a content id, first added first."""

    def page(self, after: str | None, limit: int, text: str | None = None) -> list[Track]:
        """Return tracks in the order they were added, after the track id ``after``.

        ``text`` keeps tracks whose title, artist, album, tags or source contain it, ignoring case.
        """

    def cover(self, track_id: str) -> bytes | None:
        """Return the cover picture's bytes, or None."""

    def count(self) -> int:
        """Return the number of tracks."""

    def numbers(self, engine: str) -> Numbers:
        """Return the sorted numbers that hold features of ``engine``."""

    def features(self, engine: str, numbers: Sequence[int]) -> Iterator[tuple[int, StoredFeatures]]:
        """Yield the features of those numbers that have them, ascending."""

    def replace_features(self, engine: str, items: Mapping[int, StoredFeatures]) -> None:
        """Overwrite one engine's features of existing numbers (a rebuild from sources)."""

    def revision(self) -> int:
        """Return a value that changes whenever any process has changed the store."""

    def totals(self) -> Mapping[str, float]:
        """Return ``tracks``, ``audios``, ``audio_s`` (indexed once each) and ``bytes``."""

    def check(self) -> list[str]:
        """Return one sentence per fault found in the truth; empty when sound."""

    def close(self) -> None:
        """Release files and connections."""
