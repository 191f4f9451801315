"""One file, score or URL, under an id of its own or the caller's: analysed apart, then written.

What is to be done is found out twice: before the analysis, without a lock, and once more under the
writer's lock, where it holds. Between the two other threads and processes may have done the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from earmark.audio._errors import mapped
from earmark.audio.fetch import is_url
from earmark.errors import TrackNotFoundError, UsageError
from earmark.ingest.analyse import Analysed, Analyst, Job, content_of
from earmark.ingest.claims import Claims
from earmark.ingest.crew import Patience
from earmark.ingest.inputs import one_source
from earmark.ingest.records import (
    Seen,
    extra_of,
    from_copy,
    from_file,
    score_lost,
    text,
    with_score,
)
from earmark.ingest.said import Said, other
from earmark.ingest.scores import SCORE, file_of, is_gone, piece_of, unfolded
from earmark.ports import Analysis, NewTrack, SourceState, TrackChanges, TrackStore
from earmark.reports import PutReport
from earmark.types import Tags, Track

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,127}")


@dataclass(frozen=True, slots=True)
class Shelf:
    """What putting needs of a library.

    ``analyst`` is of the engines that are on, and refuses a library that cannot be searched;
    ``perform`` has a job done in another process; ``commit`` writes durably and brings the indexes
    up to date; ``idle`` are the engines that are off.
    """

    tracks: TrackStore
    analyst: Callable[[], Analyst]
    perform: Callable[[Job, Patience], Analysed]
    commit: Callable[[Sequence[NewTrack]], list[Track]]
    idle: Callable[[], Sequence[str]]


@dataclass(frozen=True, slots=True)
class _Write:
    """What is to be written: a whole track, or changes of one that is there (perhaps none)."""

    new: NewTrack | None = None
    track: Track | None = None
    changes: TrackChanges = field(default_factory=TrackChanges)
    told: bool = True
    warnings: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing is to be written at all."""
        return self.new is None and self.changes == TrackChanges()


class Put:
    """One source to put; use once.

    Parameters
    ----------
    name
        What messages call the source.
    track_id
        The id to have; None is that of the track with this source, or a new one.
    again
        Whether, without an id, bytes that the library holds already make another track.
    """

    def __init__(
        self, shelf: Shelf, source: str, name: str, track_id: str | None, said: Said, again: bool
    ) -> None:
        if track_id is not None and not _ID.fullmatch(track_id):
            message = (
                f"{track_id!r:.200} cannot be a track's id: 1 to 128 letters, digits and . _ ~ - "
                "that begin with a letter or a digit"
            )
            raise UsageError(message)
        self._shelf = shelf
        self._name = name
        self._source = one_source(source, name)
        self._track_id = track_id
        self._said = said.cleaned()
        self._again = again
        self._seen = Seen(0)
        self._content: str | None = None
        self._heard: Analysed | None = None

    def run(self, patience: Patience) -> PutReport:
        """Analyse what is not known, and write it; on return it cannot be lost.

        Raises
        ------
        UsageError
            A file of several tunes, of which none is named.
        InputError
            The source is the trouble.
        StoppedError, TimedOutError
            There was no patience left; nothing has changed.
        StoreError
            The library is the trouble.
        """
        analyst = self._shelf.analyst()
        analyst.prepare()
        self._look(analyst)
        claims = Claims(self._shelf.tracks)
        with claims.held(self._source, patience):
            if self._track_id is not None or self._again or self._content is None:
                return self._run(patience)
            # The same bytes from elsewhere at the same time must become one track. Whoever holds
            # bytes waits for nothing else, so nobody waits for ever.
            with claims.held(f"bytes:{self._content}", patience):
                return self._run(patience)

    def _run(self, patience: Patience) -> PutReport:
        while True:
            patience.check()
            step = self._sketch()
            if not isinstance(step, Job):
                if step is not None and step.empty:
                    return self._report(step)
                with self._shelf.tracks.writing():
                    patience.check()
                    step = self._step()  # others may have written meanwhile
                    if isinstance(step, _Write):
                        return self._written(step)
            self._heard = self._shelf.perform(step, patience)
            self._content = self._heard.content_id

    def _look(self, analyst: Analyst) -> None:
        """See what can be seen of the file without decoding it."""
        if is_url(self._source):
            return
        tunes = unfolded(analyst.analyses, self._source)
        if tunes[0] != self._source:
            message = (
                f"{self._name} holds {len(tunes)} tunes; add it as a whole, or put one of them: "
                f"{Path(tunes[0]).name}"
            )
            raise UsageError(message)
        file = file_of(self._source)
        with mapped(self._name):
            stat = Path(file).stat()
        self._seen = Seen(0, stat.st_size, stat.st_mtime_ns)
        self._content = content_of(file, piece_of(self._source), self._name)

    def _sketch(self) -> Job | _Write | None:
        """Return the step as it looks without a lock; None where a track went away meanwhile."""
        try:
            return self._step()
        except TrackNotFoundError:
            return None

    def _step(self) -> Job | _Write:
        """Return what is to be written, or the job that has to be done before that is known."""
        analyses = self._shelf.analyst().analyses
        if self._content is None:
            return Job(self._source, analyse=True, name=self._name)
        mine = self._mine()
        if mine is not None and mine.content_id == self._content:
            return self._unchanged(mine)
        holders = self._shelf.tracks.by_content(self._content)
        if mine is None and self._track_id is None and not self._again and holders:
            return self._held(holders)
        heard = self._heard
        if heard is not None and _is_of(heard, analyses):
            new = from_file(self._source, self._seen, heard, ())
        else:
            copy = self._copy(holders, analyses)
            if copy is None or heard is None:
                return Job(self._source, analyse=copy is None, tags=True, name=self._name)
            new = copy
        return self._made(new, mine, analyses, heard.warnings)

    def _mine(self) -> Track | None:
        """Return the track that would be replaced: of the caller's id, or else of this source."""
        tracks = self._shelf.tracks
        if self._track_id is None:
            state = tracks.source_state(self._source)
            return None if state is None else tracks.get(state.track_id)
        try:
            return tracks.get(self._track_id)
        except TrackNotFoundError:
            return None

    def _unchanged(self, mine: Track) -> _Write:
        """Leave the audio alone; what the caller says of it is written where it differs."""
        changes = self._said.changes(mine)
        told = changes != TrackChanges()
        seen = self._seen
        if is_gone(mine.source):
            moved = replace(changes, source=self._source, size_bytes=seen.size_bytes)
            return _Write(track=mine, changes=replace(moved, modified_ns=seen.modified_ns))
        state = self._shelf.tracks.source_state(self._source)
        if state is not None and state.track_id == mine.id and seen.size_bytes >= 0:
            touched = other(seen.modified_ns, state.modified_ns)
            changes = replace(changes, modified_ns=touched)
        return _Write(track=mine, changes=changes, told=told)

    def _held(self, holders: Sequence[SourceState]) -> _Write:
        """Leave it at the track that has these bytes; one whose file is gone gets this one."""
        gone = next((holder for holder in holders if is_gone(holder.source)), None)
        if gone is None:
            return _Write(track=self._shelf.tracks.get(holders[0].track_id))
        seen = self._seen
        changes = TrackChanges(
            source=self._source, size_bytes=seen.size_bytes, modified_ns=seen.modified_ns
        )
        return _Write(track=self._shelf.tracks.get(gone.track_id), changes=changes)

    def _copy(
        self, holders: Sequence[SourceState], analyses: Sequence[Analysis[Any]]
    ) -> NewTrack | None:
        """Return a track that shares the audio of one with the same bytes, if it can."""
        idle = self._shelf.idle()
        if not holders:
            return None
        tracks, idle = self._shelf.tracks, self._shelf.idle()
        copy = from_copy(self._source, self._seen, tracks, holders[0], analyses, (), idle)
        if copy is None or self._heard is None:
            return copy
        tags = self._heard.tags or Tags()
        score = {SCORE: copy.extra[SCORE]} if SCORE in copy.extra else {}
        return replace(
            copy,
            title=text(tags.title),
            artist=text(tags.artist),
            album=text(tags.album),
            extra={**extra_of(tags), **score},
            cover=self._heard.cover,
        )

    def _made(
        self,
        new: NewTrack,
        mine: Track | None,
        analyses: Sequence[Analysis[Any]],
        warnings: tuple[str, ...],
    ) -> _Write:
        """Return what is to be written of a new or a changed file."""
        track_id = self._track_id
        if mine is not None:
            track_id = mine.id
            new, lost = with_score(self._shelf.tracks, analyses, mine, new)
            if lost is not None:
                warnings = (*warnings, score_lost(mine.id, lost))
        new = replace(self._said.over(new, mine), track_id=track_id)
        return _Write(new=new, track=mine, warnings=warnings)

    def _written(self, step: _Write) -> PutReport:
        if step.new is not None:
            (track,) = self._shelf.commit([step.new])
            return PutReport(track, step.track is None, True, step.warnings)
        if step.track is not None and not step.empty:
            track = self._shelf.tracks.update(step.track.id, step.changes)
            return PutReport(track, False, step.told, step.warnings)
        return self._report(step)

    def _report(self, step: _Write) -> PutReport:
        assert step.track is not None  # noqa: S101 - nothing is to be written, so it is there
        return PutReport(step.track, False, False, step.warnings)


def _is_of(heard: Analysed, analyses: Sequence[Analysis[Any]]) -> bool:
    """Return whether everything was heard that the engines which are on now want to know."""
    features = heard.features or {}
    digests = {name: item.digest for name, item in features.items()}
    return digests == {analysis.name: analysis.digest for analysis in analyses}
