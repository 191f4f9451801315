"""The questions: what is this, what is like it, what is there."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from earmark.library.opened import Opened
from earmark.reports import LibraryStats
from earmark.types import Answer, Kind, Mode, Track, Within

if TYPE_CHECKING:
    from earmark.audio.stream import Source
    from earmark.library.following import Follow

PAGE = 500


class Questions(Opened):
    """What a library is asked; nothing here changes it."""

    def identify(
        self,
        source: Source,
        mode: Mode = "auto",
        limit: int = 5,
        *,
        name: str | None = None,
        within: Within | None = None,
        stop: threading.Event | None = None,
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
        stop
            Once set, the question is given up before the next engine or block.

        Raises
        ------
        InputError
            The source is the trouble: see its subclasses and their codes.
        UsageError
            No such mode, a limit below 1, or no such label.
        StoppedError
            ``stop`` was set.
        StoreError
            The library is the trouble.
        """
        from earmark.audio.stream import name_of
        from earmark.query import Query

        called = name if name is not None else name_of(source)
        query = Query(
            self._indexes, self._tracks, source, called, self._limits(), within or Within(), stop
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

    def duplicates(
        self, track_id: str, limit: int = 20, *, stop: threading.Event | None = None
    ) -> Answer:
        """Say which other tracks are the same recording as one of this library, or hold it.

        Those whose audio is the same to a sample come first, then what the recording engine finds
        of the track's own file; ``considered`` says where that could not be asked.

        Raises
        ------
        TrackNotFoundError
            No such track.
        UsageError
            A limit below 1.
        StoppedError
            ``stop`` was set.
        StoreError
            The library is the trouble.
        """
        from earmark.duplicates import duplicates
        from earmark.ingest.media import audio_file

        return duplicates(
            self._tracks,
            track_id,
            limit,
            lambda track: audio_file(track, self._analyst().analyses),
            lambda path, most: self.identify(path, "recording", most, stop=stop),
        )

    def follow(self, *, effort: float = 1.0, also: Sequence[Kind] = ()) -> Follow:
        """Start to follow a long source; `earmark.monitor.Monitor` makes detections of it.

        Parameters
        ----------
        effort
            How often costly tries are made, 1.0 being the usual.
        also
            Engines that will be asked besides.

        Raises
        ------
        UsageError
            No engine that names recordings is on, or none of a kind in ``also``.
        StoreError
            The library is the trouble.
        """
        from earmark.library.following import Follow, require

        for kind in also:
            require(self._indexes, kind, f"a second opinion needs an engine for {kind}")
        return Follow(self._indexes, effort)

    def holding(self, numbers: Sequence[int]) -> list[Track]:
        """Return the tracks that hold the audio of those numbers, in their order."""
        found = self._tracks.by_number(list(numbers))
        return [track for number in numbers for track in found.get(number, [])]

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

    def engines(self) -> Mapping[str, bool]:
        """Return every installed engine, in the order of ``auto``, and whether it is on here."""
        on = self._indexes.names
        return {name: name in on for name in self._indexes.all_names}

    @property
    def endings(self) -> frozenset[str]:
        """The endings of the files that `add` takes from folders: of audio, video and scores."""
        from earmark.ingest.inputs import MEDIA
        from earmark.ingest.scores import suffixes

        return MEDIA | suffixes(self._analyst().analyses)

    def __iter__(self) -> Iterator[Track]:
        return self.tracks()
