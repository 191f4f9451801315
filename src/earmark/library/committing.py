"""How a change reaches the truth and the indexes: in a folder, and where many machines write."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from earmark.indexes import FLUSH_EVERY, Indexes
from earmark.ports import NewTrack, SharedTrackStore, TrackStore
from earmark.shared_indexes import SharedIndexes
from earmark.types import Track


class Committing(Protocol):
    """The order in which the truth and the indexes change."""

    def commit(self, batch: Sequence[NewTrack]) -> list[Track]:
        """Write tracks; on return they cannot be lost and every search finds them."""

    def remove(self, track_ids: Sequence[str]) -> None:
        """Remove all or none; on return no search of any process finds them."""

    def settle(self) -> None:
        """Put the indexes in order: a run of changes is over."""

    def alone(self) -> AbstractContextManager[None]:
        """Keep other writers out, for what concerns all tracks."""


class TruthFirst:
    """In a folder: one writer at a time, and indexes that follow from the truth."""

    def __init__(self, tracks: TrackStore, indexes: Indexes) -> None:
        self._tracks = tracks
        self._indexes = indexes

    def commit(self, batch: Sequence[NewTrack]) -> list[Track]:
        """Write tracks, then the indexes in memory; those on disk catch up at `settle`."""
        with self._tracks.writing():
            tracks = self._tracks.put(batch)
            self._indexes.follow()
        return tracks

    def remove(self, track_ids: Sequence[str]) -> None:
        """Remove tracks, then what the indexes hold of them."""
        with self._tracks.writing():
            self._tracks.delete(track_ids)
            self._indexes.follow()
            self._indexes.flush()

    def settle(self) -> None:
        """Make the indexes durable."""
        with self._tracks.writing():
            self._indexes.flush()

    def alone(self) -> AbstractContextManager[None]:
        """Hold the writer's lock."""
        return self._tracks.writing()


class VisibleLast:
    """Where many machines write: staged, indexed, then published; hidden first, then cleared."""

    def __init__(self, tracks: SharedTrackStore, indexes: SharedIndexes) -> None:
        self._tracks = tracks
        self._indexes = indexes
        self._unflushed = 0

    def commit(self, batch: Sequence[NewTrack]) -> list[Track]:
        """Write tracks; a failure on the way leaves nothing visible, and `tidy` clears it away.

        Now and then the indexes are put in order first: what was appended and never merged makes
        each addition dearer than the one before.
        """
        with self._tracks.writing():
            if self._unflushed >= FLUSH_EVERY:
                self._unflushed = 0
                self._indexes.flush()
            stage = self._tracks.stage(batch)
            self._indexes.lead(stage)
            published = self._tracks.publish(stage)
            self._clear(published.gone)
            self._unflushed += len(published.tracks)
        return list(published.tracks)

    def remove(self, track_ids: Sequence[str]) -> None:
        """Hide tracks, then clear the indexes."""
        with self._tracks.writing():
            self._clear(self._tracks.hide(track_ids))

    def settle(self) -> None:
        """Clear away what others have left, and rebuild what the library has outgrown."""
        with self._tracks.writing():
            self._indexes.tidy()
            self._unflushed = 0
            self._indexes.flush()
            outgrown = self._indexes.outgrown()
        if outgrown:
            with self._tracks.alone():
                for name in self._indexes.outgrown():  # another may have done it meanwhile
                    self._indexes.rebuild(name)

    def alone(self) -> AbstractContextManager[None]:
        """Wait until nobody else writes, and keep them out."""
        return self._tracks.alone()

    def _clear(self, numbers: Sequence[int]) -> None:
        if numbers:
            self._indexes.clear(numbers)
            self._tracks.forget(numbers)
