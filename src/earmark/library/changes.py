"""The changes to tracks: add, put, describe, attach, remove."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from earmark.library.opened import Opened
from earmark.ports import NewTrack, TrackChanges
from earmark.reports import AddReport, ProgressCallback, PutReport
from earmark.types import Track

if TYPE_CHECKING:
    from earmark.attach import Scored
    from earmark.ingest.analyse import Analyst
    from earmark.ingest.single import Shelf

SETTLE_EVERY = 32
"""Tracks that are put one by one after which indexes are written: it costs 50 ms, a put 100."""


class Changes(Opened):
    """What is done to tracks; on return it cannot be lost."""

    def add(
        self,
        paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        *,
        workers: int | None = None,
        tags: Sequence[str] = (),
        progress: ProgressCallback | None = None,
        stop: threading.Event | None = None,
    ) -> AddReport:
        """Add files, folders, globs, playlists and URLs; what is known already is left alone.

        Parameters
        ----------
        paths
            What to add; files in folders are taken by their extension. Scores that an engine
            reads are tracks of their own; a book of many tunes is one track a tune, ``PATH#TUNE``.
        workers
            Analysis processes; None is what the settings say.
        tags
            Words to mark the new tracks with.
        progress
            Called with how far it is, from this thread.
        stop
            Once set, what is analysed is committed and the report marked interrupted.

        Returns
        -------
        AddReport
            Counts, and each input that failed with its reason; a failed input stops nothing.

        Raises
        ------
        DiskFullError, LibraryLockedError, LibraryParametersError, StoreError
            The library cannot take more; what was acknowledged is kept.
        """
        from earmark.ingest.inputs import collect
        from earmark.ingest.run import Ingest
        from earmark.ingest.scores import suffixes, unfolded

        named = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
        for name in self._indexes.names:
            self._indexes.current(name)  # a library that cannot be searched takes nothing in
        analyst = self._analyst()
        analyst.prepare()
        ingest = Ingest(
            self._tracks,
            self._commit,
            analyst,
            workers or self._settings.worker_count,
            progress=progress,
            stop=stop,
            labels=tags,
            idle=self._indexes.off,
        )
        analyses = analyst.analyses
        files = collect(named, suffixes(analyses), lambda file: unfolded(analyses, file))
        report = ingest.run(files)
        self._settle()
        return report

    def put(
        self,
        source: str | os.PathLike[str],
        *,
        track_id: str | None = None,
        name: str | None = None,
        title: str | None = None,
        artist: str | None = None,
        album: str | None = None,
        tags: Sequence[str] | None = None,
        extra: Mapping[str, str] | None = None,
        again: bool = False,
        stop: threading.Event | None = None,
        timeout_s: float | None = None,
    ) -> PutReport:
        """Put one audio file, score or URL under an id: what was there before is replaced.

        It is analysed in a process that stays for the next one, so that a file that brings its
        decoder down harms nothing else. On return it cannot be lost. The same call once more
        changes nothing. Any number of threads may put.

        Parameters
        ----------
        track_id
            1 to 128 letters, digits and ``. _ ~ -`` that begin with a letter or a digit. None is
            the track of this source, else the one that has the same bytes, else a new id.
        name
            What messages call the source.
        title, artist, album, tags, extra
            What to write down. None leaves it to the file's own tags; where the file says nothing
            either, or its bytes are those of the track already, it stays as it is.
        again
            Without an id, make another track even of bytes that the library holds.
        stop
            Once set, the analysis ends and nothing is changed.
        timeout_s
            The time it may take, waiting for a free process included.

        Raises
        ------
        UsageError
            No such id can be, or the file holds several tunes.
        InputError
            The source is the trouble; `AnalysisDiedError` where its analysis was killed.
        StoppedError, TimedOutError
            It was stopped, or took too long; nothing was changed.
        StoreError
            The library is the trouble.
        """
        from earmark.audio.stream import name_of
        from earmark.ingest.crew import Patience
        from earmark.ingest.said import Said
        from earmark.ingest.single import Put

        place = os.fspath(source)
        called = name if name is not None else name_of(place)
        said = Said(title, artist, album, tags, extra)
        put = Put(self._shelf(), place, called, track_id, said, again)
        return put.run(Patience(stop, timeout_s))

    def update(
        self,
        track_id: str,
        *,
        title: str | None = None,
        artist: str | None = None,
        album: str | None = None,
        tags: Sequence[str] | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> Track:
        """Overwrite metadata; None leaves a field as it is; raises `TrackNotFoundError`."""
        words = None if tags is None else tuple(tags)
        return self._tracks.update(track_id, TrackChanges(title, artist, album, words, extra))

    def attach(
        self, score: str | os.PathLike[str], track_id: str, *, part: str | None = None
    ) -> Track:
        """Attach a score to a recording: its tune is searched instead of the one that was heard.

        All tracks that share the recording's audio get it. On return it cannot be lost.

        Parameters
        ----------
        score
            A file that an engine reads besides audio (see the engine's documentation).
        part
            The voice of it that is the tune, by name or index; None chooses.

        Raises
        ------
        TrackNotFoundError
            No such track.
        InputError
            The score is missing, damaged, or holds no tune.
        UsageError
            No engine reads such files, the track is a score itself, or there is no such part.
        StoreError
            The library is the trouble; features that are missing call for a rebuild.
        """
        from earmark.attach import attach

        return attach(self._scored(), os.fspath(score), track_id, part)

    def detach(self, track_id: str) -> Track:
        """Take an attached score off a recording; raises `UsageError` where there is none."""
        from earmark.attach import detach

        return detach(self._scored(), track_id)

    def remove(self, track_ids: str | Iterable[str]) -> None:
        """Remove tracks, all or none; raises `TrackNotFoundError`.

        On return no search finds them any more, in any process.
        """
        ids = [track_ids] if isinstance(track_ids, str) else list(dict.fromkeys(track_ids))
        for name in self._indexes.names:
            self._indexes.current(name)
        self._committing.remove(ids)

    def _commit_one(self, batch: Sequence[NewTrack]) -> list[Track]:
        """Write one track; indexes, which follow from the truth, are made durable now and then."""
        tracks = self._commit(batch)
        self._unsettled += len(tracks)
        if self._unsettled >= SETTLE_EVERY:
            self._unsettled = 0
            self._settle()
        return tracks

    def _shelf(self) -> Shelf:
        from earmark.ingest.single import Shelf
        from earmark.ingest.workshop import Workshop

        with self._opening:
            workshop = self._workshop = self._workshop or Workshop(self._settings.worker_count)

        def analyst() -> Analyst:
            for name in self._indexes.names:
                self._indexes.current(name)  # a library that cannot be searched takes nothing in
            return self._analyst()

        return Shelf(
            self._tracks,
            analyst,
            lambda job, patience: workshop.perform(analyst(), job, patience),
            self._commit_one,
            lambda: self._indexes.off,
        )

    def _scored(self) -> Scored:
        from earmark.attach import Scored

        for name in self._indexes.names:
            self._indexes.current(name)
        return Scored(self._tracks, self._analyst().analyses, self._indexes.all_names, self._put)

    def _put(self, batch: Sequence[NewTrack]) -> None:
        self._commit(batch)
        self._settle()
