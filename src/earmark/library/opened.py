"""What every use case stands on: the library's parts, and how a change reaches its indexes."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.bootstrap import Parts
from earmark.config import Settings
from earmark.indexes import Indexes
from earmark.ports import NewTrack
from earmark.types import Track

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
        self._indexes = Indexes(parts)
        self._workshop: Workshop | None = None
        self._opening = threading.Lock()
        self._unsettled = 0

    @property
    def folder(self) -> Path:
        """The library's folder."""
        return self._parts.folder.absolute()

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
        return f"<Library {str(self._parts.folder)!r}>"

    def _commit(self, batch: Sequence[NewTrack]) -> list[Track]:
        with self._tracks.writing():
            tracks = self._tracks.put(batch)
            self._indexes.follow()
        return tracks

    def _settle(self) -> None:
        with self._tracks.writing():
            self._indexes.flush()

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
