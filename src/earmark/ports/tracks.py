"""The truth: tracks, their metadata and every engine's features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

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
    ``added_at`` is the day that a copy brings along; None is now, and a replaced track keeps its
    own.
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
    added_at: str | None = None


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


@dataclass(frozen=True, slots=True)
class Stage:
    """Tracks that are written down and not visible yet: parallel ``tracks`` and ``numbers``.

    ``new`` tells for each engine the numbers whose features this stage has brought: what its index
    has to know before the tracks are published. ``token`` names the stage in the store.
    """

    token: str
    tracks: tuple[NewTrack, ...]
    numbers: tuple[int, ...]
    new: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Published:
    """Tracks that are visible from now on, and the numbers that no track refers to any more."""

    tracks: tuple[Track, ...]
    gone: tuple[int, ...] = ()


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


@runtime_checkable
class Mending(Protocol):
    """What a `TrackStore` may be besides: some of what `check` finds it can mend by itself."""

    def mend(self) -> list[str]:
        """Mend that, and return one sentence for each thing done; nobody else writes meanwhile."""


@runtime_checkable
class SharedTrackStore(TrackStore, Protocol):
    """What a `TrackStore` may be besides: several machines write to it at once.

    There is no transaction over it and the indexes, so a track becomes visible last (`stage`, then
    the indexes, then `publish`) and a removal hides first (`hide`, then the indexes, then
    `forget`). Each step may be done twice. What a writer that died has left is found by
    `leftovers` and cleared away by whoever comes next: the indexes remove it, then `forget`.

    `writing` is held by any number of writers at once; it only keeps `alone` out.
    """

    def alone(self) -> AbstractContextManager[None]:
        """Keep every writer out, for what concerns all tracks (re-entrant within a thread).

        Raises
        ------
        LibraryLockedError
            Others kept writing longer than the configured wait.
        """

    def stage(self, tracks: Sequence[NewTrack]) -> Stage:
        """Write tracks durably where nobody sees them; the caller holds `writing`."""

    def publish(self, stage: Stage) -> Published:
        """Make a stage visible: all of it at one moment; the caller has held `writing` since.

        Audio that another writer has published meanwhile keeps that writer's number, and the
        stage's own number is among ``gone``.

        Raises
        ------
        LibraryLockedError
            This process stood still for so long that another has taken over its work; nothing of
            the stage is or will be visible.
        """

    def hide(self, track_ids: Sequence[str]) -> list[int]:
        """Hide all or none at one moment; return the numbers that no track refers to any more.

        Raises
        ------
        TrackNotFoundError
            There is no such track.
        """

    def leftovers(self) -> list[int]:
        """Return the sorted numbers that are to be cleared away.

        They are those of stages whose writer is gone, and those that are hidden and not forgotten.
        """

    def staged(self) -> list[int]:
        """Return the sorted numbers of stages that are not published yet; some may never be."""

    def forget(self, numbers: Sequence[int]) -> None:
        """Delete the features of `leftovers`; the indexes know nothing of them any more."""

    def claim(self, sources: Sequence[str]) -> list[bool]:
        """Take sources for this process; False where another living process has one.

        A claim lasts until `release`, `close` or some seconds after the process has died. Claims
        that this process holds already are True.
        """

    def release(self, sources: Sequence[str]) -> None:
        """Give claims of this process back."""


@runtime_checkable
class TagLookup(Protocol):
    """What a `TrackStore` may be besides: it need not read every track to find those of a tag."""

    def by_tags(self, tags: Sequence[str]) -> Numbers:
        """Return the sorted numbers of the tracks that have every one of ``tags``."""
