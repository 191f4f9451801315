"""What every use case stands on: the library's parts, and how a change reaches its indexes."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.bootstrap import Parts
from earmark.config import Settings
from earmark.errors import UsageError
from earmark.homes import FolderHome
from earmark.indexes import Indexes
from earmark.library.committing import Committing, TruthFirst, VisibleLast
from earmark.ports import NewTrack, SharedTrackStore
from earmark.shared_indexes import SharedIndexes
from earmark.types import Kind, Track

if TYPE_CHECKING:
    from earmark.audio.fetch import FetchLimits
    from earmark.ingest.analyse import Analyst
    from earmark.ingest.workshop import Workshop


class Opened:
    """An open library's parts."""

    def __init__(self, parts: Parts, settings: Settings) -> None:
        self._parts = parts
        self._settings = settings
        self._tracks = parts.tracks
        self._indexes: Indexes
        self._committing: Committing
        if isinstance(parts.tracks, SharedTrackStore):
            self._indexes = shared = SharedIndexes(parts, parts.tracks)
            self._committing = VisibleLast(parts.tracks, shared)
        else:
            self._indexes = Indexes(parts)
            self._committing = TruthFirst(parts.tracks, self._indexes)
        self._workshop: Workshop | None = None
        self._opening = threading.Lock()
        self._unsettled = 0

    @property
    def address(self) -> str:
        """The library's folder, or its URL without secrets: what ``--library`` takes."""
        return self._parts.address

    @property
    def settings(self) -> Settings:
        """What it was opened with; ``library`` is its place, with the secrets of a URL."""
        return self._settings

    @property
    def shared(self) -> bool:
        """Whether other machines may write to it at the same time."""
        return isinstance(self._parts.tracks, SharedTrackStore)

    @property
    def folder(self) -> Path:
        """The library's folder; raises `UsageError` where it has none."""
        home = self._parts.home
        if not isinstance(home, FolderHome):
            message = f"the library {home.address} lies in no folder"
            raise UsageError(message)
        return home.folder.absolute()

    @property
    def revision(self) -> int:
        """A count that every change of any process raises."""
        return self._tracks.revision()

    def maker(self, kind: Kind) -> str:
        """Return which engine names things of a kind here, and the digest of its parameters."""
        for name in self._indexes.names:
            if self._indexes.kind(name) == kind:
                return f"{name} {self._indexes.engine(name).analysis.digest}"
        return kind  # it was switched off meanwhile

    def reach(self) -> None:
        """Raise `StoreUnavailableError` where a server that it needs does not answer."""
        self._parts.home.reach()

    def close(self) -> None:
        """End what runs, and release files and connections."""
        with self._opening:
            workshop = self._workshop
        if workshop is not None:
            workshop.close()
        self._parts.close()

    def __len__(self) -> int:
        return self._tracks.count()

    def __repr__(self) -> str:
        return f"<Library {self.address!r}>"

    def _commit(self, batch: Sequence[NewTrack]) -> list[Track]:
        return self._committing.commit(batch)

    def _settle(self) -> None:
        self._committing.settle()

    def _alone(self) -> AbstractContextManager[None]:
        return self._committing.alone()

    def _limits(self) -> FetchLimits:
        from earmark.audio.fetch import FetchLimits

        settings = self._settings
        return FetchLimits(
            max_bytes=settings.fetch_limit_bytes,
            stall_s=settings.fetch_timeout_s,
            public_only=settings.fetch_public_only,
        )

    def _analyst(self) -> Analyst:
        from earmark.ingest.analyse import Analyst

        analyses = tuple(self._indexes.engine(name).analysis for name in self._indexes.names)
        return Analyst(analyses, self._limits())
