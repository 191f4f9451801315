"""The use cases: add, identify, list, change, remove, rebuild, carry away. Faces stand on this."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from earmark.bootstrap import Parts, open_parts
from earmark.config import Settings, load_settings
from earmark.errors import UsageError
from earmark.indexes import Indexes
from earmark.ports import NewTrack, TrackChanges
from earmark.reports import AddReport, CopyReport, LibraryStats, ProgressCallback, RebuildReport
from earmark.types import Answer, Mode, Track, Within

if TYPE_CHECKING:
    from earmark.attach import Scored
    from earmark.audio.fetch import FetchLimits
    from earmark.audio.stream import Source
    from earmark.ingest.analyse import Analyst

PAGE = 500


class Library:
    """A library of recordings; open one with `Library.open`, use it in a ``with`` block.

    Any number of threads may use one library, and searches go on while another thread adds. Any
    number of processes may open one folder; writers take turns.
    """

    def __init__(self, parts: Parts, settings: Settings) -> None:
        self._parts = parts
        self._settings = settings
        self._tracks = parts.tracks
        self._indexes = Indexes(parts)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str] | None = None,
        *,
        create: bool = False,
        repair: bool = False,
        settings: Settings | None = None,
    ) -> Library:
        """Open a library.

        Parameters
        ----------
        path
            Its folder; None is the one the settings name.
        create
            Make it if it is not there.
        repair
            Accept a damaged ``library.json`` (for `rebuild` and `check`).
        settings
            None loads them from the environment and ``earmark.toml``.

        Raises
        ------
        LibraryNotFoundError, LibraryVersionError, DamagedIndexError, StoreError
            It cannot be opened; the message names the remedy. That its parameters are others is
            found, and raised as `LibraryParametersError`, at the first search or change.
        """
        settings = settings or load_settings()
        place = settings.library if path is None else os.fspath(path)
        return cls(open_parts(place, settings, create=create, repair=repair), settings)

    # --- questions ------------------------------------------------------------------------

    def identify(
        self,
        source: Source,
        mode: Mode = "auto",
        limit: int = 5,
        *,
        name: str | None = None,
        within: Within | None = None,
    ) -> Answer:
        """Say what a source is; "no match" is an answer, not an error.

        Parameters
        ----------
        source
            A path, an http(s) URL, bytes, or a binary file object; any length, in bounded memory.
        mode
            Which engine to ask; ``auto`` asks one after another until one is certain.
        limit
            The most matches to return.
        name
            What the answer calls the source.
        within
            The tracks that are asked about; None: all.

        Raises
        ------
        InputError
            The source is the trouble: see its subclasses and their codes.
        UsageError
            No such mode, a limit below 1, or no such label.
        StoreError
            The library is the trouble.
        """
        from earmark.audio.stream import name_of
        from earmark.query import Query

        called = name if name is not None else name_of(source)
        query = Query(
            self._indexes, self._tracks, source, called, self._limits(), within or Within()
        )
        return query.answer(mode, limit)

    def similar(
        self,
        track_id: str,
        at_s: float | None = None,
        limit: int = 5,
        *,
        within: Within | None = None,
    ) -> Answer:
        """Say what sounds like a track of this library, itself left out.

        Parameters
        ----------
        at_s
            The moment of it to compare, in seconds; None compares all of its moments.
        limit
            The most matches to return.
        within
            The tracks to compare it with; None: all. With ``whole`` files are compared as wholes.

        Raises
        ------
        TrackNotFoundError
            No such track.
        UsageError
            Nothing sounds at ``at_s``, no engine that is on compares sounds, no such label, or a
            limit below 1.
        StoreError
            The library is the trouble; a track that was not analysed for this needs a `rebuild`.
        """
        from earmark.similar import similar

        return similar(self._indexes, self._tracks, track_id, at_s, limit, within or Within())

    def get(self, track_id: str) -> Track:
        """Return one track; raises `TrackNotFoundError`."""
        return self._tracks.get(track_id)

    def cover(self, track_id: str) -> bytes | None:
        """Return a track's cover picture, or None; raises `TrackNotFoundError`."""
        self._tracks.get(track_id)
        return self._tracks.cover(track_id)

    def tracks(
        self, text: str | None = None, *, after: str | None = None, limit: int | None = None
    ) -> Iterator[Track]:
        """Yield tracks in the order they were added.

        Parameters
        ----------
        text
            Keep those whose title, artist, album, tags or source contain it, ignoring case.
        after
            Begin behind this track id.
        limit
            The most to yield; None yields all.
        """
        left = limit
        while left is None or left > 0:
            page = self._tracks.page(after, PAGE if left is None else min(PAGE, left), text)
            yield from page
            if not page:
                return
            after = page[-1].id
            left = None if left is None else left - len(page)

    def stats(self) -> LibraryStats:
        """Return counts and sizes; opens every engine."""
        totals = self._tracks.totals()
        engines = {name: self._indexes.current(name).stats() for name in self._indexes.names}
        return LibraryStats(
            tracks=int(totals["tracks"]),
            audios=int(totals["audios"]),
            audio_s=float(totals["audio_s"]),
            truth_bytes=int(totals["bytes"]),
            engines=engines,
            choices=self.choices(),
            vectors=self._parts.place().told,
        )

    def choices(self) -> Mapping[str, Mapping[str, str]]:
        """Return what engines are opened for here: ``{"sound": {"model": "mn04"}}``."""
        return self._indexes.choices()

    def check(self) -> list[str]:
        """Return one sentence for each fault found in the truth or an index; reads everything."""
        return [*self._tracks.check(), *self._indexes.faults()]

    # --- changes --------------------------------------------------------------------------

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
        with self._tracks.writing():
            self._tracks.delete(ids)
            self._indexes.follow()
            self._indexes.flush()

    def engines(self) -> Mapping[str, bool]:
        """Return every installed engine, in the order of ``auto``, and whether it is on here."""
        on = self._indexes.names
        return {name: name in on for name in self._indexes.all_names}

    def switch(self, name: str, on: bool) -> int:
        """Switch an engine on or off in this library, for every process.

        An engine that is off is not asked and costs nothing when tracks are added. Its index is
        dropped; its features stay, so that switching it on again needs no audio.

        Returns
        -------
        int
            How many different audios need `rebuild` before the engine finds them.

        Raises
        ------
        UsageError
            No such engine, or the last one that is on.
        """
        known = self._indexes.all_names
        if name not in known:
            message = f"no engine {name!r} is installed; there are: {', '.join(known)}"
            raise UsageError(message)
        if not on and set(self._indexes.names) <= {name}:
            message = f"{name!r} is the only engine that is on; switch another one on first"
            raise UsageError(message)
        with self._tracks.writing():
            return self._indexes.switch(name, on)

    def rebuild(
        self,
        *,
        model: str | None = None,
        workers: int | None = None,
        progress: ProgressCallback | None = None,
    ) -> RebuildReport:
        """Build every derived index again from the truth.

        Features made with other parameters than this earmark's are first made again from their
        sources; those whose source is missing are reported and cannot be found until it is back.

        Parameters
        ----------
        model
            The sound model to go over to (see `earmark models list`); None keeps the library's.

        Raises
        ------
        UsageError
            No such model; nothing has changed then.
        ModelUnavailableError, CheckpointError
            It cannot be opened here; nothing has changed then.
        """
        from earmark.rebuild import Rebuild

        count = workers or self._settings.worker_count
        with self._tracks.writing():
            if model is not None:
                self._indexes.choose("sound", {"model": model})
            return Rebuild(self._tracks, self._indexes, self._analyst(), count, progress).run()

    # --- carrying it away -----------------------------------------------------------------

    def export_to(
        self,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        progress: ProgressCallback | None = None,
    ) -> CopyReport:
        """Write the whole library, without audio, to one portable file.

        Raises
        ------
        UsageError
            The file exists and may not be overwritten.
        StoreError, DiskFullError
            It cannot be written.
        """
        from earmark.archive.write import export
        from earmark.bootstrap import store_errors

        with store_errors(path):
            return export(
                self._tracks,
                self._indexes.all_names,
                Path(path),
                overwrite=overwrite,
                progress=progress,
            )

    def import_from(
        self, path: str | os.PathLike[str], *, progress: ProgressCallback | None = None
    ) -> CopyReport:
        """Add every track of an archive under its old id; what is here already is left alone.

        Raises
        ------
        ArchiveError
            Not an archive, or damaged.
        LibraryVersionError, LibraryParametersError
            Made by an earmark whose features this one cannot search.
        """
        from earmark.archive.read import import_into

        for name in self._indexes.names:
            self._indexes.current(name)
        digests = {name: self._indexes.engine(name).analysis.digest for name in self._indexes.names}
        report = import_into(self._tracks, self._commit, digests, Path(path), progress)
        self._settle()
        return report

    # --- the rest -------------------------------------------------------------------------

    def close(self) -> None:
        """Release files and connections."""
        self._parts.close()

    def __len__(self) -> int:
        return self._tracks.count()

    def __iter__(self) -> Iterator[Track]:
        return self.tracks()

    def __enter__(self) -> Library:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

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

    def _scored(self) -> Scored:
        from earmark.attach import Scored

        for name in self._indexes.names:
            self._indexes.current(name)
        return Scored(self._tracks, self._analyst().analyses, self._indexes.all_names, self._put)

    def _put(self, batch: Sequence[NewTrack]) -> None:
        self._commit(batch)
        self._settle()

    def _limits(self) -> FetchLimits:
        from earmark.audio.fetch import FetchLimits

        settings = self._settings
        return FetchLimits(max_bytes=settings.fetch_limit_bytes, stall_s=settings.fetch_timeout_s)

    def _analyst(self) -> Analyst:
        from earmark.ingest.analyse import Analyst

        analyses = tuple(self._indexes.engine(name).analysis for name in self._indexes.names)
        return Analyst(analyses, self._limits())
